"""What other tools read of a store, in their own standards: OpenLineage events, Croissant, and the layout of the Hugging Face Hub."""

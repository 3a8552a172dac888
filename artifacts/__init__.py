"""The nouns of Worldloom, their identity, their store and their tables."""

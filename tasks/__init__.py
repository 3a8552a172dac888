"""The stages that make a draft, the gates that judge it, and the models that write."""

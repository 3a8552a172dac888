"""Walks on the tool graph, bound to real rows and carried out before anyone puts them into words."""

"""Worlds as Docker images: one base for all of them and one thin layer each, the same bytes every time."""

"""Sealed worlds into container images, ordered from the workflow server."""

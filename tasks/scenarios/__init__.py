"""Pools of scenarios: shipped seeds, files, invention, novelty and quotas."""

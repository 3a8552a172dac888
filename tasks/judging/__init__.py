"""The judge: a model that settles what code cannot, and its calibration against code."""

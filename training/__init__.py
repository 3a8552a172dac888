"""Programs that train on worlds."""

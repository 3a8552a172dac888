"""The embedded model `worldloom/procedural-1`: a procedural author that reads the prompts and answers as a model would."""

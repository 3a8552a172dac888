"""How hard agent tasks are: measured on rows and tools, turned into a level, spread as asked, and held against a scripted solver."""

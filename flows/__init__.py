"""Order and fan-out: one flow a file, and the `worldloom` command."""

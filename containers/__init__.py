"""Where a world runs: in this process, behind a server, in an image."""

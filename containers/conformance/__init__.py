"""One suite of cases that every backend passes: in this process, behind a server, in an image."""

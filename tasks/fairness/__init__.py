"""Other right ways of doing a task, which must be paid as right."""

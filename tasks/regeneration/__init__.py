"""Making worlds again, from the first stage that is out of date, and knowing why."""

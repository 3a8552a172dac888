"""Feature modules: each contributes tables, rows, tools and ideas for agent tasks, in a domain's own words."""

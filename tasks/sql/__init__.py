"""Reading generated SQL: whitelist, lints, catalogue, lineage and types; nothing is run on a world's rows."""

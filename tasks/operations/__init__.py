"""Running the factory for weeks: the workflow server, its deployments and its workers, brought up and down."""

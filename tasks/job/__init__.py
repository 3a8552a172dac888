"""One job: the order, the plan, the weaving of drafts, publishing, the running figures, the workflow server."""

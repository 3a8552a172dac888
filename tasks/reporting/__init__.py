"""The report: a store's figures as one page that needs no network, and a page for each of its worlds."""

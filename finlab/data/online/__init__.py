"""Sources on the web: a polite client, and one room for each service."""

"""The rows of the gaps benchmark, a module for each question."""

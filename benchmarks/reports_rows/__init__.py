"""The rows of the reports benchmark, a module for each question."""

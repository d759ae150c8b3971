"""The kinds of cleaning rule, what each does to a table, and the trail by which it is undone."""

"""The parts of a comparison by key: how values are read, which rows belong together, and what their cells differ in."""

"""The parts of finding the truth: what sources claim, how it is read, and how far each of them can be trusted."""

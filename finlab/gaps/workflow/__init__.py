"""The parts of a worklist: where gaps are kept, what is decided about them, and the rules that explain them."""

"""The parts of a matching: which rows may belong together, how well they agree, and the cheapest explanation of all of them."""

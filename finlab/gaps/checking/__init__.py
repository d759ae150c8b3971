"""The parts of an identity: its formula, where it is judged, and what its failures say."""

"""The parts of planting gaps in a company's books: equations that no longer hold, figures over time, contradicting claims."""

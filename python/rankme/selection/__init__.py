"""Which run is best, and was the choice right."""

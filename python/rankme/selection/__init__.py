"""Which run is best: scores side by side, with what can be told apart and what must not be."""

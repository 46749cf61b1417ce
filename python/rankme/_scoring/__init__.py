"""From anything that has rows to a score: an array, many, a source, a run that is resumed."""

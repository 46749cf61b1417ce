"""What `rankme watch` does: rows of a source that grows into a monitor, and what it tells out."""

"""Sums of rows that grow, merge in any order and are saved."""

"""Figures that the README and the docstrings state, printed by one command: `make bench`."""

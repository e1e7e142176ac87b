"""The simulation library."""

"""Paper sessions under random faults, counted: ``python -m benchmarks.rehearsals``."""

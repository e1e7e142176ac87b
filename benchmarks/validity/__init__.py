"""Whether the statistics hold what they state, on worlds with a known truth.

``python -m benchmarks.validity [TABLE ...]`` prints a table per question; the tests measure the
same worlds, fewer times.
"""

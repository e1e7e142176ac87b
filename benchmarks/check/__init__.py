"""Whether a change made anything slower: the rows of two commits, timed in turns."""

"""Tables of bars as vendors, exports and languages write them: columns, instants, numbers.

Everything that a table leaves open (which column is the close, whose clock, which end of the bar,
which decimal mark) is guessed here, for files and for frames alike.
"""

"""What the functions of the zoo take from another module."""

RATE = 0.25
LADDER = {"low": (1, 2.0), "high": {3, 4}}


def shifted(x):
    return x + RATE


def unused(x):
    return x


class Clock:
    def __init__(self, start, names):
        self.start = start
        self.names = names

    def at(self, step):
        return self.start + step * RATE

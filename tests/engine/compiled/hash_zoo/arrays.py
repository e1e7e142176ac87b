"""Functions that capture arrays; NumPy is needed for them."""

import numpy as np

WEIGHTS = np.array([0.25, 0.5, np.nan, -0.0])
RECORDS = np.array([(1, 2.0), (3, 4.0)], dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
OBJECTS = np.array([{"x", "y"}, None, "text"], dtype=object)
SCALE = np.float32(0.1)
KIND = np.dtype("float64")


def weighted(x):
    return np.dot(WEIGHTS, x) + np.exp(SCALE) + np.linalg.norm(x).astype(KIND)


def recorded(x):
    return RECORDS["b"] * x, OBJECTS


def draws(seed):
    return np.random.default_rng(seed).normal()


def closure(array):
    def captured(x):
        return array[::-1] + x

    return captured


MADE = closure(WEIGHTS[::2])
SPREAD = {np.float64(1.0), np.int64(3), (WEIGHTS[0], "a")}


def spread(x):
    return x in SPREAD


MEMBERS = {
    "weighted": weighted,
    "recorded": recorded,
    "draws": draws,
    "made": MADE,
    "spread": spread,
    "weights": WEIGHTS,
}

"""Seed blocks: the partitions of every study's simulations."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCKS", "block_of"]

#: Seed blocks of every study, project-wide.
BLOCKS: Final = 16


def block_of(seeds: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the block of each seed, 0 to 15: its remainder, so that no other seed matters."""
    return seeds % np.uint64(BLOCKS)

"""What an indicator computes with."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Values"]

#: One value at each bar.
Values: TypeAlias = NDArray[np.float64]

"""Arguments of positions with several legs, as contiguous arrays for a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["along_legs"]


def along_legs(
    legs: Mapping[str, ArrayLike], each: Mapping[str, ArrayLike]
) -> tuple[tuple[int, ...], dict[str, NDArray[Any]]]:
    """Broadcast what legs have, along the last axis, against what positions have.

    Parameters
    ----------
    legs : mapping
        Arguments of shape (..., legs), of booleans the one that is named `call`.
    each : mapping
        Arguments of shape (...).

    Returns
    -------
    shape : tuple of int
        The shape of all positions.
    arrays : dict
        Of legs with shape (positions, legs), of positions with shape (positions,).

    Raises
    ------
    Refusal
        If shapes do not fit, there is no leg, or a number is not finite.
    """
    of_legs = {name: np.atleast_1d(_array(name, value)) for name, value in legs.items()}
    of_each = {name: _array(name, value) for name, value in each.items()}
    given = {**of_legs, **of_each}
    try:
        wide = np.broadcast_shapes(
            *(value.shape for value in of_legs.values()),
            *((*value.shape, 1) for value in of_each.values()),
        )
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in given.items())
        raise Refusal("", shapes, "legs along the last axis that broadcast") from None
    if wide[-1] == 0:
        raise Refusal("strikes", "no leg", "at least one")
    for name, value in given.items():
        if not np.isfinite(value).all():
            raise Refusal(name, f"{value[~np.isfinite(value)][0]}", "finite numbers")
    count = int(np.prod(wide[:-1]))
    arrays: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(np.broadcast_to(value, wide)).reshape(count, wide[-1])
        for name, value in of_legs.items()
    }
    for name, value in of_each.items():
        arrays[name] = np.ascontiguousarray(np.broadcast_to(value, wide[:-1])).reshape(count)
    return wide[:-1], arrays


def _array(name: str, value: ArrayLike) -> NDArray[Any]:
    return np.asarray(value, dtype=np.bool_ if name == "call" else np.float64)

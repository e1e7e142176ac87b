"""From arguments that broadcast to contiguous chunks for a kernel, and back to their shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["Inputs", "as_inputs", "filled", "refuse_scalars"]

Array = NDArray[np.float64]
Inputs = dict[str, NDArray[Any]]

# Inputs of one chunk stay in the processor's cache, whichever of them are single numbers.
_CHUNK = 8192


def as_inputs(**values: ArrayLike) -> Inputs:
    """Return arguments as arrays, of booleans the one that is named `call`, of float64 others."""
    inputs: Inputs = {
        name: np.asarray(value, dtype=np.bool_ if name == "call" else np.float64)
        for name, value in values.items()
    }
    try:
        np.broadcast_shapes(*(each.shape for each in inputs.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {each.shape}" for name, each in inputs.items() if each.ndim)
        raise Refusal("", shapes, "shapes that broadcast against each other") from None
    return inputs


def refuse_scalars(inputs: Inputs, rules: Mapping[str, str]) -> None:
    """Say in a sentence why a single option has no value; of arrays, such elements are NaN.

    Parameters
    ----------
    inputs : dict
        Arguments by name.
    rules : mapping
        ``"positive"`` or ``"not negative"`` by name; all arguments have to be finite.
    """
    if any(value.ndim for value in inputs.values()):
        return
    for name, value in inputs.items():
        if name == "call":
            continue
        found = float(value)
        if not np.isfinite(found):
            raise Refusal(name, f"{found}", "a finite number")
        rule = rules.get(name)
        if rule == "positive" and found <= 0.0:
            raise Refusal(name, f"{found}", "more than 0")
        if rule == "not negative" and found < 0.0:
            raise Refusal(name, f"{found}", "0 or more")


def filled(fill: Callable[..., None], inputs: Inputs, count: int) -> Array:
    """Run a kernel over all elements.

    Parameters
    ----------
    fill : callable
        Kernel that takes one contiguous array per input and `count` arrays to write to.
    inputs : dict
        Arguments that broadcast, in the order of the kernel's.
    count : int
        How many numbers each element has.

    Returns
    -------
    ndarray of float64, shape (count, ...)
        Behind the first axis, the shape to which the inputs broadcast.
    """
    shape = np.broadcast_shapes(*(value.shape for value in inputs.values()))
    size = int(np.prod(shape))
    out = np.empty((count, size))
    chunk = min(_CHUNK, size)
    whole = [
        np.full(chunk, value.item(), value.dtype)
        if value.size == 1
        else np.ascontiguousarray(np.broadcast_to(value, shape)).reshape(-1)
        for value in inputs.values()
    ]
    for start in range(0, size, max(chunk, 1)):
        end = min(start + chunk, size)
        parts = [
            each[: end - start] if len(each) < size or chunk == size else each[start:end]
            for each in whole
        ]
        fill(*parts, *(row[start:end] for row in out))
    return out.reshape(count, *shape)

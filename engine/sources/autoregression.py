"""Log returns that depend on those before them and on regressors, put onto a model's paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, kernel
from engine.errors import Refusal

__all__ = ["autoregressive", "checked_inputs", "coefficients_of"]

_MOST_LAGS = 10


def coefficients_of(scalars: Mapping[str, float]) -> dict[str, Any]:
    """Turn ``ar_1``, ``ar_2`` and so on, and ``beta_NAME``, into `ar` and `betas`."""
    lags = [name for name in scalars if name.startswith("ar_")]
    wanted = [f"ar_{lag}" for lag in range(1, len(lags) + 1)]
    if {*lags} != {*wanted}:
        raise Refusal("ar", ", ".join(lags), ", ".join(wanted))
    betas = {n.removeprefix("beta_"): scalars[n] for n in scalars if n not in wanted}
    return {"ar": tuple(scalars[name] for name in wanted), "betas": betas}


def checked_inputs(ar: Any, last_returns: Any, betas: Any, held: Any) -> dict[str, Any]:
    """Return the four as tuples and mappings of floats.

    Raises
    ------
    Refusal
        If one is something else, lags do not fit each other, or the returns would explode.
    """
    found: dict[str, Any] = {}
    for name, given in (("ar", ar), ("last_returns", last_returns)):
        try:
            numbers = np.array(given, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            numbers = np.array([np.nan])
        if not np.isfinite(numbers).all() or len(numbers) > _MOST_LAGS:
            raise Refusal(name, repr(given), f"at most {_MOST_LAGS} finite numbers")
        found[name] = tuple(numbers.tolist())
    for name, given in (("betas", betas), ("held", held)):
        try:
            found[name] = {str(key): float(value) for key, value in dict(given).items()}
        except (TypeError, ValueError):
            raise Refusal(name, repr(given), "numbers by the name of their regressor") from None
        if not np.isfinite([*found[name].values()]).all():
            raise Refusal(name, repr(given), "finite numbers")
    lags = len(found["ar"])
    if found["last_returns"] and len(found["last_returns"]) != lags:
        raise Refusal("last_returns", f"{len(found['last_returns'])} returns", str(lags))
    unknown = [name for name in found["held"] if name not in found["betas"]]
    if unknown:
        raise Refusal("held", repr(unknown[0]), ", ".join(found["betas"]) or "none")
    roots = np.roots([1.0, *(-value for value in found["ar"])]) if lags else np.empty(0)
    if len(roots) and np.abs(roots).max() >= 1.0:
        raise Refusal("ar", repr(found["ar"]), "numbers under which returns go back to their mean")
    return found


def autoregressive(
    fill: Callable[..., None],
    ar: NDArray[np.float64],
    before: NDArray[np.float64],
    shift: float,
) -> Callable[..., None]:
    """Return what runs a model's kernel and takes its log returns for the news of each bar.

    Parameters
    ----------
    fill : callable
        The kernel, see `ModelGenerator`.
    ar, before : ndarray, shape (lags,)
        Coefficients, and the log returns before the start, the nearest first.
    shift : float
        Added to the news of each bar.
    """

    def fill_autoregressive(
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        given: NDArray[np.float64],
        constants: NDArray[np.float64],
        out: NDArray[np.float64],
        ohlc: bool,
    ) -> None:
        fill(seeds, path_ids, antithetic, given, constants, out, ohlc)
        _accumulate(ar, before, shift, out)

    return fill_autoregressive


@kernel
def _accumulate(
    ar: NDArray[np.float64],
    before: NDArray[np.float64],
    shift: float,
    out: NDArray[np.float64],
) -> None:
    """Replace the log levels of the close row by those of the returns that follow from them."""
    out = borrow(out)
    lags = ar.size
    recent = np.empty(lags + 1)
    for n in range(out.shape[0]):
        for lag in range(lags):
            recent[lag] = before[lag]
        news_level, level = 0.0, 0.0
        for t in range(out.shape[3]):
            move = out[n, 0, 3, t] - news_level + shift
            for lag in range(lags):
                move += ar[lag] * recent[lag]
            news_level = out[n, 0, 3, t]
            level += move
            out[n, 0, 3, t] = level
            for lag in range(lags - 1, 0, -1):
                recent[lag] = recent[lag - 1]
            if lags > 0:
                recent[0] = move

"""The estimators by model name, and the functions that call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from typing import Any

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.sample import bars_as_of
from engine.errors import Refusal
from engine.frames import is_frame
from engine.models import BUILT_IN, calibrated_on
from engine.own_data import bars_of

__all__ = [
    "SPOT_MODELS",
    "calibrate",
    "data_of",
    "estimator",
    "model_names",
    "try_calibrate",
]

Estimator = Callable[..., Calibration]

#: Built-in models that bars alone can calibrate.
SPOT_MODELS = calibrated_on("Bars")


def model_names() -> tuple[str, ...]:
    """Names of the models that can be calibrated.

    A user's model is one of them if it has a class method `calibrate`, once its file is loaded
    (`engine.sources.load_user_sources`) or its package declares it.
    """
    from engine.sources.registry import source_names  # which loads Numba

    names = []
    for name in source_names():
        try:
            if _data_of(name):
                names.append(name)
        except ValueError:  # One broken model of a user's must not hide the others.
            continue
    return tuple(names)


def data_of(model: str) -> tuple[str, ...]:
    """Classes of the data that a model can be calibrated on, such as ``("Bars",)``.

    Raises
    ------
    ValueError
        If the model is unknown or cannot be calibrated.
    """
    found = _data_of(model)
    if found is None:
        raise Refusal("model", repr(model), ", ".join(model_names()))
    if not found and model not in BUILT_IN:
        raise Refusal(
            f"calibrate of {model}",
            "none",
            "a class method calibrate(cls, bars) that returns a Fit",
        )
    if not found:
        raise Refusal("model", f"{model!r}, which has no estimator", ", ".join(model_names()))
    return found


def _data_of(model: str) -> tuple[str, ...] | None:
    """Like `data_of`, but empty for a model without an estimator and None for an unknown one."""
    if not isinstance(model, str):
        told = f"a {type(model).__name__}"
        raise Refusal("model", told, "a name", hint='`mc.calibrate("gbm", data)`')
    if model in BUILT_IN:
        return BUILT_IN[model].calibrated_on
    from engine.calibration.fit import data_taken
    from engine.sources.registry import get_source, has_source

    return data_taken(get_source(model)) if has_source(model) else None


def estimator(model: str) -> Estimator:
    """Look up the estimator of a model: ``function(data, *, as_of, window, ...)``.

    Raises
    ------
    ValueError
        If no estimator has this name.
    """
    data_of(model)
    if model in BUILT_IN:
        module = import_module(f"{__package__}.{model}")
        function: Estimator = getattr(module, f"estimate_{model}")
        return function
    from engine.calibration.fit import estimator_of
    from engine.sources.registry import get_source

    return estimator_of(get_source(model))


def calibrate(model: str, data: Any, **options: Any) -> Calibration:
    """Estimate a model's parameters.

    Parameters
    ----------
    model : str
        One of `model_names`.
    data : Bars, FuturesPanel, OptionSurface, DataFrame or table of bars
        The history the model is estimated on.
    **options
        Options of the model's estimator, such as ``as_of`` and ``window``.

    Raises
    ------
    ValueError
        If the model or an option is unknown, or the data do not suffice for the estimate.

    Examples
    --------
    >>> import numpy as np
    >>> import engine as mc
    >>> path = mc.GBM(mu=0.05, sigma=0.2).paths(seeds=[1], steps=2520).values[0, 0]
    >>> weekdays = np.arange(2520) + 2 * (np.arange(2520) // 5) + 4
    >>> found = mc.calibrate("gbm", mc.Bars("SIM", weekdays * 86_400_000_000, *path[:5]))
    >>> 0.2 in found.interval("sigma"), found.interval("sigma").method
    (True, 'normal')
    """
    function = estimator(model)
    allowed = inspect.signature(function).parameters
    unknown = [name for name in options if name not in allowed]
    if unknown:
        names = ", ".join(list(allowed)[1:])
        raise Refusal(f"option of {model}", repr(unknown[0]), names)
    taken = data_of(model)
    data = _read(data)
    if type(data).__name__ not in taken:
        raise Refusal(f"data of {model}", type(data).__name__, " or ".join(taken))
    found = function(data, **options)
    return replace(found, history_hash=_history_hash(data, found.as_of))


def try_calibrate(model: str, data: Any, **options: Any) -> Calibration:
    """Like `calibrate`, but a failure becomes a record with status "failed" and the reason.

    It fails if the data do not suffice, the estimator raises, or its optimiser does not converge;
    the record then keeps the point that was reached.

    Raises
    ------
    ValueError
        If the model is unknown.
    """
    estimator(model)
    data = _read(data)
    try:
        found = calibrate(model, data, **options)
        if found.diagnostics.get("converged") is False:
            reason = "the optimiser did not converge to a maximum that the data determine"
            return replace(found, status="failed", reason=reason)
        return found
    except Exception as error:  # One failing estimator must not stop the others.
        own = isinstance(error, ValueError)
        return Calibration.failed(
            model,
            symbol=data.symbol,
            timeframe=_timeframe_of(data),
            as_of=options.get("as_of") or _last_date(data),
            window=str(options.get("window", "full")),
            reason=str(error) if own else f"{type(error).__name__}: {error}",
        )


def _read(data: Any) -> Any:
    """Return data, a table as the bars in it."""
    if not is_frame(data):
        return data
    found = bars_of(data)
    if len(found) > 1:
        names = ", ".join(bars.symbol for bars in found)
        raise Refusal("data", f"a table of {names}", "one symbol's bars")
    return found[0]


def _history_hash(data: Any, as_of: date) -> str:
    """Return the hash of what an estimate of a date may have used of these data."""
    if isinstance(data, Bars):
        used, _ = bars_as_of(data, as_of)
        return used.history_hash
    found: str = (data.up_to(as_of) if isinstance(data, FuturesPanel) else data).data_hash
    return found


def _timeframe_of(data: Any) -> str:
    return str(data.calendar.timeframe if hasattr(data, "calendar") else data.timeframe)


def _last_date(data: Any) -> date:
    if hasattr(data, "calendar"):
        return bars_as_of(data, None)[1] if len(data) else date.min
    return data.last_date if len(data) else date.min

"""The estimators by model name, and the one door to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from typing import Any

from engine.calibration.calibration import Calibration
from engine.calibration.sample import bars_as_of
from engine.models import BUILT_IN, calibrated_on

__all__ = [
    "PANEL_MODELS",
    "SPOT_MODELS",
    "calibrate",
    "data_of",
    "estimator",
    "model_names",
    "try_calibrate",
]

Estimator = Callable[..., Calibration]

#: Built-in models that bars alone, or a futures curve, can calibrate.
SPOT_MODELS = calibrated_on("Bars")
PANEL_MODELS = calibrated_on("FuturesPanel")


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
        except ValueError:  # one broken model of a user must not hide the others
            continue
    return tuple(names)


def data_of(model: str) -> tuple[str, ...]:
    """Classes of the data that a model can be calibrated on, such as ``("Bars",)``.

    Raises
    ------
    ValueError
        If the model is unknown or cannot be calibrated.
    """
    if model in BUILT_IN:
        found = BUILT_IN[model].calibrated_on
    else:
        from engine.sources.registry import has_source

        found = _data_of(model) if has_source(model) else ()
    if not found:
        raise ValueError(f"model: found {model!r}, allowed {', '.join(model_names())}")
    return found


def _data_of(model: str) -> tuple[str, ...]:
    if model in BUILT_IN:
        return BUILT_IN[model].calibrated_on
    from engine.calibration.fit import data_taken
    from engine.sources.registry import get_source

    return data_taken(get_source(model))


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
    data : Bars, FuturesPanel or OptionSurface
        The history the model is estimated on.
    **options
        Options of the model's estimator, such as ``as_of`` and ``window``.

    Raises
    ------
    ValueError
        If the model or an option is unknown, or the data cannot carry the estimate.
    """
    function = estimator(model)
    allowed = inspect.signature(function).parameters
    unknown = [name for name in options if name not in allowed]
    if unknown:
        names = ", ".join(list(allowed)[1:])
        raise ValueError(f"option of {model}: found {unknown[0]!r}, allowed {names}")
    taken = data_of(model)
    if type(data).__name__ not in taken:
        raise ValueError(
            f"data of {model}: found {type(data).__name__}, allowed {' or '.join(taken)}"
        )
    return function(data, **options)


def try_calibrate(model: str, data: Any, **options: Any) -> Calibration:
    """Like `calibrate`, but what the data cannot carry becomes a record with status "failed".

    So do an estimator that breaks, and an estimate whose optimiser did not converge; the latter
    keeps what was reached.

    Raises
    ------
    ValueError
        If the model is unknown.
    """
    estimator(model)
    try:
        found = calibrate(model, data, **options)
        if found.diagnostics.get("converged") is False:
            reason = "likelihood: found no convergence, allowed a maximum that the data determine"
            return replace(found, status="failed", reason=reason)
        return found
    except Exception as error:  # One estimator must not cost a night of the others.
        own = isinstance(error, ValueError)
        return Calibration.failed(
            model,
            symbol=data.symbol,
            timeframe=_timeframe_of(data),
            as_of=options.get("as_of") or _last_date(data),
            window=str(options.get("window", "full")),
            reason=str(error) if own else f"{type(error).__name__}: {error}",
        )


def _timeframe_of(data: Any) -> str:
    return str(data.calendar.timeframe if hasattr(data, "calendar") else data.timeframe)


def _last_date(data: Any) -> date:
    if hasattr(data, "calendar"):
        return bars_as_of(data, None)[1] if len(data) else date.min
    return data.last_date if len(data) else date.min

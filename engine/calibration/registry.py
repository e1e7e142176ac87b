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
from engine.calibration.sample import bars_as_of
from engine.calibration.versions import ESTIMATOR_VERSIONS
from engine.errors import Refusal

__all__ = ["calibrate", "estimator", "model_names", "register_estimator", "try_calibrate"]

Estimator = Callable[..., Calibration]

# Module and function, imported at first use, so that unused estimators cost no import.
_BUILT_IN: dict[str, str] = {
    "gbm": "engine.calibration.gbm:estimate_gbm",
    "bootstrap": "engine.calibration.bootstrap:estimate_bootstrap",
    "heston": "engine.calibration.heston:estimate_heston",
    "merton": "engine.calibration.merton:estimate_merton",
    "regime_switching": "engine.calibration.regime_switching:estimate_regime_switching",
    "schwartz_1f": "engine.calibration.schwartz_1f:estimate_schwartz_1f",
    "schwartz_2f": "engine.calibration.schwartz_2f:estimate_schwartz_2f",
    "schwartz_smith": "engine.calibration.schwartz_smith:estimate_schwartz_smith",
}
_ADDED: dict[str, Estimator] = {}
# Data that each built-in takes, by class name: importing the classes would load every module.
_TAKES: dict[str, tuple[str, ...]] = {
    "heston": ("Bars", "OptionSurface"),
    "schwartz_1f": ("Bars", "FuturesPanel"),
    "schwartz_2f": ("FuturesPanel",),
    "schwartz_smith": ("FuturesPanel",),
}


def model_names() -> tuple[str, ...]:
    """Names of the models that can be calibrated."""
    return tuple(sorted(_BUILT_IN | _ADDED))


def estimator(model: str) -> Estimator:
    """Look up the estimator of a model.

    Raises
    ------
    ValueError
        If no estimator has this name.
    """
    if model in _ADDED:
        return _ADDED[model]
    if model not in _BUILT_IN:
        raise Refusal("model", repr(model), ", ".join(model_names()))
    module, _, function = _BUILT_IN[model].partition(":")
    found: Estimator = getattr(import_module(module), function)
    return found


def register_estimator(model: str, function: Estimator, version: str | None = None) -> None:
    """Add a user's estimator ``function(data, **options) -> Calibration`` under a model name.

    Parameters
    ----------
    model : str
        Name of the model.
    function : callable
        The estimator.
    version : str, optional
        What stored calibrations are marked with: those of another version count as missing. By
        default a hash of the function's code and of all that it calls.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if model in _BUILT_IN or model in _ADDED:
        raise Refusal("model", repr(model), "a name that is not taken")
    if version is None:
        from engine.compiled.source_hash import source_hash

        version = source_hash(function)[:16]
    _ADDED[model] = function
    ESTIMATOR_VERSIONS[model] = version


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
        If the model or an option is unknown, or the data do not suffice for the estimate.
    """
    function = estimator(model)
    allowed = inspect.signature(function).parameters
    unknown = [name for name in options if name not in allowed]
    if unknown:
        names = ", ".join(list(allowed)[1:])
        raise Refusal(f"option of {model}", repr(unknown[0]), str(names))
    taken = _TAKES.get(model, ("Bars",))
    if model not in _ADDED and type(data).__name__ not in taken:
        raise Refusal(f"data of {model}", str(type(data).__name__), " or ".join(taken))
    found = function(data, **options)
    if not isinstance(data, Bars):
        return found
    used, _ = bars_as_of(data, found.as_of)
    return replace(found, history_hash=used.history_hash)


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


def _timeframe_of(data: Any) -> str:
    return str(data.calendar.timeframe if hasattr(data, "calendar") else data.timeframe)


def _last_date(data: Any) -> date:
    if hasattr(data, "calendar"):
        return bars_as_of(data, None)[1] if len(data) else date.min
    return data.last_date if len(data) else date.min

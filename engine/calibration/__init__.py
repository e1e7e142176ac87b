"""Calibration: every model's parameters from data, with their errors."""

from typing import TYPE_CHECKING, Any

from engine.calibration.batch import calibrate_dates
from engine.calibration.calibration import CALIBRATION_COLUMNS, Calibration
from engine.calibration.jumps import ParameterJump, parameter_jumps
from engine.calibration.registry import (
    SPOT_MODELS,
    calibrate,
    data_of,
    model_names,
    try_calibrate,
)
from engine.calibration.window import Window

if TYPE_CHECKING:
    from engine.calibration.correlation import estimate_correlation, nearest_correlation
    from engine.calibration.fit import Fit
    from engine.calibration.futures_panel import FuturesPanel
    from engine.calibration.option_surface import OptionSurface
    from engine.calibration.volatility import range_volatility

__all__ = [
    "CALIBRATION_COLUMNS",
    "SPOT_MODELS",
    "Calibration",
    "Fit",
    "FuturesPanel",
    "OptionSurface",
    "ParameterJump",
    "Window",
    "calibrate",
    "calibrate_dates",
    "data_of",
    "estimate_correlation",
    "model_names",
    "nearest_correlation",
    "parameter_jumps",
    "range_volatility",
    "try_calibrate",
]

_MODULES = {
    "Fit": "fit",
    "FuturesPanel": "futures_panel",
    "OptionSurface": "option_surface",
    "estimate_correlation": "correlation",
    "nearest_correlation": "correlation",
    "range_volatility": "volatility",
}


def __getattr__(name: str) -> Any:
    """Import what not every calibration needs when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

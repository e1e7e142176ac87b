"""Calibration: every model's parameters from data, with their errors."""

from engine.calibration.calibration import CALIBRATION_COLUMNS, Calibration
from engine.calibration.registry import (
    calibrate,
    model_names,
    register_estimator,
    try_calibrate,
)
from engine.calibration.window import Window

__all__ = [
    "CALIBRATION_COLUMNS",
    "Calibration",
    "Window",
    "calibrate",
    "model_names",
    "register_estimator",
    "try_calibrate",
]

"""The simulated worlds of a judgement: models calibrated on the history, and bootstraps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from engine.bars import Bars
from engine.calibration import Calibration, try_calibrate
from engine.errors import Refusal
from engine.models import calibrated_on
from engine.sources import Bootstrap, Source, make_source

__all__ = ["WORLDS", "SimulatedWorld", "simulated_worlds"]

_BOOTSTRAPS: Final = ("stationary", "circular_block")

#: Every model that is calibrated on bars, and ways to resample, in the order of the table.
WORLDS: Final = (
    *(name for name in calibrated_on("Bars") if name != "bootstrap"),
    *_BOOTSTRAPS,
)


@dataclass(frozen=True)
class SimulatedWorld:
    """A source of paths, or why there is none.

    Parameters
    ----------
    name, kind : str
        What it is called; ``model`` or ``bootstrap``.
    source : Source or None
        Where paths come from.
    reason : str
        Why there is none.
    calibration : Calibration or None
        Of a model, what its parameters come from.
    """

    name: str
    kind: str
    source: Source | None
    reason: str = ""
    calibration: Calibration | None = None


def simulated_worlds(bars: Bars) -> list[SimulatedWorld]:
    """Calibrate every model of `WORLDS` on a history, and make its bootstraps."""
    return [
        _bootstrap(name, bars) if name in _BOOTSTRAPS else _model(name, bars) for name in WORLDS
    ]


def _bootstrap(name: str, bars: Bars) -> SimulatedWorld:
    try:
        returns: Any = "relative" if (bars.low > 0.0).all() else "difference"
        return SimulatedWorld(name, "bootstrap", Bootstrap(bars, method=name, returns=returns))
    except Refusal as refusal:
        return SimulatedWorld(name, "bootstrap", None, str(refusal))


def _model(name: str, bars: Bars) -> SimulatedWorld:
    found = try_calibrate(name, bars)
    if not found.ok:
        return SimulatedWorld(name, "model", None, found.reason)
    state: dict[str, Any] = {"start_state": dict(found.start_state)} if found.start_state else {}
    try:
        source = make_source(name, found.parameters, options=state)
        return SimulatedWorld(name, "model", source, calibration=found)
    except Refusal as refusal:
        return SimulatedWorld(name, "model", None, str(refusal))

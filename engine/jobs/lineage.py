"""The bars and the calibration that a job was made from, with their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.jobs.canonical import short_hash

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.calibration import Calibration

__all__ = ["BarsLineage", "CalibrationLineage", "Lineage"]


@dataclass(frozen=True)
class BarsLineage:
    """Bars that a job looked at.

    Parameters
    ----------
    symbol, timeframe : str
        The series.
    last_bar : str
        Opening instant of the last bar, ISO 8601 in UTC.
    history_hash : str
        Hash of the stored history through that bar's year (`Bars.history_hash`).
    data_hash : str
        Hash of the bars as the engine saw them (`Bars.data_hash`), after adjustments.
    """

    symbol: str
    timeframe: str
    last_bar: str
    history_hash: str
    data_hash: str


@dataclass(frozen=True)
class CalibrationLineage:
    """The calibration that a job took its parameters from.

    Parameters
    ----------
    symbol, timeframe, model : str
        What was calibrated.
    as_of : str
        Last date whose bars were used, ISO 8601.
    calibration_hash : str
        `Calibration.calibration_hash`.
    history_hash : str
        `Calibration.history_hash`: of the bars, curves or quotes behind it.
    """

    symbol: str
    timeframe: str
    model: str
    as_of: str
    calibration_hash: str
    history_hash: str


@dataclass(frozen=True)
class Lineage:
    """What a job was made from. It changes no number, so it is not in the fingerprint.

    Parameters
    ----------
    bars : tuple of BarsLineage
        One per symbol; empty for a model whose parameters are all given.
    calibration : CalibrationLineage, optional
        None where the study names none.
    """

    bars: tuple[BarsLineage, ...] = ()
    calibration: CalibrationLineage | None = None

    @classmethod
    def of(cls, bars: Sequence[Bars], calibration: Calibration | None = None) -> Lineage:
        """Take the hashes of bars and of a calibration."""
        made_of = None if calibration is None else _of_calibration(calibration)
        return cls(tuple(map(_of_bars, bars)), made_of)

    @property
    def data(self) -> str:
        """Hash of the bars behind the job; empty where there are none."""
        hashes = [entry.data_hash for entry in self.bars]
        if not hashes and self.calibration is not None:
            hashes = [self.calibration.history_hash or self.calibration.calibration_hash]
        return short_hash(hashes) if hashes else ""

    @property
    def series(self) -> str:
        """Names of the series, such as ``SP500@1d``."""
        named = [f"{entry.symbol}@{entry.timeframe}" for entry in self.bars]
        if not named and self.calibration is not None:
            named = [f"{self.calibration.symbol}@{self.calibration.timeframe}"]
        return ", ".join(named)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Lineage:
        """Read back what `dataclasses.asdict` made."""
        calibration = content["calibration"]
        return cls(
            tuple(BarsLineage(**entry) for entry in content["bars"]),
            None if calibration is None else CalibrationLineage(**calibration),
        )


def _of_bars(bars: Bars) -> BarsLineage:
    last = np.datetime_as_string(bars.timestamps[-1:].astype("datetime64[us]"), unit="s")
    return BarsLineage(
        symbol=bars.symbol,
        timeframe=bars.calendar.timeframe,
        last_bar=f"{last[0]}Z" if len(last) else "",
        history_hash=bars.history_hash,
        data_hash=bars.data_hash,
    )


def _of_calibration(calibration: Calibration) -> CalibrationLineage:
    return CalibrationLineage(
        symbol=calibration.symbol,
        timeframe=calibration.timeframe,
        model=calibration.model,
        as_of=calibration.as_of.isoformat(),
        calibration_hash=calibration.calibration_hash,
        history_hash=calibration.history_hash,
    )

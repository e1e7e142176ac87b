"""A study on a calibrated source starts where the calibration's filter ended."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import Calibration
from engine.studies import StudyDefinition
from engine.studies.definition import SourceDefinition
from engine.studies.resolve_source import resolve_source


class Market:
    def bars(self, symbol: str, timeframe: str) -> Bars:
        close = np.linspace(100.0, 120.0, 50)
        stamps = np.arange(50, dtype=np.int64) * 86_400_000_000
        return Bars(symbol, stamps, close, close, close, close, np.ones(50))

    def calibration(self, symbol: str, timeframe: str, model: str, as_of: object) -> Calibration:
        values = {"mu": 0.05, "kappa": 2.0, "theta": 0.04, "xi": 0.5, "rho": -0.7, "v0": 0.04}
        return Calibration.of(
            model,
            symbol=symbol,
            timeframe=timeframe,
            as_of=datetime.date(1970, 2, 19),
            parameters=values,
            covariance=np.eye(len(values)) * 1e-6,
            n=49,
            window="full",
            start_state={"variance": 0.09},
        )


def _source(**source: Any) -> dict[str, float]:
    definition = StudyDefinition.model_validate(
        {
            "name": "x",
            "source": {"model": "heston", "symbol": "X", "calibration": "latest", **source},
            "strategy": {"name": "buy_and_hold"},
            "seeds": [1],
        }
    )
    resolved = resolve_source(definition.source, Market())
    return dict(resolved.source.values)


def test_paths_start_from_the_filtered_variance() -> None:
    assert _source()["v0"] == 0.09
    assert _source()["theta"] == 0.04


def test_a_pinned_parameter_wins_over_the_filtered_state() -> None:
    values = _source(parameters={"v0": 0.01})
    assert values["v0"] == pytest.approx(0.01)


def test_a_study_can_give_a_state_of_its_own() -> None:
    assert _source(options={"start_state": {"variance": 0.16}})["v0"] == 0.16


def test_paths_start_from_the_last_bar_that_had_ended_on_the_calibrations_date() -> None:
    # Weeks that open on Mondays: on Tuesday the second one's close is not known yet.
    monday = np.datetime64("2018-10-29T13:30", "us").astype(np.int64)
    stamps = np.array([monday, monday + 7 * 86_400_000_000])
    close = np.array([74.0, 77.0])
    weekly = Bars("WTI", stamps, close, close, close, close, np.ones(2), BarCalendar("XNYS", "1w"))

    class Market:
        def bars(self, symbol: str, timeframe: str) -> Bars:
            return weekly

        def calibration(self, *_: object) -> Calibration:
            return Calibration(
                model="gbm",
                symbol="WTI",
                timeframe="1w",
                as_of=datetime.date(2018, 11, 6),
                parameters={"mu": 0.0, "sigma": 0.3},
                std_errors={"mu": 0.1, "sigma": 0.01},
                covariance=np.eye(2),
                log_likelihood=0.0,
                aic=0.0,
                bic=0.0,
                n=1,
                window="full",
                status="ok",
            )

    definition = SourceDefinition.model_validate(
        {"model": "gbm", "symbol": "WTI", "timeframe": "1w", "calibration": "latest", "steps": 5}
    )
    assert resolve_source(definition, Market()).last_close == (74.0,)

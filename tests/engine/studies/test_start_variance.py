"""`start_variance: garch` in a study file, from the bars that its source may know."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.bars import Bars
from engine.calibration import Calibration, calibrate
from engine.studies.definition import SourceDefinition
from engine.studies.resolve_source import resolve_source


class Market:
    """A history of 2,000 weekdays, calibrated as of its 1,500th; what follows can be planted."""

    def __init__(self, planted: float = 1.0) -> None:
        path = mc.GARCH(alpha=0.08, beta=0.9, omega=0.0006).paths(seeds=[9], steps=2000)
        days = np.arange(2000) + 2 * (np.arange(2000) // 5) + 4
        columns = path.values[0, 0, :5].copy()
        columns[:4, 1501:] *= planted
        self._bars = Bars("X", days * 86_400_000_000, *columns)
        self.day = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(days[1500]))

    def bars(self, symbol: str, timeframe: str) -> Bars:
        return self._bars

    def calibration(self, symbol: str, timeframe: str, model: str, as_of: object) -> Calibration:
        return calibrate(model, self._bars, as_of=self.day)


def _source(market: Market, **source: Any) -> Any:
    definition = SourceDefinition.model_validate({"symbol": "X", **source})
    return resolve_source(definition, market).source


@pytest.mark.parametrize("model", ["gbm", "bootstrap"])
def test_the_variance_is_filtered_up_to_the_calibrations_date_and_no_further(model):
    asked = {"model": model, "calibration": "latest", "options": {"start_variance": "garch"}}
    market = Market()
    source, planted = _source(market, **asked), _source(Market(planted=0.3), **asked)
    assert source.start_variance == planted.start_variance
    assert source.fingerprint() == planted.fingerprint()
    (start,) = source.start_variance
    assert start == mc.garch_start(market.bars("X", "1d"), as_of=market.day)
    # A day later the fall is seen.
    seen = mc.garch_start(
        Market(planted=0.3).bars("X", "1d"), as_of=market.day + datetime.timedelta(days=7)
    )
    assert seen.variance > 2.0 * start.variance


def test_drawn_parameters_keep_the_start(caplog):
    source = _source(Market(), model="gbm", options={"start_variance": "garch"})
    assert source.with_parameters(sigma=0.5).start_variance == source.start_variance


def test_without_bars_or_with_too_few_it_is_one_sentence():
    definition = SourceDefinition(model="gbm", options={"start_variance": "garch"})
    with pytest.raises(mc.Refusal) as refused:
        resolve_source(definition, None)
    assert str(refused.value) == (
        "source.options.start_variance: found 'garch', allowed with a `symbol`"
    )
    short = Market()
    short._bars = short._bars[:300]
    with pytest.raises(mc.Refusal) as refused:
        _source(short, model="bootstrap", options={"start_variance": "garch"})
    assert str(refused.value).startswith(
        "source.options.start_variance: 'garch', which cannot be estimated: X bars: found 299 ret"
    )

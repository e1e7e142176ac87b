"""Paths of futures contracts from a calibrated curve, as a study file asks for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.validity.calibrations import commodity_curve
from engine.bars import Bars
from engine.calibration import Calibration, FuturesPanel, calibrate
from engine.errors import Refusal
from engine.sources import RollingFutures
from engine.studies.definition import SourceDefinition
from engine.studies.loader import parse_definition
from engine.studies.resolve_source import ResolvedSource, resolve_source
from engine.studies.study import Study


class Market:
    """Bars of a continuous contract, and calibrations of the curve that it belongs to."""

    def __init__(self, panel: FuturesPanel) -> None:
        self.panel = panel
        self.made: dict[str, Calibration] = {}
        self.asked: list[str] = []

    def bars(self, symbol: str, timeframe: str) -> Bars:
        close = np.linspace(90.0, 110.0, 300)
        stamps = np.arange(300, dtype=np.int64) * 86_400_000_000 + 900_000_000_000_000
        return Bars(symbol, stamps, close, close, close, close, np.ones(300))

    def calibration(self, symbol: str, timeframe: str, model: str, as_of: object) -> Calibration:
        self.asked.append(model)
        if model not in self.made:
            self.made[model] = calibrate(model, self.panel)
        return self.made[model]


@pytest.fixture(scope="module")
def crude() -> Market:
    return Market(commodity_curve(np.random.default_rng(12), weeks=150)[0])


def resolved(market: Market, **source: Any) -> ResolvedSource:
    asked = {"model": "rolling_futures", "symbol": "CL", "calibration": "latest"} | source
    return resolve_source(SourceDefinition.model_validate(asked), market)


@pytest.mark.parametrize("model", ["schwartz_2f", "schwartz_smith"])
def test_the_contracts_start_from_the_calibrated_curve(crude: Market, model: str) -> None:
    found = resolved(crude, options={"model": model, "contracts": [1, 6], "roll_bars": 0})
    calibration = crude.made[model]
    assert crude.asked[-1] == model
    assert isinstance(found.source, RollingFutures)
    spot = calibration.start_state["spot"]
    assert found.last_close == (spot, spot)
    block = found.source.paths(seeds=[1], s0=found.last_close, steps=5, dt=1 / 252)
    # The filtered curve at 21 and 126 trading days, as the calibrated model prices it.
    years = np.array([21, 126]) / 252
    inner = found.source.model
    if model == "schwartz_smith":
        start = calibration.start_state
        fair = inner.futures(start["chi"], start["xi"], years)
    else:
        fair = inner.futures(spot, calibration.start_state["convenience_yield"], years)
    np.testing.assert_allclose(block.values[0, :, 0, 0], fair, rtol=1e-10)
    # The last observed curve, within its measurement errors.
    seen = np.interp(years, crude.panel.maturities[-1], np.log(crude.panel.prices[-1]))
    assert (np.abs(np.log(fair) - seen) < 0.04).all()


def test_a_pinned_parameter_and_a_swept_one_replace_the_calibrated(crude: Market) -> None:
    found = resolved(
        crude,
        options={"model": {"model": "schwartz_smith"}},
        parameters={"sigma_xi": 0.5, "kappa": [1.0, 2.0]},
    )
    assert found.source.values["sigma_xi"] == 0.5
    assert found.swept == {"kappa": [1.0, 2.0]}
    assert found.source.values["rho"] == crude.made["schwartz_smith"].parameters["rho"]
    assert found.source.values["chi0"] == crude.made["schwartz_smith"].start_state["chi"]


def test_drawn_curves_reach_the_contracts(crude: Market) -> None:
    found = resolved(crude, options={"model": "schwartz_smith"}, parameters="draw")
    assert found.draw is not None
    drawn = [found.draw.apply(found.source, seed) for seed in range(40)]
    assert len({source.values["chi0"] for source in drawn}) == 40
    first = [s.paths(seeds=[1], s0=found.last_close, steps=1, dt=1 / 252) for s in drawn]
    # Given the spot, the next contract is known to a few tenths of a percent.
    assert np.std([np.log(block.open[0, 0]) for block in first]) < 0.004


def test_a_study_file_of_calibrated_contracts_runs(crude: Market) -> None:
    definition = parse_definition(
        """
        name: calibrated contracts
        source:
          model: rolling_futures
          symbol: CL
          calibration: latest
          options: {model: schwartz_2f, contracts: [1]}
          steps: 30
        strategy: {name: buy_and_hold}
        seeds: {count: 8}
        """
    )
    rows = Study.from_definition(definition).run(market_data=crude, workers=1).frame
    assert rows["status"].to_list() == ["ok"] * 8
    assert rows["net_pnl"].n_unique() == 8


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {},
            "source.options.model: found nothing, allowed the name of the calibrated model, "
            "schwartz_2f or schwartz_smith",
        ),
        (
            {"options": {"model": {"model": "schwartz_2f", "kappa": 2.0}}},
            "source.options.model: found .*, allowed the name of the calibrated model.*"
            "single parameters are replaced in `source.parameters`",
        ),
        (
            {"calibration": None},
            "source.options.model: found nothing, allowed {model: schwartz_2f, kappa",
        ),
        (
            {"calibration": None, "options": {"model": {"kappa": 1.5}}},
            "source.options.model: found None, allowed {model: schwartz_2f",
        ),
        (
            {"calibration": None, "options": {"model": {"model": "schwartz_2f", "speed": 1.5}}},
            "source.options.model.speed: found an unknown parameter, allowed alpha, delta0",
        ),
        (
            {"calibration": None, "options": {"model": {"model": "schwartz_2f", "rho": 1.5}}},
            "source.options.model.rho: found 1.5, allowed",
        ),
        (
            {"options": {"model": "schwartz_2f", "contracts": [0]}},
            r"source.options.contracts: found \[0\], allowed different whole numbers",
        ),
    ],
)
def test_what_a_study_file_lacks_is_said(crude: Market, source: Any, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        resolved(crude, **source)

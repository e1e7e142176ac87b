"""The trades of many simulations on one tape."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.execution import Busy, random_walks
from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.strategies import StrategyEngine, prepare_strategy
from engine.strategies.trade_tape import TradeTape

BARS, PATHS = 300, 5


@pytest.fixture(scope="module")
def engine() -> StrategyEngine:
    return prepare_strategy(
        Busy,
        Execution(),
        symbols=("X",),
        fields=BAR_FIELDS,
        steps=BARS,
        bars_per_year=252.0,
        record_trades=True,
    )


def run(engine: StrategyEngine, walks: np.ndarray, units: list[int], tape: TradeTape) -> np.ndarray:
    parameters = np.array([engine.encode({"units": each}) for each in units]).reshape(-1, 1)
    metrics = np.full((len(walks), len(units), len(engine.metric_names)), np.nan)
    status = np.zeros((len(walks), len(units)), dtype=np.int8)
    engine.run(walks, parameters, metrics, status, engine.scratch(), trades=tape)
    return metrics


def small_tape(trades: int) -> TradeTape:
    tape = TradeTape()
    tape.columns = tape.columns[:, :trades].copy()
    return tape


@pytest.mark.parametrize("trades", [0, 1, 7, 40, 1024])
def test_a_tape_that_is_too_small_grows_and_loses_nothing(
    engine: StrategyEngine, trades: int
) -> None:
    walks, units = random_walks(PATHS, BARS), [1, 10, 100]
    tape = small_tape(trades)
    metrics = run(engine, walks, units, tape)
    assert tape.count == metrics[:, :, engine.metric_names.index("trades")].sum() > 40
    for path in range(PATHS):
        for index, each in enumerate(units):
            alone = TradeTape()
            by_itself = run(engine, walks[path : path + 1], [each], alone)
            np.testing.assert_array_equal(by_itself[0, 0], metrics[path, index])
            np.testing.assert_array_equal(alone.of(0), tape.of(path * len(units) + index))


def test_a_tape_is_used_again_for_fewer_simulations(engine: StrategyEngine) -> None:
    walks, tape = random_walks(PATHS, BARS), TradeTape()
    run(engine, walks, [1, 10], tape)
    whole = tape.of(0).copy()
    run(engine, walks[:1], [1], tape)
    assert len(tape.ends) == 1
    np.testing.assert_array_equal(tape.of(0), whole)


def test_no_simulation_is_an_empty_tape(engine: StrategyEngine) -> None:
    tape = TradeTape()
    run(engine, random_walks(PATHS, BARS), [], tape)
    assert tape.count == 0

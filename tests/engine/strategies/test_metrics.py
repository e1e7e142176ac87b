"""The metrics of the event loop equal their plain definitions on the same curve and trades."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.statistics import performance
from engine.strategies import prepare_strategy
from engine.strategies.audit import _random_walks

SETTINGS = Execution(cash=50_000.0, commission={"rate": 0.001}, slippage={"bps": 3.0})


@pytest.fixture(scope="module")
def walks() -> np.ndarray:
    return _random_walks(np.random.default_rng(5), paths=6, symbols=1, bars=701)


def run(name, walks, sets, **options):
    engine = prepare_strategy(
        name,
        SETTINGS,
        symbols=("X",),
        fields=BAR_FIELDS,
        steps=walks.shape[3],
        bars_per_year=252.0,
        **options,
    )
    parameters = np.array([engine.encode(item) for item in sets])
    metrics = np.empty((len(walks), len(sets), len(engine.metric_names)))
    status = np.empty((len(walks), len(sets)), dtype=np.int8)
    equity = np.empty((len(walks), len(sets), len(engine.sample_bars)))
    trades: list[np.ndarray] | None = [] if options.get("record_trades") else None
    engine.run(walks, parameters, metrics, status, engine.scratch(), equity, trades)
    assert not status.any()
    return engine, metrics, equity, trades


@pytest.mark.parametrize("name", ["sma_crossover", "rsi_reversal"])
def test_the_kernel_and_the_definitions_agree(walks, name) -> None:
    bars = walks.shape[3]
    engine, metrics, equity, trades = run(
        name, walks, [{}], equity_samples=bars, record_trades=True
    )
    for path in range(len(walks)):
        rows = trades[path]
        columns = {
            "pnl": rows[:, 6],
            "entry_bar": rows[:, 2],
            "exit_bar": rows[:, 4],
            "mfe": rows[:, 8],
            "mae": rows[:, 9],
        }
        expected = performance.summary(equity[path, 0], 50_000.0, 252.0, columns)
        found = dict(zip(engine.metric_names, metrics[path, 0], strict=True))
        for metric, value in expected.items():
            assert found[metric] == pytest.approx(value, rel=1e-9, nan_ok=True), metric


def test_excursions_and_exposure_follow_the_bars_held(walks) -> None:
    engine, metrics, _, trades = run("sma_crossover", walks, [{}], record_trades=True)
    high, low = walks[0, 0, 1], walks[0, 0, 2]
    held = 0
    for _, units, entry, price, leave, out, *_, best, worst in trades[0]:
        held += int(leave - entry)
        inside = slice(int(entry), int(leave))
        assert best == pytest.approx(units * (max(price, out, high[inside].max()) - price))
        assert worst == pytest.approx(units * (min(price, out, low[inside].min()) - price))
    exposure = metrics[0, 0, engine.metric_names.index("exposure")]
    assert 0 <= exposure * 701 - held < 701


def test_equity_samples_end_at_the_last_bar(walks) -> None:
    engine, metrics, equity, _ = run("buy_and_hold", walks, [{}], equity_samples=10)
    assert engine.sample_bars[-1] == 700
    final = metrics[:, :, engine.metric_names.index("final_equity")]
    np.testing.assert_array_equal(equity[:, :, -1], final)


def test_results_do_not_depend_on_chunks_or_on_the_sets_beside(walks) -> None:
    sets = [{"fast": fast, "slow": slow} for fast in (5, 10) for slow in (20, 50)]
    _, together, _, _ = run("sma_crossover", walks, sets)
    for m, item in enumerate(sets):
        _, alone, _, _ = run("sma_crossover", walks, [item])
        np.testing.assert_array_equal(together[:, m], alone[:, 0])
    _, half, _, _ = run("sma_crossover", np.ascontiguousarray(walks[3:]), sets)
    np.testing.assert_array_equal(together[3:], half)


def test_one_engine_serves_two_threads(walks) -> None:
    from concurrent.futures import ThreadPoolExecutor

    engine, expected, _, _ = run("sma_crossover", walks, [{}])
    parameters = engine.encode({})[None]

    def work(_: int) -> np.ndarray:
        metrics = np.empty_like(expected)
        status = np.empty((len(walks), 1), dtype=np.int8)
        engine.run(walks, parameters, metrics, status, engine.scratch())
        return metrics

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(work, range(8)):
            np.testing.assert_array_equal(found, expected)

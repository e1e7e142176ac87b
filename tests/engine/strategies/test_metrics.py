"""The metrics of the event loop equal their plain definitions on the same curve and trades."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import BAR_FIELDS, Bars
from engine.execution import Execution
from engine.statistics import performance
from engine.strategies import Float, Strategy, backtest, prepare_strategy
from engine.strategies.audit import _random_walks
from engine.strategies.trade_tape import TradeTape

SETTINGS = Execution(cash=50_000.0, commission={"rate": 0.001}, slippage={"bps": 3.0})


@pytest.fixture(scope="module")
def walks() -> np.ndarray:
    return _random_walks(np.random.default_rng(5), paths=6, symbol_count=1, bar_count=701)


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
    tape = TradeTape() if options.get("record_trades") else None
    engine.run(walks, parameters, metrics, status, engine.scratch(), equity, tape)
    assert not status.any()
    trades = None if tape is None else [tape.of(number) for number in range(status.size)]
    return engine, metrics, equity, trades


@pytest.mark.parametrize("name", ["sma_crossover", "rsi_reversal"])
def test_the_kernel_and_the_definitions_agree(walks, name) -> None:
    bars = walks.shape[3]
    engine, metrics, equity, trades = run(name, walks, [{}], record_equity=bars, record_trades=True)
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
    for _, units, entry, price, leave, out, _, _, best, worst, *_ in trades[0]:
        held += int(leave - entry)
        inside = slice(int(entry), int(leave))
        assert best == pytest.approx(units * (max(price, out, high[inside].max()) - price))
        assert worst == pytest.approx(units * (min(price, out, low[inside].min()) - price))
    exposure = metrics[0, 0, engine.metric_names.index("exposure")]
    assert 0 <= exposure * 701 - held < 701


def test_record_equity_end_at_the_last_bar(walks) -> None:
    engine, metrics, equity, _ = run("buy_and_hold", walks, [{}], record_equity=10)
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


class Hold(Strategy):
    """As many units as asked, from the first bar on."""

    units = Float(1000.0)

    def on_start(self, order):
        order.market(self.units)


class HoldPair(Strategy):
    """Long one symbol and short another."""

    units = Float(1000.0)
    against = Float(1000.0)

    def on_start(self, order):
        order[0].market(self.units)
        order[1].market(-self.against)


def bars_at(close: np.ndarray, symbol: str = "A") -> Bars:
    opens = np.concatenate([close[:1], close[:-1]])
    stamps = np.arange(len(close), dtype=np.int64) * 86_400_000_000
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    return Bars(symbol, stamps, opens, high, low, close, np.full(len(close), 1e9))


LEVERED = {"initial_margin": 0.01, "lot_size": 0.0}
STILL = {"volatility": 0.0, "sharpe": None, "sortino": None, "calmar": None}
STILL |= {"max_drawdown": 0.0, "max_drawdown_duration": 0.0}


@pytest.mark.parametrize("growth", [1.0002, 1.001, 1.01, 0.999])
@pytest.mark.parametrize("made", ["powers", "products", "logarithms"])
def test_equal_returns_have_no_sharpe_ratio_and_no_volatility(growth: float, made: str) -> None:
    """However the prices were computed: each way leaves other last bits."""
    count = 504
    close = {
        "powers": 100.0 * growth ** np.arange(count),
        "products": 100.0 * np.cumprod(np.full(count, growth)),
        "logarithms": 100.0 * np.exp(np.cumsum(np.full(count, np.log(growth)))),
    }[made]
    cash = 1000.0 * close[0]
    equal = performance.returns_of(close[1:], close[0])
    assert np.isnan(performance.sharpe_ratio(equal, 252.0))
    assert performance.volatility(equal, 252.0) == 0.0
    grown = close * growth
    opens = bars_at(grown)
    whole = Bars(
        "A",
        opens.timestamps,
        close,
        np.maximum(close, grown),
        np.minimum(close, grown),
        grown,
        opens.volume,
    )
    found = backtest(Hold, whole, {}, {"cash": cash}).metrics
    assert found["sharpe"] is None
    assert found["volatility"] == 0.0
    if growth > 1.0:
        assert {name: found[name] for name in STILL} == STILL
    else:
        assert found["sortino"] == pytest.approx(-np.sqrt(whole.bars_per_year))
        assert found["max_drawdown_duration"] == count


@pytest.mark.parametrize("gross", [0.3, 1.0, 9.0])
@pytest.mark.parametrize("ratio", [1.0, 1.0 / 3.0, 7.0])
def test_two_legs_that_cancel_do_not_move_the_account(gross: float, ratio: float) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, 900)))
        pair = [bars_at(close), bars_at(close / ratio, "B")]
        units = gross * 1000.0
        found = backtest(
            HoldPair,
            pair,
            {"units": units, "against": units * ratio},
            {"cash": 100_000.0, "instrument": LEVERED},
        ).metrics
        assert {name: found[name] for name in STILL} == STILL


def test_a_movement_beyond_rounding_is_one_however_small() -> None:
    rng = np.random.default_rng(4)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, 900)))
    bars = bars_at(close)
    found = backtest(Hold, bars, {"units": 1e-7}, {"cash": 1e5, "instrument": LEVERED})
    moved = np.diff(found.equity)[1:]
    assert np.abs(moved).max() < 1e-5
    annual = moved.std() / 1e5 * np.sqrt(bars.bars_per_year)
    assert found.metrics["volatility"] == pytest.approx(annual, rel=0.01)
    assert found.metrics["sharpe"] is not None
    assert found.metrics["max_drawdown"] < 0.0

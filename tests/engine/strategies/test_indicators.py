"""Each indicator against an independent implementation (pandas or a plain loop)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.strategies import (
    ATR,
    EMA,
    HMA,
    MACD,
    RSI,
    SMA,
    WMA,
    BollingerBands,
    Donchian,
    Highest,
    Lowest,
    Momentum,
    StandardDeviation,
    Strategy,
    TrueRange,
    ZScore,
    prepare_strategy,
)
from engine.strategies.rows import plan_rows

BARS = 3000


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, BARS)))
    close[1500:1560] = close[1500]  # a stretch without any change
    opens = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opens, close) * (1.0 + np.abs(rng.normal(0.0, 0.004, BARS)))
    low = np.minimum(opens, close) * (1.0 - np.abs(rng.normal(0.0, 0.004, BARS)))
    volume = rng.uniform(1.0, 9.0, BARS)
    return pd.DataFrame({"open": opens, "high": high, "low": low, "close": close, "volume": volume})


@pytest.fixture(scope="module")
def compute(frame):
    return computing(frame)


def computing(frame: pd.DataFrame):
    """Return what computes outputs as a study does: all rows of a strategy in one call."""
    path = np.ascontiguousarray(frame.to_numpy().T[None, None])
    fields = tuple(map(str, frame.columns))

    def run(*indicators, output="value"):
        declared = {f"i{number}": indicator for number, indicator in enumerate(indicators)}
        strategy = type("Declared", (Idle,), declared)
        engine = prepare_strategy(
            strategy, symbols=("X",), fields=fields, steps=BARS, bars_per_year=252.0
        )
        metrics, status = np.empty((1, 1, len(engine.metric_names))), np.empty((1, 1), np.int8)
        scratch = engine.scratch()
        engine.run(path, np.empty((1, 0)), metrics, status, scratch)
        planned = plan_rows(strategy, fields, np.empty((1, 0)))
        names = [name for item in indicators for name in item.outputs]
        count = len(planned.plans)
        rows = scratch.rows[: count * BARS].reshape(count, BARS)
        found = rows[planned.row_of[0, [name == output for name in names]]]
        return found[0] if len(found) == 1 else found

    return run


class Idle(Strategy):
    def on_bar(self, bar, order):
        pass


def wma(values: pd.Series, period: int) -> pd.Series:
    weights = np.arange(1, period + 1)
    return values.rolling(period).apply(lambda row: row @ weights / weights.sum(), raw=True)


def smoothed(values: np.ndarray, weight: float, period: int, start: int = 0) -> np.ndarray:
    out = np.full(len(values), np.nan)
    out[start + period - 1] = np.mean(values[start : start + period])
    for bar in range(start + period, len(values)):
        out[bar] = weight * values[bar] + (1.0 - weight) * out[bar - 1]
    return out


def true_range(frame: pd.DataFrame) -> np.ndarray:
    before = frame.close.shift(1)
    parts = [frame.high - frame.low, (frame.high - before).abs(), (frame.low - before).abs()]
    return np.array(pd.concat(parts, axis=1).max(axis=1))


def same(found: np.ndarray, expected: object, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=rtol, atol=atol)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9, 12, 13, 25])
def test_simple_averages_have_the_bits_of_pandas_however_many_at_once(
    compute, frame, count
) -> None:
    """Where two averages tie, their last bits decide about a crossing."""
    periods = [30, 1, 2, 5, 10, 61, 200, 2999, 4000, *range(40, 56)][:count]
    expected = [np.asarray(frame.close.rolling(period).mean()) for period in periods]
    found = compute(*(SMA(period) for period in periods)).reshape(count, -1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("period", [1, 2, 14, 200])
def test_simple_weighted_and_exponential_averages(compute, frame, period: int) -> None:
    close = frame.close
    same(compute(SMA(period)), close.rolling(period).mean())
    same(compute(WMA(period)), wma(close, period))
    same(compute(EMA(period)), smoothed(close.to_numpy(), 2.0 / (period + 1), period))
    same(compute(SMA(period, field="volume")), frame.volume.rolling(period).mean())


@pytest.mark.parametrize("period", [2, 9, 16, 55])
def test_the_hull_average(compute, frame, period: int) -> None:
    inner = 2.0 * wma(frame.close, max(period // 2, 1)) - wma(frame.close, period)
    same(compute(HMA(period)), wma(inner, int(np.sqrt(period))))


def test_true_range_and_its_average(compute, frame) -> None:
    expected = true_range(frame)
    same(compute(TrueRange()), expected)
    same(compute(ATR(14)), smoothed(expected, 1.0 / 14.0, 14))


def test_deviation_and_z_score(compute, frame) -> None:
    deviation = frame.close.rolling(20).std()
    same(compute(StandardDeviation(20)), deviation, atol=1e-7)
    moving = np.asarray(deviation > 1e-9)
    score = (frame.close - frame.close.rolling(20).mean()) / deviation
    same(compute(ZScore(20))[moving], score[moving], rtol=1e-6)
    assert np.isnan(compute(ZScore(20))[1540])


def spread_of(values: np.ndarray, period: int) -> np.ndarray:
    """Sample standard deviations of each window on its own, in extended precision."""
    windows = np.lib.stride_tricks.sliding_window_view(values.astype(np.longdouble), period)
    return np.concatenate([np.full(period - 1, np.nan), windows.std(axis=1, ddof=1).astype(float)])


@pytest.mark.parametrize("period", [2, 3, 14, 20, 200])
@pytest.mark.parametrize("how", ["bad ticks", "far from the origin", "nearly constant"])
def test_deviations_do_not_drown_in_what_the_window_has_left(frame, how: str, period: int) -> None:
    rng = np.random.default_rng(5)
    close = 3000.0 + np.round(np.cumsum(rng.normal(0.0, 1.0, BARS)), 2)
    if how == "bad ticks":
        close[[700, 1500, 2200]] *= [100.0, 0.01, 1e4]
    elif how == "far from the origin":
        close = np.where(np.arange(BARS) % 1024 < 300, 60_000.0, 20_000.0)
        close += np.round(rng.normal(0.0, 0.01, BARS), 2)
    else:
        close[600:1000], close[1300:1320] = close[600], close[1300]
    compute, expected = computing(frame.assign(close=close)), spread_of(close, period)
    same(compute(StandardDeviation(period)), expected, rtol=1e-6, atol=1e-12)
    found = compute(ZScore(period))
    np.testing.assert_array_equal(np.isnan(found), ~(expected > 0.0))
    moving = expected > 0.005
    distance = close - pd.Series(close).rolling(period).apply(np.mean, raw=True)
    same(found[moving], distance[moving] / expected[moving], rtol=1e-5, atol=1e-5)


def test_one_bar_has_no_sample_deviation(compute, frame) -> None:
    assert np.isnan(compute(StandardDeviation(1), ZScore(1))).all()
    same(compute(BollingerBands(1), output="upper"), frame.close, rtol=1e-15, atol=0.0)


def test_the_relative_strength_index(compute, frame) -> None:
    change = np.diff(frame.close.to_numpy())
    gain = smoothed(np.maximum(change, 0.0), 1.0 / 14.0, 14)
    loss = smoothed(np.maximum(-change, 0.0), 1.0 / 14.0, 14)
    expected = 100.0 - 100.0 / (1.0 + gain / loss)
    same(compute(RSI(14))[1:], expected)


def test_the_relative_strength_index_stays_between_0_and_100(compute, frame) -> None:
    same(compute(RSI(2))[:1], [np.nan])
    assert np.nanmin(compute(RSI(2))) >= 0.0
    assert np.nanmax(compute(RSI(2))) <= 100.0


def test_the_macd(compute, frame) -> None:
    close = frame.close.to_numpy()
    line = smoothed(close, 2.0 / 13.0, 12) - smoothed(close, 2.0 / 27.0, 26)
    signal = smoothed(line, 2.0 / 10.0, 9, start=25)
    macd = MACD(12, 26, 9)
    same(compute(macd, output="line"), line)
    same(compute(macd, output="signal"), signal)
    same(compute(macd, output="histogram"), line - signal)


def test_the_bollinger_bands(compute, frame) -> None:
    middle, spread = frame.close.rolling(20).mean(), frame.close.rolling(20).std(ddof=0)
    bands = BollingerBands(20, 2.5)
    same(compute(bands, output="upper"), middle + 2.5 * spread, atol=1e-6)
    same(compute(bands, output="middle"), middle)
    same(compute(bands, output="lower"), middle - 2.5 * spread, atol=1e-6)


@pytest.mark.parametrize("period", [1, 3, 20, 250])
def test_channels_and_extremes(compute, frame, period: int) -> None:
    high, low = frame.high.rolling(period).max(), frame.low.rolling(period).min()
    channel = Donchian(period)
    same(compute(channel, output="upper"), high)
    same(compute(channel, output="lower"), low)
    same(compute(channel, output="middle"), (high + low) / 2.0)
    same(compute(Highest(period)), high)
    same(compute(Lowest(period)), low)
    same(compute(Highest(period, field="close")), frame.close.rolling(period).max())


def test_momentum(compute, frame) -> None:
    same(compute(Momentum(10)), frame.close.pct_change(10))

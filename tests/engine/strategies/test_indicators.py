"""Each indicator against an independent implementation (pandas or a plain loop)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.strategies import (
    ADX,
    ATR,
    DMI,
    EMA,
    HMA,
    MACD,
    RSI,
    SMA,
    VWAP,
    WMA,
    BollingerBands,
    Donchian,
    Highest,
    Indicator,
    Keltner,
    LinearRegression,
    Lowest,
    Momentum,
    RollingVWAP,
    StandardDeviation,
    Stochastic,
    Strategy,
    Supertrend,
    TrueRange,
    ZScore,
    indicator_values,
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


# --- ranges and trends, by TA-Lib's formulas written plainly ----------------------------------


def exact(found: np.ndarray, expected: object) -> None:
    """To the last digits of what is between 0 and some hundreds."""
    same(found, expected, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize(("period", "smooth", "signal"), [(14, 3, 3), (5, 1, 4), (1, 2, 1)])
def test_the_stochastic_oscillator(compute, frame, period, smooth, signal) -> None:
    lowest = frame.low.rolling(period).min()
    width = frame.high.rolling(period).max() - lowest
    fast = (100.0 * (frame.close - lowest) / width).where(width > 0.0, 50.0)
    fast[: period - 1] = np.nan
    k = fast.rolling(smooth).mean()
    exact(compute(Stochastic(period, smooth, signal), output="k"), k)
    exact(compute(Stochastic(period, smooth, signal), output="d"), k.rolling(signal).mean())


def flat(count: int = BARS) -> pd.DataFrame:
    prices = np.full(count, 100.0)
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), prices))


def test_where_nothing_moves_an_oscillator_is_in_the_middle_and_no_direction_is_shown() -> None:
    compute = computing(flat())
    assert set(compute(Stochastic(), output="d")[17:]) == {50.0}
    for output in ("plus", "minus", "adx"):
        assert set(compute(DMI(5), output=output)[9:]) == {0.0}


def directional(frame: pd.DataFrame, period: int) -> dict[str, np.ndarray]:
    """TA_PLUS_DI, TA_MINUS_DI and TA_ADX, whose sums begin with ``period - 1`` changes."""
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    count = len(frame)
    found = {name: np.full(count, np.nan) for name in ("plus", "minus", "adx")}
    sums = np.zeros(3)
    distances: list[float] = []
    adx = 0.0
    for bar in range(1, count):
        up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
        change = np.array(
            [
                up if up > 0.0 and up > down else 0.0,
                down if down > 0.0 and up < down else 0.0,
                max(
                    high[bar] - low[bar],
                    abs(high[bar] - close[bar - 1]),
                    abs(low[bar] - close[bar - 1]),
                ),
            ]
        )
        if bar < period:
            sums += change
            continue
        sums = sums - sums / period + change
        plus, minus = 100.0 * sums[:2] / sums[2]
        found["plus"][bar], found["minus"][bar] = plus, minus
        distance = 100.0 * abs(plus - minus) / (plus + minus)
        distances.append(distance)
        if len(distances) == period:
            adx = sum(distances) / period
        elif len(distances) > period:
            adx = (adx * (period - 1) + distance) / period
        if len(distances) >= period:
            found["adx"][bar] = adx
    return found


@pytest.mark.parametrize("period", [2, 14, 50])
def test_directional_movement(compute, frame, period: int) -> None:
    expected = directional(frame, period)
    for name, values in expected.items():
        exact(compute(DMI(period), output=name), values)
    exact(compute(ADX(period)), expected["adx"])


def test_directional_movement_of_talib_on_bars_that_are_written_down() -> None:
    """Printed by TA-Lib 0.8.2 for these 12 bars: PLUS_DI, MINUS_DI and ADX of three bars."""
    close = np.array([10.0, 11, 12.5, 12, 11, 13, 14, 13.5, 12, 11.5, 12.5, 15])
    high, low = close + np.resize([0.5, 1.0, 0.25], 12), close - np.resize([0.75, 0.5], 12)
    bars = Bars("X", np.arange(12) * 86_400_000_000, close, high, low, close, np.ones(12))
    found = indicator_values(DMI(3), bars)
    for name, expected in TALIB.items():
        exact(found[name], expected)


NAN = float("nan")
TALIB = {
    "plus": [
        *(NAN, NAN, NAN, 42.857142857142854, 24.48979591836735, 38.547486033519554, 52.5),
        *(35.77981651376147, 20.843672456575685, 16.305808571001947, 39.495077228795964),
        50.33439302222858,
    ],
    "minus": [
        *(NAN, NAN, NAN, 7.142857142857142, 34.693877551020414, 18.994413407821227),
        *(13.076923076923075, 14.22018348623853, 40.752051918305014, 37.32268179781992),
        *(22.577002980760547, 12.440042553456223),
    ],
    "adx": [
        *(NAN, NAN, NAN, NAN, NAN, 40.88351108772937, 47.29477474274822, 45.9029385135141),
        *(41.375639413926244, 40.6470108042352, 36.18318376471714, 44.244087829640044),
    ],
}


def supertrend(frame: pd.DataFrame, period: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """TradingView's ``ta.supertrend``, line by line, its direction turned round."""
    close = frame.close.to_numpy()
    middle = ((frame.high + frame.low) / 2.0).to_numpy()
    ranges = smoothed(true_range(frame), 1.0 / period, period)
    line, direction = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    upper_before = lower_before = 0.0
    for bar in range(period - 1, len(frame)):
        upper, lower = middle[bar] + width * ranges[bar], middle[bar] - width * ranges[bar]
        if not (lower > lower_before or close[bar - 1] < lower_before):
            lower = lower_before
        if not (upper < upper_before or close[bar - 1] > upper_before):
            upper = upper_before
        if bar == period - 1:
            down = True
        elif line[bar - 1] == upper_before:
            down = not close[bar] > upper
        else:
            down = close[bar] < lower
        line[bar], direction[bar] = (upper, -1.0) if down else (lower, 1.0)
        upper_before, lower_before = upper, lower
    return line, direction


@pytest.mark.parametrize(("period", "width"), [(10, 3.0), (3, 1.0), (40, 0.5)])
def test_the_supertrend(compute, frame, period: int, width: float) -> None:
    line, direction = supertrend(frame, period, width)
    assert (np.diff(direction[period:]) != 0.0).sum() > 10
    exact(compute(Supertrend(period, width), output="line"), line)
    exact(compute(Supertrend(period, width), output="direction"), direction)


@pytest.mark.parametrize("period", [1, 20, 300])
def test_the_rolling_average_price_by_volume(frame, period: int) -> None:
    volume = frame.volume.where(np.arange(BARS) % 700 > 40, 0.0) ** 6
    made = frame.assign(volume=volume)
    worth = (frame.high + frame.low + frame.close) / 3.0 * volume
    windows = np.lib.stride_tricks.sliding_window_view
    total = windows(volume.to_numpy(), period).sum(axis=1)
    expected = np.full(BARS, np.nan)
    traded = total > 0.0
    sums = windows(worth.to_numpy(), period).sum(axis=1)
    expected[period - 1 :][traded] = sums[traded] / total[traded]
    found = computing(made)(RollingVWAP(period))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    same(found, expected, rtol=1e-11, atol=0.0)


def hourly(frame: pd.DataFrame) -> Bars:
    """Bars of an hour in sessions of seven, with two outside each."""
    days = np.arange(BARS // 9 + 1) * 24
    hours = (days[:, None] + np.arange(13, 22)).ravel()[:BARS]
    # 1970-01-05 was a Monday; in UTC for markets that never close.
    stamps = (hours + 96) * 3_600_000_000
    columns = (frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    return Bars("X", stamps, *columns, calendar=BarCalendar("24/7", "1h"))


def test_the_average_price_of_the_session_by_volume(frame) -> None:
    volume = frame.volume.where(np.arange(BARS) % 9 > 1, 0.0)
    bars = hourly(frame.assign(volume=volume))
    worth = (frame.high + frame.low + frame.close) / 3.0 * volume
    session = np.arange(BARS) // 9
    traded = volume.groupby(session).cumsum()
    expected = (worth.groupby(session).cumsum() / traded).where(traded > 0.0)
    exact(indicator_values(VWAP(), bars)["value"], expected)
    assert np.isnan(expected[:2]).all()


@pytest.mark.parametrize("period", [2, 14, 300])
def test_the_linear_regression(compute, frame, period: int) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(frame.close.to_numpy(), period)
    slope, start = np.polynomial.polynomial.polyfit(np.arange(period), windows.T, 1)[::-1]
    blanks = np.full(period - 1, np.nan)
    exact(compute(LinearRegression(period), output="slope"), np.append(blanks, slope))
    ends = start + slope * (period - 1)
    exact(compute(LinearRegression(period), output="line"), np.append(blanks, ends))


def test_a_regression_is_not_drowned_by_a_bad_tick_that_has_left(frame) -> None:
    close = frame.close.to_numpy().copy()
    close[[700, 2200]] *= [1e4, 1e-4]
    windows = np.lib.stride_tricks.sliding_window_view(close, 20)
    slope = np.polynomial.polynomial.polyfit(np.arange(20), windows.T, 1)[1]
    found = computing(frame.assign(close=close))(LinearRegression(20), output="slope")
    same(found[19:], slope, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("period", "ranges"), [(20, 10), (5, 30)])
def test_the_keltner_channel(compute, frame, period: int, ranges: int) -> None:
    middle = smoothed(frame.close.to_numpy(), 2.0 / (period + 1), period)
    distance = 1.5 * smoothed(true_range(frame), 1.0 / ranges, ranges)
    channel = Keltner(period, 1.5, ranges)
    exact(compute(channel, output="middle"), middle)
    exact(compute(channel, output="upper"), middle + distance)
    exact(compute(channel, output="lower"), middle - distance)


def test_an_indicator_of_several_fields_takes_as_many_series(compute, frame) -> None:
    """The stochastic oscillator of an index, as Chande draws it (1994)."""
    index = pd.Series(compute(RSI(14)))
    low, high = index.rolling(14).min(), index.rolling(14).max()
    expected = (100.0 * (index - low) / (high - low)).where(high > low, 50.0)
    expected[:27] = np.nan
    found = compute(Stochastic(RSI(14), RSI(14), RSI(14), 14, 1, 1), output="k")
    same(found, expected, rtol=1e-9, atol=1e-7)


def test_every_indicator_has_values_on_a_path_of_one_bar() -> None:
    bars = Bars("X", np.zeros(1, dtype=np.int64), *np.full((5, 1), 9.0))
    from engine.strategies import indicators

    for name in indicators.__all__:
        declared: Indicator = getattr(indicators, name)()
        for values in indicator_values(declared, bars).values():
            assert values.shape == (1,)

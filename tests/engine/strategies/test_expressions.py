"""Indicators of expressions: an average of an average, of a spread, of a column, of high - low."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.bars import Bars
from engine.strategies import (
    ATR,
    EMA,
    HMA,
    MACD,
    RSI,
    SMA,
    WMA,
    BollingerBands,
    Close,
    Donchian,
    Field,
    Float,
    High,
    Highest,
    Indicator,
    Int,
    Low,
    Lowest,
    Momentum,
    Open,
    StandardDeviation,
    Strategy,
    StrategyError,
    Volume,
    ZScore,
    backtest,
    indicator_values,
    prepare_strategy,
)
from engine.strategies.audit import audit_strategy
from engine.strategies.rows import plan_rows

BARS = 400
FIELDS = ("open", "high", "low", "close", "volume")


def history(seed: int = 5, symbol: str = "X", count: int = BARS, **columns: np.ndarray) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.012, count)))
    opens = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opens, close) * 1.003, np.minimum(opens, close) / 1.004
    stamps = np.arange(count, dtype=np.int64) * 86_400_000_000
    volume = rng.uniform(1.0, 9.0, count)
    return Bars(symbol, stamps, opens, high, low, close, volume, columns=columns)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return history()


def values(expression, bars):
    return indicator_values(expression, bars)["value"]


def same(found: np.ndarray, expected: object) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-11, atol=1e-11)


def ema(series: pd.Series, period: int) -> np.ndarray:
    """The average that starts as a mean, on each stretch without a gap by itself."""
    out = np.full(len(series), np.nan)
    for bar in range(len(series)):
        window = series.to_numpy()[max(bar - period + 1, 0) : bar + 1]
        if bar and np.isfinite(out[bar - 1]) and np.isfinite(series.iloc[bar]):
            out[bar] = out[bar - 1] + 2.0 / (period + 1) * (series.iloc[bar] - out[bar - 1])
        elif len(window) == period and np.isfinite(window).all():
            out[bar] = window.mean()
    return out


# --- values ----------------------------------------------------------------------------------


def test_an_average_of_an_indicator_is_that_of_its_values(bars: Bars) -> None:
    index = pd.Series(values(RSI(14), bars))
    same(values(SMA(RSI(14), 5), bars), index.rolling(5).mean())
    same(values(EMA(RSI(14), 5), bars), ema(index, 5))
    close = pd.Series(bars.close)
    twice = close.rolling(7).mean().rolling(4).mean().rolling(3).mean()
    same(values(SMA(SMA(SMA(7), 4), 3), bars), twice)


def test_an_average_of_a_spread_a_column_and_a_range(bars: Bars) -> None:
    other = history(6, "Y")
    ratio = pd.Series(bars.close / other.close)
    found = values(ZScore(Close() / Close(symbol=1), 20), [bars, other])
    same(found, (ratio - ratio.rolling(20).mean()) / ratio.rolling(20).std())
    ranges = pd.Series(bars.high - bars.low)
    same(values(SMA(High() - Low(), 9), bars), ranges.rolling(9).mean())
    distance = pd.Series(bars.close) - pd.Series(bars.close).rolling(20).mean()
    same(values(SMA(Close() - SMA(20), 5), bars), distance.rolling(5).mean())
    mood = np.linspace(-1.0, 1.0, BARS) ** 3
    same(
        values(SMA(Field("mood") * Volume(), 6), history(mood=mood)),
        pd.Series(mood * bars.volume).rolling(6).mean(),
    )


def test_rows_of_an_indicator_are_read_by_their_names(bars: Bars) -> None:
    macd = indicator_values(MACD(5, 12, 4), bars)
    same(values(EMA(MACD(5, 12, 4).line, 4), bars), macd["signal"])
    same(values(MACD(5, 12, 4).histogram, bars), macd["histogram"])
    channel = indicator_values(Donchian(20), bars)
    same(values(Donchian(20).upper - Donchian(20).lower, bars), channel["upper"] - channel["lower"])
    found = indicator_values(BollingerBands(RSI(5), 10), bars)
    index = pd.Series(values(RSI(5), bars))
    same(found["upper"], index.rolling(10).mean() + 2.0 * index.rolling(10).std(ddof=0))
    # A parameter of the MACD is called signal as well.
    assert MACD(5, 12, 4).parameters["signal"].default == 9


def test_numbers_stand_on_either_side_and_an_index_goes_back(bars: Bars) -> None:
    close = pd.Series(bars.close)
    same(values(2.0 - Close(), bars), 2.0 - close)
    same(values(3 / Close() + 1, bars), 3.0 / close + 1.0)
    same(values(-(+Close()) * np.float64(0.5), bars), -close * 0.5)
    same(values(np.float64(2.0) * Close() - 1, bars), 2.0 * close - 1.0)
    same(values(Close() / Open()[3] - 1.0, bars), close / pd.Series(bars.open).shift(3) - 1.0)
    same(values(SMA(10)[2], bars), close.rolling(10).mean().shift(2))


def test_a_field_in_place_of_the_same_field_changes_no_bit(bars: Bars) -> None:
    np.testing.assert_array_equal(values(SMA(Close(), 9), bars), values(SMA(9), bars))
    np.testing.assert_array_equal(values(SMA(High(), 9), bars), values(SMA(9, field="high"), bars))
    given = indicator_values(Donchian(High(), Low(), 9), bars)
    for name, expected in indicator_values(Donchian(9), bars).items():
        np.testing.assert_array_equal(given[name], expected)


def test_behind_a_gap_an_indicator_begins_anew() -> None:
    mood = np.random.default_rng(3).normal(size=BARS)
    mood[[40, 41, 90, 300]] = np.nan
    bars, series = history(mood=mood), pd.Series(mood)
    for found in (SMA(Field("mood"), 6), SMA(6, field="mood")):
        same(values(found, bars), series.rolling(6).mean())
    same(values(EMA(Field("mood"), 6), bars), ema(series, 6))
    same(values(SMA(EMA(Field("mood"), 6), 3), bars), pd.Series(ema(series, 6)).rolling(3).mean())


def test_what_is_divided_by_zero_is_undefined(bars: Bars) -> None:
    zero = np.arange(BARS) % 50 - 25.0
    found = values(SMA(Close() / Field("zero"), 4), history(zero=zero))
    ratio = pd.Series(np.where(zero == 0.0, np.nan, bars.close / np.where(zero == 0.0, 1.0, zero)))
    same(found, ratio.rolling(4).mean())
    assert np.isnan(values(Close() / (Close() - Close()), bars)).all()


# --- any tree, against pandas ----------------------------------------------------------------

LEAVES = {"open": Open, "high": High, "low": Low, "close": Close, "volume": Volume}
WINDOWS = {
    SMA: lambda series, n: series.rolling(n).mean(),
    Highest: lambda series, n: series.rolling(n).max(),
    Lowest: lambda series, n: series.rolling(n).min(),
    StandardDeviation: lambda series, n: series.rolling(n).std(),
    Momentum: lambda series, n: series / series.shift(n) - 1.0,
}


def defined(series: pd.Series) -> pd.Series:
    return series.where(np.isfinite(series))


@st.composite
def trees(draw, depth: int = 3):
    """An expression, and the same in pandas as a function of a frame."""
    kind = draw(st.sampled_from(["leaf", "number", "two", "lag", "window"] if depth else ["leaf"]))
    if kind == "leaf":
        name = draw(st.sampled_from(sorted(LEAVES)))
        return LEAVES[name](), lambda frame: frame[name]
    one, of_one = draw(trees(depth - 1))
    if kind == "lag":
        back = draw(st.integers(0, 5))
        return one[back], lambda frame: of_one(frame).shift(back)
    if kind == "window":
        indicator = draw(st.sampled_from(sorted(WINDOWS, key=lambda item: item.__name__)))
        period = draw(st.integers(2, 12))
        return indicator(one, period), lambda frame: defined(
            WINDOWS[indicator](of_one(frame), period)
        )
    operation = draw(st.sampled_from("+-*/"))
    if kind == "number":
        number = draw(st.sampled_from([-2.0, 0.5, 3.0]))
        two, of_two = number, lambda frame: number
    else:
        two, of_two = draw(trees(depth - 1))
    made = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
    }[operation]
    return made(one, two), lambda frame: defined(made(of_one(frame), of_two(frame)))


def has_flat_windows(expression) -> bool:
    """Deviations of nothing, and what is divided by them, differ by their rounding alone."""
    return any(isinstance(part, StandardDeviation | Momentum) for part in expression.walk())


@settings(max_examples=3 * settings.default.max_examples, deadline=None)
@given(tree=trees())
def test_any_expression_has_the_values_of_pandas(tree) -> None:
    expression, in_pandas = tree
    bars = history(8, count=120)
    frame = pd.DataFrame({name: bars.field(name) for name in FIELDS})
    found, expected = values(expression, bars), in_pandas(frame).to_numpy(dtype=float)
    loose = 1e-5 if has_flat_windows(expression) else 1e-9
    scale = np.nanmax(np.abs(expected)) if np.isfinite(expected).any() else 1.0
    both = np.isfinite(found) & np.isfinite(expected)
    if not has_flat_windows(expression):
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    np.testing.assert_allclose(found[both], expected[both], rtol=loose, atol=loose * scale)


# --- warm-up ---------------------------------------------------------------------------------

CHAINS = [
    SMA(RSI(14), 5),
    EMA(EMA(EMA(7), 7), 7),
    HMA(WMA(5), 9),
    ATR(5)[3] * 2.0,
    SMA(Close() - SMA(20), 5) / StandardDeviation(30),
    Momentum(MACD(5, 12, 4).signal, 3),
    SMA(MACD(5, 12, 4).line, 3),
    Highest(High() - Low(), 1),
]


@pytest.mark.parametrize("number", range(len(CHAINS)))
def test_warm_up_adds_up(bars: Bars, number: int) -> None:
    class Declared(Strategy):
        value = CHAINS[number]

        def on_bar(self, bar, order):
            order.close()

    undefined = np.isnan(values(CHAINS[number], bars))
    # Of rows of an indicator the one that is there first waits for the last.
    later = 3 if number == 6 else 0
    assert Declared.warm_up() == undefined.argmin() + later
    assert not undefined[Declared.warm_up() :].any()


def test_parameters_work_inside_and_count_for_the_warm_up(bars: Bars) -> None:
    class Smooth(Strategy):
        length = Int(14, low=2, high=100)
        back = Int(0, low=0, high=9)
        width = Float(1.0, low=0.0)
        other = Int(3, optional=True)
        index = RSI(length)
        smooth = SMA(index, 5)
        band = SMA(length)[back] + width * ATR(4)
        never = SMA(EMA(other), 200)

        def on_bar(self, bar, order):
            order.limit(1.0, self.band + self.smooth, tif="ioc")

    assert Smooth.warm_up({"other": None}) == 18
    assert Smooth.warm_up({"other": None, "length": 30, "back": 9}) == 30 + 9 - 1
    assert Smooth.warm_up({"other": 3}) == 2 + 199
    given = {"length": 30, "back": 9, "width": 2.5, "other": None}
    orders = backtest(Smooth, bars, given).orders
    prices = orders.filter(orders["event"] == "submitted")["price"].to_numpy()
    close = pd.Series(bars.close)
    band = close.rolling(30).mean().shift(9) + 2.5 * values(ATR(4), bars)
    smooth = pd.Series(values(RSI(30), bars)).rolling(5).mean()
    same(prices, (band + smooth).dropna())


# --- in strategies ---------------------------------------------------------------------------


class Distance(Indicator):
    """Mean distance of the close to its mean, by hand."""

    slow = Int(20, low=1)
    fast = Int(5, low=1)

    @staticmethod
    def warm_up(slow, fast):
        return slow + fast - 2

    @staticmethod
    def fill(close, slow, fast, out):
        for bar in range(slow + fast - 2, out.size):
            total = 0.0
            for back in range(fast):
                at = bar - back
                total += close[at] - close[at - slow + 1 : at + 1].mean()
            out[bar] = total / fast


class ByExpression(Strategy):
    slow = Int(20, low=2, high=60)
    distance = SMA(Close() - SMA(slow), 5)

    def on_bar(self, bar, order):
        if self.distance > 0.1 and self.distance[1] <= 0.1:
            order.target_percent(1.0)
        elif self.distance < -0.1:
            order.close()


class ByHand(Strategy):
    slow = Int(20, low=2, high=60)
    distance = Distance(slow, 5)

    def on_bar(self, bar, order):
        if self.distance > 0.1 and self.distance[1] <= 0.1:
            order.target_percent(1.0)
        elif self.distance < -0.1:
            order.close()


class VectorByExpression(Strategy):
    slow = Int(20, low=2, high=60)
    distance = SMA(Close() - SMA(slow), 5)

    def signals(self, bars, target):
        target[:] = np.where(self.distance > 0.1, 1.0, 0.0)


class VectorByHand(Strategy):
    slow = Int(20, low=2, high=60)
    distance = Distance(slow, 5)

    def signals(self, bars, target):
        target[:] = np.where(self.distance > 0.1, 1.0, 0.0)


@pytest.mark.parametrize(
    ("one", "two"), [(ByExpression, ByHand), (VectorByExpression, VectorByHand)]
)
def test_both_forms_trade_as_with_an_indicator_written_by_hand(bars: Bars, one, two) -> None:
    first, second = backtest(one, bars, {"slow": 15}), backtest(two, bars, {"slow": 15})
    assert first.trades.height > 5
    assert first.orders.equals(second.orders)


def test_a_sweep_warms_up_and_gives_the_rows_of_the_one_written_by_hand() -> None:
    tables = []
    for strategy in (ByExpression, ByHand):
        study = mc.Study(
            name="distance",
            source=mc.GBM(mu=0.1, sigma=0.2),
            steps=200,
            s0=100.0,
            strategy=strategy,
            parameters={"slow": [5, 20, 45]},
            seeds=range(8),
        )
        tables.append(study.run().frame.select("seed", "slow", "net_pnl", "trades"))
    assert tables[0]["net_pnl"].n_unique() > 20
    assert tables[0].equals(tables[1])


def test_a_series_that_several_expressions_need_is_computed_once() -> None:
    class Shared(Strategy):
        length = Int(14)
        index = RSI(length)
        smooth = SMA(RSI(14), 5)
        again = SMA(index, 5) - SMA(RSI(length), 5)
        line = MACD().line

        def on_bar(self, bar, order):
            order.close()

    plan = plan_rows(Shared, FIELDS, np.array([[14.0], [14.0]]))
    # The index, its average, a difference, and the three rows of the MACD.
    assert len(plan.plans) == 6
    assert (plan.row_of[0] == plan.row_of[1]).all()
    assert len(plan_rows(Shared, FIELDS, np.array([[14.0], [9.0]])).plans) == 6 + 3


def test_an_index_beyond_the_path_fails_what_rests_on_it_alone(bars: Bars) -> None:
    class Reaching(Indicator):
        period = Int(5)

        @staticmethod
        def fill(close, period, out):
            for bar in range(out.size):
                out[bar] = close[(bar * period) // 100]

    class Reach(Strategy):
        period = Int(5)
        smooth = SMA(EMA(Reaching(period), 3) + 1.0, 2)

        def on_bar(self, bar, order):
            if self.smooth > 0.0:
                order.market(1)

    engine = prepare_strategy(Reach, symbols=("X",), fields=FIELDS, steps=BARS, bars_per_year=252.0)
    path = np.array([[[bars.field(name) for name in FIELDS]]])
    sets = np.array([engine.encode({"period": period}) for period in (5, 150, 50)])
    metrics, status = np.empty((1, 3, len(engine.metric_names))), np.empty((1, 3), np.int8)
    scratch = engine.scratch()
    engine.run(path, sets, metrics, status, scratch)
    assert (status[0] == 0).tolist() == [True, False, True]
    text = engine.failure(int(status[0, 1]), path, sets[1:2], scratch)
    assert text.startswith("the indicator smooth raised IndexError: index is out of bounds")


def test_an_indicator_of_the_users_takes_series_for_its_fields(bars: Bars) -> None:
    class Spread(Indicator):
        period = Int(10, low=1)
        reads = ("close", "close")

        @staticmethod
        def warm_up(period):
            return period - 1

        @staticmethod
        def fill(first, second, period, out):
            for bar in range(out.size):
                start = max(bar - period + 1, 0)
                out[bar] = (first[start : bar + 1] - second[start : bar + 1]).mean()

    found = values(Spread(EMA(9), RSI(3), 4), bars)
    expected = pd.Series(values(EMA(9), bars) - values(RSI(3), bars)).rolling(4).mean()
    same(found, expected)


# --- looking ahead and the hash --------------------------------------------------------------


class Centred(Indicator):
    """A mean around the bar: half of it is the future."""

    @staticmethod
    def fill(values, out):
        for bar in range(1, out.size - 1):
            out[bar] = values[bar - 1 : bar + 2].mean()


FUTURE = np.linspace(0.0, 1.0, 500)


class Remembered(Indicator):
    @staticmethod
    def fill(values, out):
        for bar in range(out.size):
            out[bar] = FUTURE[bar % FUTURE.size]


def test_the_audit_covers_what_an_expression_is_made_of() -> None:
    class Peek(Strategy):
        inner = SMA(Centred(SMA(3)) - Close(), 2)

        def on_bar(self, bar, order):
            if self.inner > 0.0:
                order.target_percent(1.0)
            else:
                order.close()

    class Table(Strategy):
        inner = SMA(Remembered(EMA(3)), 2)

        def on_bar(self, bar, order):
            if self.inner > 0.5:
                order.target_percent(1.0)

    assert len(audit_strategy(Peek, cuts=60).findings) > 10
    assert any("reads FUTURE, 500 values" in item for item in audit_strategy(Table, cuts=5).reasons)
    assert audit_strategy(ByExpression, cuts=60).passed
    assert audit_strategy(VectorByExpression, cuts=60).passed


HASHED = """from engine.strategies import *
class Own(Indicator):
    @staticmethod
    def fill(close, out):
        out[:] = close * 2.0
class Use(Strategy):
    number = Int(5, low=0)
    other = Int(5, low=0)
    value = SMA(Own(Close() - 2.0 * SMA(number)), 3)[1] + MACD(3, 5, 2).line
    def on_bar(self, bar, order):
        if self.value > 0.0:
            order.market(1)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("close * 2.0", "close * 3.0"),
        ("Close()", "High()"),
        ("Close()", "Close(symbol=1)"),
        ("Close() - 2.0", "Close() + 2.0"),
        ("2.0 * SMA", "2.5 * SMA"),
        ("SMA(number)", "EMA(number)"),
        ("SMA(number)", "SMA(other)"),
        (", 3)", ", 4)"),
        ("[1]", "[2]"),
        ("[1] + MACD(3, 5, 2).line", "[1] + MACD(3, 5, 2).signal"),
        ("Own(Close() - 2.0 * SMA(number))", "Own(2.0 * SMA(number) - Close())"),
        ("MACD(3, 5, 2).line", "MACD(3, 5, 2).line * 1.0"),
        ("SMA(number)", "SMA(number, timeframe='1w')"),
    ],
)
def test_every_part_of_an_expression_decides_the_hash(
    tmp_path: Path, before: str, after: str
) -> None:
    assert before in HASHED
    hashes = []
    for number, text in enumerate((HASHED, HASHED + "\n", HASHED.replace(before, after))):
        path = tmp_path / f"hashed_{number}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        hashes.append(module.Use.code_hash())
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SMA(MACD(), 5), r"MACD has several rows, allowed one of them: MACD\(...\).line"),
        (lambda: Donchian() + 1.0, r"Donchian has several rows, allowed .* Donchian\(...\).upper"),
        (lambda: ATR(RSI(3), 5), r"ATR: found 1 series, allowed 3, in place of high, low, close"),
        (lambda: SMA(5, RSI(3)), r"SMA: found field .*RSI.*, allowed the name of a field"),
        (lambda: SMA(period=RSI(3)), r"found period the indicator RSI, allowed series before"),
        (lambda: SMA(RSI(3), 5, field="high"), r"SMA: found field beside a series, allowed one"),
        (lambda: Close()[-1], r"an index: found -1, allowed a number of bars back, 0 or more"),
        (lambda: Close()[1:2], r"an index: found a slice, allowed a number of bars back"),
        (lambda: Close()[Int(1)], r"an index: found a whole number, allowed a number of bars"),
        (lambda: MACD()[1], r"MACD has several rows, allowed one of them"),
        (lambda: Close(1.5), r"Close: found symbol 1.5, allowed a whole number"),
        (lambda: Field(""), r"Field: found '', allowed the name of a field"),
    ],
)
def test_a_series_that_makes_no_sense_is_refused_with_its_line(make, text: str) -> None:
    with pytest.raises(StrategyError, match=text) as caught:
        make()
    assert str(caught.value).startswith(f"{__file__}, line ")


def test_what_is_no_number_beside_a_series_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        Close() + "1"
    with pytest.raises(TypeError, match="not iterable"):
        list(Close())


def test_a_field_symbol_or_parameter_that_is_not_there_is_refused(bars: Bars) -> None:
    class Unknown(Strategy):
        value = SMA(Field("mood") + 1.0, 5)

        def on_bar(self, bar, order):
            order.close()

    class Second(Strategy):
        value = SMA(Close() - Close(symbol=1), 5)

        def on_bar(self, bar, order):
            order.close()

    with pytest.raises(ValueError, match=r"unknown.value: found field 'mood', allowed open, high"):
        backtest(Unknown, bars)
    with pytest.raises(StrategyError, match=r"second.value: found symbol 1, allowed 0 to 0"):
        backtest(Second, bars)
    with pytest.raises(StrategyError, match="found a parameter that the class does not declare"):

        class Foreign(Strategy):
            value = SMA(RSI(Int(5)), 3)

    with pytest.raises(StrategyError, match=r"Bad.outputs: walk is a name of Indicator's own"):

        class Bad(Indicator):
            outputs = ("walk", "upper")

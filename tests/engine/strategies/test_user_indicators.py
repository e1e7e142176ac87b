"""A user's own indicators: declared as the built-in ones, computed by a compiled `fill`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import engine as mc
from engine.bars import Bars
from engine.strategies import (
    SMA,
    Float,
    Indicator,
    Int,
    Strategy,
    StrategyError,
    backtest,
    indicator_values,
    indicators,
    prepare_strategy,
)
from engine.strategies.audit import audit_strategy
from engine.strategies.compiler_errors import explain

BARS = 600


def history(seed: int, symbol: str = "X", count: int = BARS) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.012, count)))
    opens = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opens, close) * 1.003, np.minimum(opens, close) / 1.004
    stamps = np.arange(count, dtype=np.int64) * 86_400_000_000
    return Bars(symbol, stamps, opens, high, low, close, rng.uniform(1.0, 9.0, count))


@pytest.fixture(scope="module")
def bars() -> Bars:
    return history(5)


def change(now: float, before: float) -> float:
    return now / before - 1.0


class Momentum(Indicator):
    """Price change over `period` bars."""

    period = Int(20, low=1, high=500)
    reads = ("close",)

    @staticmethod
    def warm_up(period):
        return period

    @staticmethod
    def fill(close, period, out):
        for bar in range(period, out.size):
            out[bar] = change(close[bar], close[bar - period])


class Keltner(Indicator):
    """Mean of the close and a multiple of the mean range on either side."""

    period = Int(10, low=1)
    width = Float(2.0, low=0.0)
    reads = ("high", "low", "close")
    outputs = ("upper", "lower")

    @staticmethod
    def warm_up(period, width):
        return period - 1

    @staticmethod
    def fill(high, low, close, period, width, upper, lower):
        for bar in range(bars_of(upper)):
            first = max(bar - period + 1, 0)
            mean = close[first : bar + 1].mean()
            distance = width * (high[first : bar + 1] - low[first : bar + 1]).mean()
            upper[bar] = mean + distance
            lower[bar] = mean - distance


def bars_of(values: np.ndarray) -> int:
    return values.size


class Spread(Indicator):
    """Ratio of two symbols' closes less its mean over `period` bars."""

    period = Int(10, low=1)
    reads = ("close", "close")

    @staticmethod
    def fill(first, second, period, out):
        ratio = first / second
        for bar in range(period - 1, out.size):
            out[bar] = ratio[bar] - ratio[bar - period + 1 : bar + 1].mean()


class Follow(Strategy):
    """Long while the change is positive and growing."""

    period = Int(20, low=1, high=500)
    change = Momentum(period)

    def on_bar(self, bar, order):
        if self.change > 0.0 and self.change > self.change[1]:
            order.target_percent(1.0)
        elif self.change < 0.0:
            order.close()


class FollowBuiltIn(Strategy):
    """The same with the built-in indicator."""

    period = Int(20, low=1, high=500)
    change = indicators.Momentum(period)

    def on_bar(self, bar, order):
        if self.change > 0.0 and self.change > self.change[1]:
            order.target_percent(1.0)
        elif self.change < 0.0:
            order.close()


class FollowSignals(Strategy):
    """The vector form."""

    period = Int(20, low=1, high=500)
    change = Momentum(period)

    def signals(self, bars, target):
        target[:] = np.where(self.change > 0.0, 1.0, 0.0)


class FollowSignalsBuiltIn(Strategy):
    period = Int(20, low=1, high=500)
    change = indicators.Momentum(period)

    def signals(self, bars, target):
        target[:] = np.where(self.change > 0.0, 1.0, 0.0)


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [1, 20, 500, 700])
def test_an_indicator_of_the_users_has_the_bits_of_the_built_in(bars: Bars, period: int) -> None:
    expected = indicator_values(indicators.Momentum(period), bars)["value"]
    if period <= 500:
        np.testing.assert_array_equal(indicator_values(Momentum(period), bars)["value"], expected)
    assert np.isnan(expected[:period]).all()


def test_fields_and_several_outputs_are_those_of_numpy(bars: Bars) -> None:
    found = indicator_values(Keltner(10, width=1.5), bars)
    windows = np.lib.stride_tricks.sliding_window_view
    mean = windows(bars.close, 10).mean(axis=1)
    distance = 1.5 * windows(bars.high - bars.low, 10).mean(axis=1)
    for name, expected in (("upper", mean + distance), ("lower", mean - distance)):
        assert np.isnan(found[name][:9]).all()  # written to by fill, and discarded
        np.testing.assert_allclose(found[name][9:], expected, rtol=1e-12)


def test_another_field_or_symbol_is_read_where_the_declaration_says(bars: Bars) -> None:
    other = history(6, "Y")
    volume = indicator_values(Momentum(3, field="volume"), bars)["value"]
    np.testing.assert_allclose(volume[3:], bars.volume[3:] / bars.volume[:-3] - 1.0)
    second = indicator_values(Momentum(3, symbol=1), [bars, other])["value"]
    np.testing.assert_array_equal(second, indicator_values(Momentum(3), other)["value"])
    spread = indicator_values(Spread(5, symbol=(0, 1)), [bars, other])["value"]
    ratio = bars.close / other.close
    expected = ratio[4:] - np.lib.stride_tricks.sliding_window_view(ratio, 5).mean(axis=1)
    np.testing.assert_allclose(spread[4:], expected, atol=1e-12)


BUILT_INS = [
    *[getattr(indicators, name)() for name in indicators.__all__],
    indicators.MACD(5, 3, 4),
    indicators.HMA(9),
    indicators.SMA(1),
]


@pytest.mark.parametrize("declared", BUILT_INS, ids=lambda item: type(item).__name__)
def test_the_warm_up_of_a_built_in_is_the_number_of_bars_without_a_value(
    bars: Bars, declared: Indicator
) -> None:
    found = np.array(list(indicator_values(declared, bars).values()))
    undefined = np.isnan(found).any(axis=0)
    expected = declared.bars_before(declared.values_of({}))
    assert undefined[:expected].all()
    assert not undefined[expected:].any()


def test_a_strategy_warms_up_as_long_as_its_slowest_indicator() -> None:
    class Both(Strategy):
        fast = Int(5, optional=True)
        slow = Int(30)
        mean = SMA(slow)
        change = Momentum(fast)

        def on_bar(self, bar, order):
            order.close()

    assert Both.warm_up() == 29
    assert Both.warm_up({"fast": 40}) == 40
    assert Both.warm_up({"fast": None, "slow": 3}) == 2


# --- in strategies ---------------------------------------------------------------------------


@pytest.mark.parametrize("period", [None, 7])
@pytest.mark.parametrize(
    ("one", "two"), [(Follow, FollowBuiltIn), (FollowSignals, FollowSignalsBuiltIn)]
)
def test_both_forms_trade_as_with_the_built_in(bars: Bars, one, two, period) -> None:
    given = {} if period is None else {"period": period}
    own, built_in = backtest(one, bars, given), backtest(two, bars, given)
    assert own.trades.height > 10
    assert own.orders.equals(built_in.orders)
    np.testing.assert_array_equal(own.equity, built_in.equity)


def test_a_sweep_gives_the_rows_of_the_built_in() -> None:
    tables = []
    for strategy in (Follow, FollowBuiltIn):
        study = mc.Study(
            name="momentum",
            source=mc.GBM(mu=0.1, sigma=0.2),
            steps=200,
            s0=100.0,
            strategy=strategy,
            parameters={"period": [5, 20, 60]},
            seeds=range(10),
        )
        tables.append(study.run().frame.select("seed", "period", "net_pnl", "trades"))
    assert tables[0].height == 30
    assert tables[0]["net_pnl"].n_unique() > 20
    assert tables[0].equals(tables[1])


def test_indicators_of_two_symbols_trade_both() -> None:
    class Pair(Strategy):
        period = Int(10)
        spread = Spread(period, symbol=(0, 1))
        second = Momentum(5, symbol=1)

        def on_bar(self, bar, order):
            if self.spread < 0.0 and self.second > 0.0:
                order[0].target_percent(0.4)
                order[1].target_percent(-0.4)
            elif self.spread > 0.0:
                order[0].close()
                order[1].close()

    done = backtest(Pair, [history(5), history(6, "Y")])
    assert set(done.trades["symbol"]) == {"X", "Y"}
    with pytest.raises(StrategyError, match=r"pair.spread: found symbol 1, allowed 0 to 0"):
        backtest(Pair, history(5))


# --- what is refused -------------------------------------------------------------------------


def load(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


HEAD = """import time
import numpy as np
from engine.strategies import Choice, Float, Indicator, Int, Strategy
TABLE = [1.0, 2.0]
class Own(Indicator):
    period = Int(5, low=1)
"""
USE = """
class Bad(Strategy):
    own = Own(5)
    def on_bar(self, bar, order):
        if self.own > 0.0:
            order.market(1)
"""
FILLS = {
    "out[0] = np.random.normal()": "`np.random.normal` is not supported: a decision follows",
    "out[0] = time.time()": "`time.time` is not supported: a decision follows",
    "print(period)": "`print` is not supported",
    "TABLE[0] = close[0]": "`TABLE` is shared by all simulations",
    "close[0] = 1.0": "shared by all simulations, not changed",
    "return close / period": "fill writes to out, allowed a bare return",
    "out = close / period": "fill writes to out, as in out[:] = ...; found a new out",
    "out[0] = close.nothing": "found attribute `nothing`",
    "out[0] = 'up'": "not supported on these types",
}


@pytest.mark.parametrize("line", FILLS)
def test_a_fill_that_no_simulation_should_run_is_refused_by_its_line(
    bars: Bars, tmp_path: Path, line: str
) -> None:
    path = tmp_path / f"fill_{list(FILLS).index(line)}.py"
    text = f"    @staticmethod\n    def fill(close, period, out):\n        {line}\n"
    path.write_text(HEAD + text + USE)
    with pytest.raises(StrategyError) as caught:
        backtest(load(path, "Bad"), bars)
    assert str(caught.value).startswith(f"{path}, line 9: ")
    assert FILLS[line] in str(caught.value)
    assert line in str(caught.value)


DECLARATIONS = {
    "    mode = Choice('a', ['a'])": (
        5,
        "Own.mode: found Choice, allowed Int or Float",
    ),
    "    fill = Int(3)": (5, "Own: fill is a name of Indicator's own, allowed another name"),
    "    reads = 'close'": (
        5,
        "Own.reads: found 'close', allowed a tuple of names such as ('close',)",
    ),
    "    def fill(close, period, out): pass": (
        5,
        "Own.fill: found function, allowed a static method (write @staticmethod above it)",
    ),
    "    @staticmethod\n    def fill(close, out): pass": (
        5,
        "Own.fill: found arguments close, out, allowed close, period, out",
    ),
    "    @staticmethod\n    def warm_up(bars): return bars": (
        5,
        "Own.warm_up: found arguments bars, allowed period",
    ),
    "    pass": (10, "Own: found no fill, allowed a static method fill(close, period, out)"),
}


@pytest.mark.parametrize("body", DECLARATIONS)
def test_a_wrong_declaration_names_file_and_line(tmp_path: Path, body: str) -> None:
    path = tmp_path / f"declared_{list(DECLARATIONS).index(body)}.py"
    path.write_text(HEAD + body + "\n" + USE)
    line, text = DECLARATIONS[body]
    with pytest.raises(StrategyError) as caught:
        load(path, "Bad")
    assert str(caught.value).startswith(f"{path}, line {line}: {text}\n")


def test_an_argument_out_of_range_names_what_is_allowed(bars: Bars) -> None:
    with pytest.raises(StrategyError, match=r"Momentum: found period 501, allowed .* <= 500"):
        Momentum(501)
    with pytest.raises(StrategyError, match=r"Momentum: too many positional arguments; its arg"):
        Momentum(5, "close", 0, 1)

    class Wide(Strategy):
        period = Int(20)
        change = Momentum(period)

        def on_bar(self, bar, order):
            order.close()

    with pytest.raises(ValueError, match=r"wide.change: found period 501, allowed .* <= 500"):
        backtest(Wide, bars, {"period": 501})
    with pytest.raises(ValueError, match=r"found the parameter period, allowed a number"):
        indicator_values(Wide.change, bars)

    with pytest.raises(StrategyError, match="found a parameter that the class does not declare"):

        class Foreign(Strategy):
            change = Momentum(Int(5))


def test_a_warm_up_that_is_no_number_of_bars_is_refused(bars: Bars) -> None:
    class Half(Indicator):
        @staticmethod
        def warm_up():
            return 0.5

        @staticmethod
        def fill(close, out):
            out[:] = close

    with pytest.raises(ValueError, match=r"Half.warm_up: found 0.5, allowed a whole number of"):
        indicator_values(Half(), bars)


# --- failures --------------------------------------------------------------------------------


class Reaching(Indicator):
    """Reads beyond the path where the period is long."""

    period = Int(5)

    @staticmethod
    def fill(close, period, out):
        for bar in range(out.size):
            out[bar] = close[bar] - close[(bar * period) // 100]


class Reach(Strategy):
    period = Int(5)
    own = Reaching(period)

    def on_bar(self, bar, order):
        if self.own > 0.0:
            order.market(1)


def test_an_index_beyond_the_path_fails_the_sets_that_read_it_alone(bars: Bars) -> None:
    engine = prepare_strategy(
        Reach,
        symbols=("X",),
        fields=("open", "high", "low", "close", "volume"),
        steps=BARS,
        bars_per_year=252.0,
    )
    path = np.array([[[bars.open, bars.high, bars.low, bars.close, bars.volume]]])
    sets = np.array([engine.encode({"period": period}) for period in (5, 150, 50)])
    metrics, status = np.empty((1, 3, len(engine.metric_names))), np.empty((1, 3), np.int8)
    scratch = engine.scratch()
    engine.run(path, sets, metrics, status, scratch)
    assert (status[0] == 0).tolist() == [True, False, True]
    assert np.isnan(metrics[0, 1]).all()
    text = engine.failure(int(status[0, 1]), path, sets[1:2], scratch)
    assert text.startswith("the indicator own raised IndexError: index is out of bounds")
    alone = np.empty((1, 1, len(engine.metric_names)))
    engine.run(path, sets[2:], alone, np.empty((1, 1), np.int8), scratch)
    np.testing.assert_array_equal(alone[0, 0], metrics[0, 2])


def test_sets_without_parameters_read_the_indicators_of_the_strategy_however_many(
    bars: Bars,
) -> None:
    class Fixed(Strategy):
        mean = SMA(20)

        def on_bar(self, bar, order):
            if bar.close > self.mean:
                order.target_percent(1.0)
            else:
                order.close()

    engine = prepare_strategy(
        Fixed,
        symbols=("X",),
        fields=("open", "high", "low", "close", "volume"),
        steps=BARS,
        bars_per_year=252.0,
    )
    path = np.array([[[bars.open, bars.high, bars.low, bars.close, bars.volume]]])
    scratch = engine.scratch()
    found = []
    for sets in (1, 50):
        metrics, status = (
            np.empty((1, sets, len(engine.metric_names))),
            np.empty((1, sets), np.int8),
        )
        engine.run(path, np.empty((sets, 0)), metrics, status, scratch)
        assert (status == 0).all()
        found.append(metrics[0])
    np.testing.assert_array_equal(found[1], np.repeat(found[0], 50, axis=0))


# --- looking ahead ---------------------------------------------------------------------------


class Centred(Indicator):
    """A mean around the bar: half of it is the future."""

    period = Int(3, low=1)

    @staticmethod
    def fill(close, period, out):
        for bar in range(period, out.size - period):
            out[bar] = close[bar - period : bar + period + 1].mean()


FUTURE = np.linspace(90.0, 110.0, 500)


class Remembered(Indicator):
    """A table that knows the path."""

    @staticmethod
    def fill(close, out):
        for bar in range(out.size):
            out[bar] = FUTURE[bar % FUTURE.size]


def test_the_audit_finds_an_indicator_that_looks_ahead() -> None:
    class Peek(Strategy):
        mean = Centred(3)

        def on_bar(self, bar, order):
            if self.mean > bar.close:
                order.target_percent(1.0)
            else:
                order.close()

    report = audit_strategy(Peek, cuts=60)
    assert not report.passed
    assert len(report.findings) > 10
    assert all(finding.cut - finding.bar <= 3 for finding in report.findings)

    class Table(Strategy):
        known = Remembered()

        def on_bar(self, bar, order):
            if self.known > bar.close:
                order.target_percent(1.0)

    reasons = audit_strategy(Table, cuts=5).reasons
    assert any("Remembered.fill reads FUTURE, 500 values" in reason for reason in reasons)
    assert audit_strategy(Follow, cuts=60).passed


# --- the hash --------------------------------------------------------------------------------

HASHED = """from engine.strategies import Indicator, Int, Strategy
def scale(x):
    return x * 2.0
class Own(Indicator):
    \"\"\"A document.\"\"\"
    period = Int(5, low=1)
    @staticmethod
    def warm_up(period):
        return period
    @staticmethod
    def fill(close, period, out):
        out[:] = scale(close)
class Use(Strategy):
    own = Own(5)
    def on_bar(self, bar, order):
        if self.own > 0.0:
            order.market(1)
"""


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("out[:] = scale(close)", "out[:] = scale(close) + 1.0", False),
        ("x * 2.0", "x * 3.0", False),
        ("return period", "return period + 1", False),
        ("own = Own(5)", "own = Own(6)", False),
        ("own = Own(5)", "own = Own(5, field='high')", False),
        ("A document.", "Another document.", True),
        ("        out[:] = scale", "        # a comment\n        out[:] = scale", True),
    ],
)
def test_what_decides_the_values_decides_the_hash_of_the_strategy(
    tmp_path: Path, before: str, after: str, same: bool
) -> None:
    hashes = []
    for number, text in enumerate((HASHED, HASHED.replace(before, after))):
        path = tmp_path / f"hashed_{number}" / "own.py"
        path.parent.mkdir()
        path.write_text(text)
        hashes.append(load(path, "Use").code_hash())
    assert before in HASHED
    assert (hashes[0] == hashes[1]) == same


def test_the_reason_is_the_same_where_numba_writes_in_colours() -> None:
    """It does where colorama is installed, whoever needed it."""
    plain = "Failed in nopython mode\nNo implementation\n   TypingError: not on these types\n"
    coloured = plain.replace("Failed", "\x1b[1m\x1b[31mFailed").replace("\n", "\x1b[0m\n\x1b[1m")
    assert str(explain(ValueError(coloured), mc.Strategy)) == str(
        explain(ValueError(plain), mc.Strategy)
    )
    assert "not on these types" in str(explain(ValueError(coloured), mc.Strategy))

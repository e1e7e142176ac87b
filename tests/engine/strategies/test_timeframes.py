"""Two timeframes in one strategy: an indicator on longer bars sees only those that have closed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import exchange_calendars as xc
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.bars import Bars
from engine.calendar import EXCHANGES, BarCalendar
from engine.errors import Refusal
from engine.strategies import (
    ATR,
    EMA,
    RSI,
    SMA,
    Choice,
    Close,
    Donchian,
    Field,
    High,
    Indicator,
    Int,
    Low,
    Open,
    Strategy,
    StrategyError,
    Volume,
    backtest,
    indicator_values,
    indicators,
    prepare_strategy,
)
from engine.strategies.audit import audit_strategy
from engine.strategies.audit_time import audited_calendar
from engine.strategies.longer_bars import Timeline, bars_within

MINUTE = 60_000_000
FIELDS = ("open", "high", "low", "close", "volume")


@cache
def sessions(exchange: str, first: str, last: str) -> pl.DataFrame:
    """Opens, closes and lunch breaks as the calendar's own package says."""
    table = xc.get_calendar(exchange, start=first, end=last).schedule
    names = ("open", "break_start", "break_end", "close")
    columns = {
        name: table[name].dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
        for name in names
    }
    frame = pl.DataFrame(columns | {"day": table.index.to_numpy("datetime64[D]").astype(np.int64)})
    missing = np.iinfo(np.int64).min
    return frame.with_columns(
        [
            pl.when(pl.col(n) == missing).then(pl.col("close")).otherwise(n).alias(n)
            for n in names[1:3]
        ]
    )


def stamps_of(table: pl.DataFrame, minutes: int) -> np.ndarray:
    found = []
    for row in table.iter_rows(named=True):
        for start, end in ((row["open"], row["break_start"]), (row["break_end"], row["close"])):
            found.append(np.arange(start, end, minutes * MINUTE))
    return np.concatenate(found)


def bars_at(stamps: np.ndarray, calendar: BarCalendar, seed: int = 1, symbol: str = "X") -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.003, len(stamps))))
    opens = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opens, close) * (1.0 + rng.uniform(0.0, 0.002, len(stamps)))
    low = np.minimum(opens, close) * (1.0 - rng.uniform(0.0, 0.002, len(stamps)))
    volume = rng.uniform(1.0, 9.0, len(stamps))
    return Bars(symbol, stamps, opens, high, low, close, volume, calendar=calendar)


def longer(bars: Bars, table: pl.DataFrame, timeframe: str, minutes: int) -> pl.DataFrame:
    """Longer bars with the instants at which they close, by Polars."""
    frame = pl.DataFrame({"stamp": bars.timestamps} | {n: bars.field(n) for n in FIELDS})
    frame = frame.join_asof(table, left_on="stamp", right_on="open", suffix="_of_session")
    late = pl.col("stamp") >= pl.col("break_end")
    inside = (pl.col("stamp") < pl.col("close_of_session")) & (
        (pl.col("stamp") < pl.col("break_start")) | late
    )
    frame = frame.filter(inside).with_columns(
        begin=pl.when(late).then("break_end").otherwise("open_of_session"),
        end=pl.when(late).then("close_of_session").otherwise("break_start"),
        date=pl.col("day").cast(pl.Date),
    )
    if timeframe[-1] in "mh":
        step = int(timeframe[:-1]) * (60 if timeframe[-1] == "h" else 1) * MINUTE
        number = (pl.col("stamp") - pl.col("begin")) // step
        key = pl.col("begin") + number * step
        closes = pl.min_horizontal(key + step, pl.col("end"))
    else:
        every = {"1d": "1d", "1w": "1w", "1mo": "1mo"}[timeframe]
        key = pl.col("date").dt.truncate(every).cast(pl.Int32).cast(pl.Int64)
        last = (
            table.with_columns(date=pl.col("day").cast(pl.Date))
            .group_by(pl.col("date").dt.truncate(every).alias("key"))
            .agg(last=pl.max("close"))
        )
        frame = frame.with_columns(key=pl.col("date").dt.truncate(every)).join(last, on="key")
        closes = pl.col("last")
        frame = frame.drop("key")
    return (
        frame.with_columns(key=key, closes=closes)
        .group_by("key", maintain_order=True)
        .agg(
            pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume"),
            pl.last("closes"),
        )
        .sort("closes")
    )  # fmt: skip


def as_of_close(
    bars: Bars, made: pl.DataFrame, values: pl.Expr, table: pl.DataFrame, minutes: int
) -> np.ndarray:
    """The value of the last longer bar that has closed at the close of each bar."""
    base = pl.DataFrame({"stamp": bars.timestamps}).join_asof(
        table, left_on="stamp", right_on="open"
    )
    late = pl.col("stamp") >= pl.col("break_end")
    end = pl.when(late).then("close").otherwise("break_start")
    base = base.with_columns(at=pl.min_horizontal(pl.col("stamp") + minutes * MINUTE, end))
    right = made.select("closes", value=values)
    joined = base.select("at").join_asof(right, left_on="at", right_on="closes")
    return joined["value"].fill_null(np.nan).to_numpy()


# --- against Polars --------------------------------------------------------------------------


@settings(deadline=None)
@given(
    exchange=st.sampled_from(["XNYS", "XHKG", "XLON", "XTKS", "CMES", "24/7"]),
    base=st.sampled_from([1, 5, 15, 30, 60]),
    multiple=st.integers(1, 13),
    start=st.integers(0, 600),
    missing=st.sampled_from([0.0, 0.1, 0.6]),
    period=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_longer_bars_are_those_of_polars_joined_as_of_their_close(
    exchange, base, multiple, start, missing, period, seed
) -> None:
    table = sessions(exchange, "2022-06-01", "2024-12-31")
    part = table[start : start + 12]
    stamps = stamps_of(part, base)
    rng = np.random.default_rng(seed)
    stamps = stamps[rng.uniform(size=len(stamps)) >= missing]
    if base * multiple >= 1440 or len(stamps) < 3:
        return
    timeframe = f"{base}m" if base < 60 else "1h"
    bars = bars_at(stamps, BarCalendar(exchange, timeframe), seed)
    asked = f"{base * multiple}m"
    made = longer(bars, table, asked, base)
    declared = SMA(period, timeframe=asked)
    found = indicator_values(declared, bars)["value"]
    expected = as_of_close(bars, made, pl.col("close").rolling_mean(period), table, base)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    fields = {"open": Open, "high": High, "low": Low, "close": Close, "volume": Volume}
    for name, kind in fields.items():
        found = indicator_values(kind(timeframe=asked), bars)["value"]
        expected = as_of_close(bars, made, pl.col(name), table, base)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("timeframe", ["1d", "1w", "1mo"])
@pytest.mark.parametrize("exchange", ["XNYS", "XHKG"])
def test_days_weeks_and_months_close_with_their_last_session(exchange: str, timeframe: str) -> None:
    table = sessions(exchange, "2023-01-01", "2024-12-31")
    for base, asked in ((30, "30m"), (60, "1h")):
        bars = bars_at(stamps_of(table[:260], base), BarCalendar(exchange, asked))
        made = longer(bars, table, timeframe, base)
        found = indicator_values(EMA(Close(), 1, timeframe=timeframe), bars)["value"]
        np.testing.assert_allclose(
            found, as_of_close(bars, made, pl.col("close"), table, base), rtol=1e-12
        )


@pytest.mark.parametrize("timeframe", ["1w", "1mo"])
def test_weeks_and_months_of_daily_bars_close_with_their_last_day(timeframe: str) -> None:
    table = sessions("XNYS", "2019-01-01", "2024-12-31")
    bars = bars_at(table["open"].to_numpy(), BarCalendar("XNYS", "1d"))
    days = table["day"].cast(pl.Date)
    frame = pl.DataFrame({"day": days, "close": bars.close, "high": bars.high})
    made = frame.group_by(
        pl.col("day").dt.truncate(timeframe).alias("key"), maintain_order=True
    ).agg(closes=pl.last("day"), close=pl.last("close"), high=pl.max("high"))
    # The last is not over: the next session lies beyond the table.
    joined = frame.select("day").join_asof(made, left_on="day", right_on="closes")
    for kind, name in ((Close, "close"), (High, "high")):
        found = indicator_values(kind(timeframe=timeframe), bars)["value"]
        expected = joined[name].fill_null(np.nan).to_numpy()
        np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-12)


def test_an_hour_is_seen_at_the_close_of_its_last_minute_and_not_before() -> None:
    opens = sessions("XNYS", "2024-03-04", "2024-03-08")["open"][0]
    bars = bars_at(opens + MINUTE * np.arange(390), BarCalendar("XNYS", "1m"))
    found = indicator_values(Close(timeframe="1h"), bars)["value"]
    assert np.isnan(found[:59]).all()
    assert found[59] == found[60] == found[118] == bars.close[59]
    assert found[119] == bars.close[119]
    # The last of a session of 6.5 hours is half an hour.
    assert found[388] == bars.close[359]
    assert found[389] == bars.close[389]


def test_without_its_last_minute_an_hour_is_seen_at_the_next_bar() -> None:
    opens = sessions("XNYS", "2024-03-04", "2024-03-08")["open"][0]
    stamps = opens + MINUTE * np.delete(np.arange(390), [58, 59])
    bars = bars_at(stamps, BarCalendar("XNYS", "1m"))
    found = indicator_values(Close(timeframe="1h"), bars)["value"]
    assert np.isnan(found[57])
    assert found[58] == bars.close[57]


def test_a_half_day_ends_at_its_own_close() -> None:
    table = sessions("XNYS", "2023-11-20", "2023-11-30")
    bars = bars_at(stamps_of(table, 30), BarCalendar("XNYS", "30m"))
    found = indicator_values(Close(timeframe="1d"), bars)["value"]
    # Friday after Thanksgiving closes at 13:00: 4 x 13 bars, then seven.
    friday = 3 * 13
    assert found[friday + 5] == bars.close[friday - 1]
    assert found[friday + 6] == bars.close[friday + 6]


def test_bars_outside_the_sessions_are_part_of_no_longer_bar() -> None:
    table = sessions("XNYS", "2024-03-04", "2024-03-08")
    stamps = np.concatenate(
        [np.arange(row - 60 * MINUTE, row + 450 * MINUTE, 30 * MINUTE) for row in table["open"]]
    )
    bars = bars_at(stamps, BarCalendar("XNYS", "30m"))
    found = indicator_values(High(timeframe="1d"), bars)["value"]
    # Two bars before the open, thirteen in the session, two after it.
    assert np.isnan(found[:14]).all()
    assert found[14] == found[16] == found[17 + 13] == bars.high[2:15].max()


@cache
def an_hour_of_bars() -> tuple[pl.DataFrame, Bars, pl.DataFrame]:
    """Sessions, bars of a quarter of an hour, and bars of an hour that are made of them."""
    table = sessions("XNYS", "2024-01-02", "2024-03-28")
    bars = bars_at(stamps_of(table, 15), BarCalendar("XNYS", "15m"), seed=3)
    return table, bars, longer(bars, table, "1h", 15)


@pytest.mark.parametrize("name", indicators.__all__)
def test_every_indicator_is_on_longer_bars_what_it_is_on_bars_made_beforehand(name: str) -> None:
    kind = getattr(indicators, name)
    table, bars, made = an_hour_of_bars()
    columns = (made[field].to_numpy() for field in FIELDS)
    # The last of a session is short; its stamp does not count here.
    opens = made["closes"].to_numpy() - 60 * MINUTE
    beforehand = Bars("X", opens, *columns, BarCalendar("XNYS", "1h"))
    found = indicator_values(kind(timeframe="1h"), bars)
    for output, values in indicator_values(kind(), beforehand).items():
        expected = as_of_close(bars, made, pl.lit(pl.Series(values)), table, 15)
        np.testing.assert_allclose(found[output], expected, rtol=1e-11, atol=1e-11)
        assert np.isfinite(expected).sum() > 500


# --- bars without instants -------------------------------------------------------------------

FULL = {
    # A week of full sessions that begins on a Monday.
    "XNYS": ("2024-03-04", "2024-03-22"),
    "XHKG": ("2024-03-04", "2024-03-22"),
    "24/7": None,
}


@pytest.mark.parametrize("exchange", FULL)
@pytest.mark.parametrize(
    ("base", "asked"), [("15m", "1h"), ("30m", "90m"), ("1h", "1d"), ("1h", "1w")]
)
def test_sessions_of_a_model_are_those_of_full_days(exchange: str, base: str, asked: str) -> None:
    minutes = 60 if base == "1h" else int(base[:-1])
    if exchange == "24/7":
        # 1970-01-05 was a Monday.
        stamps = 4 * 86_400_000_000 + minutes * MINUTE * np.arange(21 * 1440 // minutes)
    else:
        stamps = stamps_of(sessions(exchange, *FULL[exchange]), minutes)
    calendar = BarCalendar(exchange, base)
    by_instants = Timeline(calendar, len(stamps), timestamps=stamps).longer_bars("x", asked)
    warm_up = int(calendar.bars_per_session) * EXCHANGES[exchange].days_per_week
    counted = Timeline(
        calendar,
        len(stamps),
        first_trading_bar=warm_up,
        bars_per_session=calendar.bars_per_session,
    ).longer_bars("x", asked)
    np.testing.assert_array_equal(counted.group, by_instants.group)
    np.testing.assert_array_equal(counted.seen, by_instants.seen)


def test_a_study_of_a_model_warms_up_and_trades_on_closed_hours() -> None:
    class Hourly(Strategy):
        period = Int(3, low=1, high=5)
        mean = SMA(period, timeframe="1h")

        def on_bar(self, bar, order):
            order.limit(1.0, self.mean, tif="ioc")

    study = mc.Study(
        name="hourly",
        source=mc.GBM(sigma=0.3),
        calendar=BarCalendar("XNYS", "15m"),
        steps=52,
        s0=100.0,
        strategy=Hourly,
        parameters={"period": [2, 5]},
        seeds=[7],
    )
    results = study.run()
    # Of the slowest set: five hours of four bars each, less the last bar.
    replay = results.simulation(1)
    assert -replay.bars["bar"][0] == 19
    orders = replay.orders.filter(pl.col("event") == "submitted")
    assert orders.height == 52
    bars = replay.bars
    closes = bars["close"].to_numpy()
    first = -bars["bar"][0]
    # Sessions of 26 bars: hours of 4, and a last one of 2.
    ends = [first + s * 26 + e for s in range(-1, 2) for e in (3, 7, 11, 15, 19, 23, 25)]
    ends = [end for end in ends if 0 <= end < len(closes)]
    for bar, price in zip(orders["bar"], orders["price"], strict=True):
        known = [end for end in ends if end <= first + bar]
        assert price == pytest.approx(closes[known[-5:]].mean(), rel=1e-12)


def test_threads_that_make_the_same_longer_bars_at_once_are_given_the_same_ones() -> None:
    """A plan holds their address: what one of two threads was given must not be thrown away."""
    together = Barrier(2, timeout=60)

    class Slow(Timeline):
        def _make(self, timeframe):
            made = super()._make(timeframe)
            together.wait()
            return made

    timeline = Slow(BarCalendar("XNYS", "30m"), 60, bars_per_session=13.0)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(timeline.longer_bars, "x", "1h") for _ in range(2)]
        first, second = (job.result() for job in jobs)
    assert first is second
    assert timeline.sessions() is timeline.sessions()


# --- warm-up ---------------------------------------------------------------------------------


@settings(max_examples=settings.default.max_examples // 3, deadline=None)
@given(
    declared=st.sampled_from(
        [
            SMA(3, timeframe="1h"),
            SMA(RSI(4), 3, timeframe="2h"),
            ATR(2, timeframe="1d") + SMA(40),
            SMA(Close(timeframe="1d"), 20),
            EMA(2, timeframe="90m")[5],
            Donchian(4, timeframe="30m").upper,
        ]
    ),
    start=st.integers(0, 12),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_no_more_bars_pass_before_a_value_than_the_warm_up_says(declared, start, missing) -> None:
    class Declared(Strategy):
        value = declared

        def on_bar(self, bar, order):
            order.close()

    calendar = BarCalendar("XNYS", "30m")
    stamps = stamps_of(sessions("XNYS", "2024-03-04", "2024-04-30"), 30)[start:]
    stamps = stamps[np.random.default_rng(start).uniform(size=len(stamps)) >= missing]
    found = indicator_values(declared, bars_at(stamps, calendar))["value"]
    needed = Declared.warm_up(calendar=calendar, bars_per_session=13.0)
    assert np.isfinite(found[needed:]).all()
    assert needed <= 2 * int(np.isfinite(found).argmax()) + 60


def test_a_warm_up_in_bars_of_the_path_is_exact_where_longer_bars_are_whole() -> None:
    class Hourly(Strategy):
        mean = SMA(6, timeframe="1h")

        def on_bar(self, bar, order):
            order.close()

    calendar = BarCalendar("24/7", "1m")
    bars = bars_at(4 * 86_400_000_000 + MINUTE * np.arange(2000), calendar)
    found = indicator_values(Hourly.mean, bars)["value"]
    assert Hourly.warm_up(calendar=calendar) == np.isfinite(found).argmax() == 359
    assert len(backtest(Hourly, bars, warm_up="auto").equity) == 2000 - 359
    with pytest.raises(Refusal, match="warm_up: found timeframe 1h without a calendar"):
        Hourly.warm_up()


@pytest.mark.parametrize(
    ("values", "bars"),
    # Five days of seven hours where they are tried at all, else five times two hours.
    [(["2h", "1d"], 34), (["2h"], 9), ({"choice": ["2h", "1d"]}, 34)],
)
def test_a_study_warms_up_for_the_longest_timeframe_that_it_may_choose(values, bars) -> None:
    class Chosen(Strategy):
        period = Int(5, low=1)
        frame = Choice("2h", ["1d", "2h"])
        mean = SMA(period, timeframe=frame)

        def on_bar(self, bar, order):
            order.limit(1.0, self.mean, tif="ioc")

    drawn = isinstance(values, dict)
    study = mc.Study(
        name="chosen",
        source=mc.GBM(),
        calendar=BarCalendar("XNYS", "1h"),
        steps=30,
        strategy=Chosen,
        parameters={"frame": mc.choice(values["choice"]) if drawn else values},
        seeds=1,
        search={"method": "random", "count": 1, "seed": 1} if drawn else None,
    )
    assert -study.run().simulation(0).bars["bar"][0] == bars


def test_longer_bars_hold_as_many_bars_as_their_sessions_have() -> None:
    minutes = BarCalendar("XNYS", "1m")
    assert bars_within("1w", minutes, 390.0) == 5 * 390
    # With extended hours an hour of the session is as many bars apart as the sessions are.
    assert bars_within("1d", minutes, 960.0) == 960
    assert bars_within("1h", minutes, 960.0) == 138
    assert bars_within("1mo", BarCalendar("24/7", "1d"), 1.0) == 31


# --- in strategies ---------------------------------------------------------------------------


class Trend(Strategy):
    """Minutes against hours and days."""

    length = Choice("1h", ["30m", "1h", "1d"])
    fast = SMA(3)
    slow = SMA(2, timeframe=length)
    day = High(timeframe="1d")

    def on_bar(self, bar, order, account):
        if self.fast > self.slow and not bar.close > self.day and account.position == 0.0:
            order.target_percent(1.0)
        elif self.fast < self.slow:
            order.close()


class TrendVector(Strategy):
    length = Choice("1h", ["30m", "1h", "1d"])
    fast = SMA(3)
    slow = SMA(2, timeframe=length)
    day = High(timeframe="1d")

    def signals(self, bars, target):
        target[:] = np.nan
        target[self.fast < self.slow] = 0.0
        target[(self.fast > self.slow) & ~(bars.close > self.day)] = 1.0


@pytest.mark.parametrize("length", ["30m", "1h", "1d"])
def test_both_forms_trade_on_every_timeframe_that_a_choice_offers(length: str) -> None:
    stamps = stamps_of(sessions("XNYS", "2024-03-04", "2024-03-29"), 15)
    bars = bars_at(stamps, BarCalendar("XNYS", "15m"))
    slow = indicator_values(SMA(2, timeframe=length), bars)["value"]
    fast = indicator_values(SMA(3), bars)["value"]
    day = indicator_values(High(timeframe="1d"), bars)["value"]
    held = np.zeros(len(stamps))
    for bar in range(len(stamps)):
        held[bar] = held[bar - 1] if bar else 0.0
        if fast[bar] > slow[bar] and not bars.close[bar] > day[bar]:
            held[bar] = 1.0
        elif fast[bar] < slow[bar]:
            held[bar] = 0.0
    changes = np.flatnonzero(np.diff(held, prepend=0.0))
    assert len(changes) > 4
    for cls in (Trend, TrendVector):
        done = backtest(cls, bars, {"length": length})
        filled = done.orders.filter(pl.col("event") == "filled")["bar"].to_numpy()
        np.testing.assert_array_equal(filled, changes[changes + 1 < len(stamps)] + 1)


class Peeking(Indicator):
    """The next of its bars."""

    @staticmethod
    def fill(close, out):
        for bar in range(out.size - 1):
            out[bar] = close[bar + 1]


@pytest.mark.slow
def test_the_audit_replaces_the_future_of_longer_bars_too() -> None:
    class Peek(Strategy):
        ahead = Peeking(timeframe="1h")

        def on_bar(self, bar, order):
            if self.ahead > bar.close:
                order.target_percent(1.0)
            else:
                order.close()

    class ByClock(Strategy):
        mean = SMA(3, timeframe="1h")

        def on_bar(self, bar, order):
            if bar.close > self.mean and bar.hour < 20:
                order.target_percent(1.0)
            else:
                order.close()

    assert audited_calendar(Trend) == BarCalendar("XNYS", "10m")
    assert len(audit_strategy(Peek, cuts=120).findings) > 10
    for cls in (Trend, TrendVector, ByClock):
        report = audit_strategy(cls, cuts=499)
        assert report.passed, report.reasons
        assert report.orders > 20
    # After every bar of a path with instants, half days among them.
    rng = np.random.default_rng(4)
    steps = rng.normal(0.0, 0.01, (2, 1, 300)).cumsum(axis=2)
    close = 100.0 * np.exp(steps)
    values = np.stack([close, close * 1.001, close * 0.999, close, close], axis=2)
    report = audit_strategy(
        Trend, values, parameters={"length": "1d"}, calendar=BarCalendar("XNYS", "30m")
    )
    assert report.passed, report.reasons
    assert report.orders > 10


def test_the_day_of_its_session_is_a_field_of_every_bar() -> None:
    stamps = stamps_of(sessions("CMES", "2024-03-04", "2024-03-08"), 60)
    bars = bars_at(stamps, BarCalendar("CMES", "1h"))
    found = indicator_values(Field("session"), bars)["value"]
    days = sessions("CMES", "2024-03-04", "2024-03-08")["day"]
    # A session opens on the evening before.
    np.testing.assert_array_equal(found, np.repeat(days.to_numpy(), 24).astype(float))
    daily = bars_at(86_400_000_000 * np.arange(9), BarCalendar("24/7", "1d"))
    np.testing.assert_array_equal(
        indicator_values(Field("session"), daily)["value"], np.arange(9.0)
    )


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeframe", "base", "text"),
    [
        ("1m", "5m", "timeframe 1m on bars of 5m, allowed whole multiples of 5m, or 1d, 1w or 1mo"),
        ("12m", "5m", "timeframe 12m on bars of 5m, allowed whole multiples of 5m"),
        ("4h", "1d", "timeframe 4h on bars of 1d, allowed 1d, 1w or 1mo"),
        ("1mo", "1w", "timeframe 1mo on bars of 1w, allowed 1w"),
    ],
)
def test_a_timeframe_that_the_bars_cannot_make_is_one_sentence(
    timeframe: str, base: str, text: str
) -> None:
    class Declared(Strategy):
        period = Int(2, low=1)
        value = SMA(period, timeframe=timeframe)

        def on_bar(self, bar, order):
            order.close()

    bars = bars_at(3_600_000_000 * np.arange(50), BarCalendar("24/7", base))
    with pytest.raises(Refusal, match=f"^declared.value: found {text}"):
        backtest(Declared, bars)
    with pytest.raises(Refusal, match=f"^declared.value: found {text}"):
        mc.Study(
            name="refused",
            source=mc.GBM(),
            calendar=BarCalendar("24/7", base),
            steps=30,
            strategy=Declared,
            seeds=2,
            warm_up=0,
        ).run()


def test_bars_that_all_lie_outside_the_sessions_are_refused() -> None:
    nights = 86_400_000_000 * np.arange(50) + 3_600_000_000
    bars = bars_at(nights, BarCalendar("XNYS", "1h"))
    with pytest.raises(Refusal, match="bars: none lies inside the sessions of XNYS; name"):
        indicator_values(SMA(3, timeframe="2h"), bars)


def test_what_is_no_timeframe_is_refused_with_its_line() -> None:
    for make, text in (
        (
            lambda: SMA(5, timeframe="hourly"),
            "SMA: timeframe: found 'hourly', allowed whole minutes",
        ),
        (lambda: Close(timeframe=60), "Close: found timeframe 60, allowed one such as '1h'"),
        (lambda: SMA(5, timeframe=Int(3)), "found timeframe a parameter, allowed one such as"),
        (lambda: SMA(5, timeframe=Choice("1h", ["1h", "x"])), "timeframe: found 'x', allowed"),
        (
            lambda: SMA(RSI(3, timeframe="1h"), 5, timeframe="1d"),
            "SMA: found timeframe '1d' around a series with a timeframe of its own, allowed one",
        ),
    ):
        with pytest.raises(StrategyError) as caught:
            make()
        assert text in str(caught.value)
    assert SMA(5, timeframe="240m").timeframe == "4h"


def test_bars_of_an_unknown_timeframe_make_no_longer_ones() -> None:
    engine = prepare_strategy(Trend, symbols=("X",), fields=FIELDS, steps=20, bars_per_year=252.0)
    values, status = np.ones((1, 1, 5, 20)), np.empty((1, 1), np.int8)
    with pytest.raises(Refusal, match=r"trend.slow: found timeframe 1h on bars of an unknown"):
        engine.run(
            values,
            engine.encode({})[None],
            np.empty((1, 1, len(engine.metric_names))),
            status,
            engine.scratch(),
        )


def test_low_of_the_day_so_far_is_not_there_before_its_close() -> None:
    """The day that is not over is no part of what is seen."""
    stamps = stamps_of(sessions("XNYS", "2024-03-04", "2024-03-08"), 30)
    bars = bars_at(stamps, BarCalendar("XNYS", "30m"))
    found = indicator_values(Low(timeframe="1d"), bars)["value"]
    for bar in range(13, len(stamps)):
        day = (bar + 1) // 13
        assert found[bar] == bars.low[(day - 1) * 13 : day * 13].min()

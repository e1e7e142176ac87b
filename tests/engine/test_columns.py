"""Columns of the user's own beside prices: from bars to hooks, indicators and bootstraps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.sources import GBM, Bootstrap, Historical
from engine.strategies import (
    SMA,
    Field,
    Float,
    Indicator,
    Int,
    Strategy,
    backtest,
    indicator_values,
)
from engine.strategies.audit import audit_strategy
from engine.strategies.column_reads import column_reads
from engine.studies import Study
from engine.testing.prices import random_path

DAY = 86_400_000_000


def history(count: int = 200, symbol: str = "X", **columns: np.ndarray) -> Bars:
    path = random_path(np.random.default_rng(4), count, 0.01, 0.0)
    return Bars(symbol, np.arange(count, dtype=np.int64) * DAY, *path, columns=columns)


def mood(count: int = 200) -> np.ndarray:
    return np.random.default_rng(9).normal(size=count)


class FollowsMood(Strategy):
    threshold = Float(0.0)
    smooth = SMA(5, field="mood")

    def on_bar(self, bar, order):
        if bar.mood > self.threshold and bar.mood > bar.mood[1]:
            order.target_percent(1.0)
        elif self.smooth < 0.0:
            order.close()


class Spread(Indicator):
    """Difference of two columns of the user's own."""

    period = Int(1, low=1, high=10)
    reads = ("bid_depth", "ask_depth")

    @staticmethod
    def fill(bid_depth, ask_depth, period, out):
        for bar in range(period - 1, out.size):
            out[bar] = bid_depth[bar] - ask_depth[bar]


def test_a_strategy_and_its_indicators_read_a_column_by_its_name() -> None:
    values = mood()
    bars = history(mood=values)
    found = backtest(FollowsMood, bars)
    smooth = np.convolve(values, np.ones(5) / 5, mode="valid")
    held, expected = False, []
    for bar in range(200):
        rises = bar > 0 and values[bar] > 0.0 and values[bar] > values[bar - 1]
        falls = bar >= 4 and smooth[bar - 4] < 0.0
        if rises and not held:
            held = True
            expected.append(bar + 1)
        elif falls and not rises and held:
            held = False
            expected.append(bar + 1)
    filled = found.orders.filter(found.orders["event"] == "filled")["bar"].to_list()
    assert [bar for bar in filled if bar in expected] == [bar for bar in expected if bar < 200]


def test_an_indicator_of_ones_own_reads_several_columns() -> None:
    bid, ask = mood(), mood() * 0.5
    found = indicator_values(Spread(), history(bid_depth=bid, ask_depth=ask))
    assert found["value"].tolist() == (bid - ask).tolist()


def test_a_bootstrap_draws_columns_with_their_bar() -> None:
    bars = history(mood=mood())
    block = Bootstrap(bars, block_length=4.0).paths(seeds=range(5), steps=60)
    assert block.fields == (*BAR_FIELDS, "mood")
    plain = Bootstrap(history(), block_length=4.0).paths(seeds=range(5), steps=60)
    assert np.array_equal(block.values[:, :, :5], plain.values)
    relative = (bars.close[1:] / bars.close[:-1]).tolist()
    for path in range(5):
        changes = block.close[path] / np.append(bars.close[-1], block.close[path, :-1])
        for bar in range(60):
            place = int(np.argmin(np.abs(np.array(relative) - changes[bar])))
            assert block.field("mood")[path, bar] == bars.columns["mood"][place + 1]


def test_history_and_the_bars_before_a_bootstrap_carry_them() -> None:
    bars = history(mood=mood())
    assert Historical(bars).paths(seeds=[0]).field("mood")[0].tolist() == mood().tolist()
    block = Bootstrap(bars, block_length=4.0).paths(seeds=[1], steps=10, warm_up=30)
    assert block.field("mood")[0, :30].tolist() == mood()[-30:].tolist()


def test_a_study_runs_and_replays_on_them() -> None:
    bars = history(mood=mood())
    study = Study(
        "moody",
        Bootstrap(bars, block_length=4.0),
        FollowsMood,
        {"threshold": [0.0, 1.0]},
        seeds=20,
        steps=50,
    )
    results = study.run()
    assert (results.frame["status"] == "ok").all()
    replay = results.simulation(3)
    assert "mood" in replay.bars.columns
    assert replay.metrics["net_pnl"] == results.frame["net_pnl"][3]


def test_other_values_of_a_column_are_another_world() -> None:
    ids = set()
    for values in (mood(), mood() + 1.0):
        source = Bootstrap(history(mood=values), block_length=4.0)
        ids.add(Study("m", source, FollowsMood, seeds=1, steps=9).resolve().world.id)
    assert len(ids) == 2
    assert history().data_hash != history(mood=mood()).data_hash
    assert history(mood=mood()).data_hash == history(mood=mood()).data_hash


def test_a_look_at_the_future_of_a_column_is_found() -> None:
    class Peeks(Strategy):
        def signals(self, bars, target):
            for bar in range(len(target) - 3):
                target[bar] = 1.0 if bars.mood[bar + 3] > 0.0 else 0.0

    block = Historical(history(mood=mood())).paths(seeds=[0])
    options: dict[str, Any] = {"fields": block.fields, "cuts": 60}
    assert audit_strategy(FollowsMood, block.values, **options).passed
    assert not audit_strategy(Peeks, block.values, **options).passed


def test_a_missing_column_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"found bar\.mood, allowed open, high, low, close, vol"):
        backtest(FollowsMood, history())
    with pytest.raises(ValueError, match=r"found bar\.mood, allowed open, high, low, close, vol"):
        Study("m", GBM(), FollowsMood, seeds=1, steps=9).run()
    with pytest.raises(Refusal, match=r"X field: found 'mood', allowed open, high"):
        history().field("mood")


@pytest.mark.parametrize("name", ["close", "index", "my column", "", "weekday"])
def test_a_name_that_is_taken_or_is_none_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match=r"X columns: found .*, allowed a name of letters"):
        history().with_columns({name: mood()})


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(Refusal, match=r"X mood: found shape \(199,\), allowed \(200,\)"):
        history(mood=mood(199))


def test_symbols_need_the_same_columns() -> None:
    pair = history(mood=mood()), history(symbol="Y")
    with pytest.raises(Refusal, match=r"columns none of Y, allowed those of X \(mood\)"):
        Bootstrap(pair, block_length=3.0)
    with pytest.raises(Refusal, match=r"columns none of Y, allowed those of X \(mood\)"):
        backtest(FollowsMood, pair)


def test_values_join_when_they_were_known() -> None:
    bars = history(6)
    known = np.array([0, 1 * DAY + 1, 4 * DAY])
    joined = bars.with_columns({"eps": np.array([1.0, 2.0, 3.0])}, known_at=known)
    assert joined.columns["eps"].tolist() == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    late = bars.with_columns({"eps": np.array([7.0])}, known_at=np.array([3 * DAY]))
    assert np.isnan(late.columns["eps"][:3]).all()
    assert late.columns["eps"][3:].tolist() == [7.0] * 3
    with pytest.raises(Refusal, match="known_at: found instants out of order"):
        bars.with_columns({"eps": np.array([1.0, 2.0])}, known_at=np.array([2, 1]))


def test_slices_and_masks_keep_columns() -> None:
    bars = history(mood=mood())
    assert bars[50:].columns["mood"].tolist() == mood()[50:].tolist()
    mask = bars.close > bars.close[0]
    assert bars[mask].columns["mood"].tolist() == mood()[mask].tolist()


def test_a_frame_keeps_the_columns_that_are_named() -> None:
    bars = history(5)
    frame = pl.DataFrame(
        {
            "symbol": ["X"] * 5,
            "timestamp": pl.Series(bars.timestamps).cast(pl.Datetime("us", "UTC")),
            **{name: bars.field(name) for name in BAR_FIELDS},
            "mood": [1.0, None, 3.0, 4.0, 5.0],
            "up": [True, False, True, True, False],
            "word": ["a"] * 5,
        }
    )
    found = Bars.from_frame(frame, columns=["mood", "up"])
    assert np.isnan(found.columns["mood"][1])
    assert found.columns["up"].tolist() == [1.0, 0.0, 1.0, 1.0, 0.0]
    assert Bars.from_frame(frame).columns == {}
    with pytest.raises(Refusal, match=r"columns: found no mode, allowed symbol, timestamp"):
        Bars.from_frame(frame, columns=["mode"])
    with pytest.raises(Refusal, match=r"columns\.word: found values of type String, allowed num"):
        Bars.from_frame(frame, columns=["word"])


def test_predictions_of_a_regression_are_a_column_that_was_known(market: Any) -> None:
    """The worked example: a model fitted on the past alone gives a signal for each bar."""
    bars = market.bars("SP500", "1d")
    change = np.diff(np.log(bars.close), prepend=np.log(bars.open[0]))
    lags = np.stack([np.roll(change, lag) for lag in range(3)], axis=1)
    predicted = np.full(len(bars), np.nan)
    for end in range(100, len(bars), 50):
        # Fitted on bars before `end`, used from `end` on.
        seen, target = lags[2 : end - 1], change[3:end]
        weights, *_ = np.linalg.lstsq(seen, target, rcond=None)
        predicted[end : end + 50] = lags[end : end + 50] @ weights

    class FollowsTheModel(Strategy):
        def on_bar(self, bar, order):
            order.target_percent(1.0 if bar.predicted > 0.0 else 0.0)

    found = backtest(FollowsTheModel, bars.with_columns({"predicted": predicted}))
    first = found.orders.filter(found.orders["event"] == "filled")["bar"][0]
    assert first == 1 + int(np.argmax(predicted > 0.0))


def canonical_frame(bars: Bars, **more: Any) -> pl.DataFrame:
    stamps = pl.Series(bars.timestamps).cast(pl.Datetime("us", "UTC"))
    prices = {name: bars.field(name) for name in BAR_FIELDS}
    return pl.DataFrame({"timestamp": stamps, **prices, **more})


def test_a_frame_of_pandas_makes_the_bars_that_one_of_polars_makes() -> None:
    bars = history(50)
    frame = canonical_frame(bars, mood=mood(50))
    expected = Bars.from_frame(frame, symbol="X", columns=["mood"])
    assert expected.data_hash == history(50, mood=mood(50)).data_hash
    of_pandas = frame.to_pandas()
    indexed = of_pandas.set_index("timestamp")
    naive = indexed.tz_localize(None).rename_axis(None)
    for given in (of_pandas, indexed, naive):
        found = Bars.from_frame(given, symbol="X", columns=["mood"])
        assert found.data_hash == expected.data_hash


def test_a_frame_without_a_column_is_one_sentence_that_names_those_it_has() -> None:
    frame = canonical_frame(history(5))
    with pytest.raises(
        Refusal, match=r"^columns: found no mood, allowed timestamp, open, high, low, cl"
    ):
        Bars.from_frame(frame, symbol="X", columns=["mood"])
    with pytest.raises(
        Refusal, match=r"^frame X@1d: found no low column among timestamp, open, high, close, vol"
    ):
        Bars.from_frame(frame.drop("low"), symbol="X")
    with pytest.raises(
        Refusal,
        match=r'^symbol: found neither a name nor a column, allowed symbol="NAME"$',
    ):
        Bars.from_frame(frame)
    with pytest.raises(
        Refusal,
        match=r"^frame: found a dict, allowed a DataFrame of pandas or Polars, or an Arrow table$",
    ):
        Bars.from_frame({}, symbol="X")
    words = frame.with_columns(timestamp=pl.lit("soon"))
    with pytest.raises(Refusal, match=r"^X row 0: found 'soon', which is no date or instant \(5 s"):
        Bars.from_frame(words, symbol="X")


def test_series_of_either_library_are_columns() -> None:
    bars = history(4)
    of_polars = pl.Series([1.0, None, 3.0, 4.0])
    for values in (of_polars, of_polars.to_pandas()):
        found = bars.with_columns({"mood": values}).columns["mood"]
        assert np.array_equal(found, [1.0, np.nan, 3.0, 4.0], equal_nan=True)


def known(*hours: float | None) -> pl.Series:
    """Instants at so many hours after the midnights at which the bars are stamped."""
    stamps = [None if h is None else int(day * DAY + h * DAY / 24) for day, h in enumerate(hours)]
    return pl.Series(stamps, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))


def test_a_value_that_became_known_after_the_close_of_its_bar_is_refused() -> None:
    # In January New York closes at 21:00 UTC.
    frame = canonical_frame(history(3), mood=[1.0, 2.0, 3.0])
    options: dict[str, Any] = {"symbol": "X", "columns": ["mood"], "known_at": "said"}
    in_time = frame.with_columns(said=known(21.0, 9.0, -30.0))
    assert Bars.from_frame(in_time, **options).columns["mood"].tolist() == [1.0, 2.0, 3.0]
    for late in (known(21.0, 21.01, 9.0), known(21.0, 30.0, 9.0)):
        with pytest.raises(Refusal) as refusal:
            Bars.from_frame(frame.with_columns(said=late), **options)
        said = str(refusal.value)
        assert said.startswith("X said: found 1970-01-0")
        assert "for the bar of 1970-01-02T00:00:00Z (1 such bars), whose close was before" in said
        assert "allowed values that were known at the close of their bar" in said
        assert "\n" not in said


def test_a_value_without_an_instant_is_refused_and_no_value_needs_none() -> None:
    frame = canonical_frame(history(3), mood=[1.0, None, 3.0])
    options: dict[str, Any] = {"symbol": "X", "columns": ["mood"], "known_at": "said"}
    found = Bars.from_frame(frame.with_columns(said=known(9.0, None, 9.0)), **options)
    assert np.isnan(found.columns["mood"][1])
    with pytest.raises(
        Refusal, match=r"^X said: a row has no instant; fill it in, or leave that row out$"
    ):
        Bars.from_frame(frame.with_columns(said=known(None, None, 9.0)), **options)


def test_the_bar_of_a_minute_closes_a_minute_later() -> None:
    stamps = np.arange(3, dtype=np.int64) * 60_000_000
    flat = np.full(3, 100.0)
    bars = Bars("X", stamps, *[flat] * 5, BarCalendar("XNYS", "1m"))
    frame = canonical_frame(bars, mood=[1.0, 2.0, 3.0])
    options: dict[str, Any] = {"symbol": "X", "columns": ["mood"], "known_at": "said"}
    options["calendar"] = bars.calendar
    at_close = pl.Series(stamps + 60_000_000).cast(pl.Datetime("us"))
    Bars.from_frame(frame.with_columns(said=at_close), **options)
    after = pl.Series(stamps + 60_000_001).cast(pl.Datetime("us"))
    with pytest.raises(Refusal, match=r"\(3 such bars\)"):
        Bars.from_frame(frame.with_columns(said=after), **options)


def test_an_indicator_of_a_column_that_is_not_there_is_one_sentence() -> None:
    class Reads(Strategy):
        smooth = SMA(5, field="mood")

        def on_bar(self, bar, order):
            order.target_percent(1.0 if self.smooth > 0.0 else 0.0)

    with pytest.raises(
        ValueError, match=r"found field 'mood', allowed open, high, low, close, volume"
    ) as found:
        backtest(Reads, history())
    assert "\n" not in str(found.value)


def test_the_audit_makes_up_the_columns_that_a_strategy_reads() -> None:
    class Peeks(Strategy):
        weight = Field("weight")

        def signals(self, bars, target):
            for bar in range(len(target) - 3):
                target[bar] = 1.0 if bars.mood[bar + 3] > 0.0 else 0.0

    assert column_reads(FollowsMood) == ("mood",)
    assert column_reads(Peeks) == ("mood", "weight")
    found = audit_strategy(FollowsMood, cuts=60)
    assert found.orders > 0
    assert found.passed, found.reasons
    assert not audit_strategy(Peeks, cuts=60).passed


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_instants_are_stamps_of_any_unit_or_microseconds(unit: str) -> None:
    bars = history()
    known = bars.timestamps[[1, 4]] + 1
    values = {"eps": np.array([1.0, 2.0])}
    wanted = bars.with_columns(values, known_at=known).columns["eps"]
    # Whole seconds, so that every unit can say them.
    stamps = (known - 1).astype("datetime64[us]").astype(f"datetime64[{unit}]")
    here = pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert("Asia/Tokyo")
    for given in (stamps, pd.DatetimeIndex(stamps), here):
        found = bars.with_columns(values, known_at=given).columns["eps"]
        assert found[1] == 1.0
        np.testing.assert_array_equal(found[5:], wanted[5:])


@pytest.mark.parametrize(
    ("values", "known", "text"),
    [
        (["a", "b"], [1, 2], "X mood: found values that are no numbers"),
        ([1.0, 2.0], ["soon", "late"], "known_at: found values of type <U4, allowed microseconds"),
        ([1.0, 2.0], [0.5, 1.5], "known_at: found values of type float64, allowed microseconds"),
    ],
)
def test_columns_of_text_and_instants_that_are_none_are_one_sentence(
    values: list[Any], known: list[Any], text: str
) -> None:
    with pytest.raises(Refusal) as caught:
        history().with_columns({"mood": values}, known_at=known)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)

"""Tables of one's own wherever bars are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import engine as mc
from engine.errors import Refusal
from engine.own_data import bars_of
from engine.tables.bar_rows import guess_timeframe
from mc_assets.market_data.one_file import bars_from_file

DAYS = pd.bdate_range("2021-01-04", periods=120, name="Date")


def prices() -> pd.DataFrame:
    """A table as vendors write it: capital letters, days in the index."""
    close = 100.0 * np.exp(np.random.default_rng(1).normal(0.0, 0.01, len(DAYS)).cumsum())
    columns = {"Open": close, "High": close + 1.0, "Low": close - 1.0, "Close": close}
    return pd.DataFrame({**columns, "Volume": 5.0}, index=DAYS)


def expected() -> mc.Bars:
    """Those prices by hand: daily bars open with the session, 9:30 in New York."""
    frame = prices()
    opens = (DAYS + pd.Timedelta(hours=9.5)).tz_localize("America/New_York").tz_convert("UTC")
    stamps = opens.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    columns = [frame[name].to_numpy(copy=True) for name in frame.columns]
    return mc.Bars("X", stamps, *columns)


def levels(frame: pd.DataFrame, *, ticker_first: bool) -> pd.DataFrame:
    """Columns in two levels, as yfinance names them."""
    pairs = [("X", name) if ticker_first else (name, "X") for name in frame.columns]
    return frame.set_axis(pd.MultiIndex.from_tuples(pairs), axis="columns")


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "index": lambda frame: frame,
    "index without a name": lambda frame: frame.rename_axis(None),
    "column": lambda frame: frame.reset_index(),
    "newest first": lambda frame: frame.iloc[::-1],
    "other names": lambda frame: frame.set_axis(["o", "h", "l", "Adj Close", "Vol."], axis=1),
    "index of text": lambda frame: frame.set_axis(frame.index.strftime("%d.%m.%Y"), axis=0),
    "index of periods": lambda frame: frame.set_axis(frame.index.to_period("D"), axis=0),
    "index of instants": lambda frame: frame.tz_localize("America/New_York"),
    "levels": lambda frame: levels(frame, ticker_first=False),
    "levels, the ticker first": lambda frame: levels(frame, ticker_first=True),
    "Polars": lambda frame: pl.from_pandas(frame.reset_index()),
    "lazy": lambda frame: pl.from_pandas(frame.reset_index()).lazy(),
    "Arrow": pa.Table.from_pandas,
    "record batch": pa.RecordBatch.from_pandas,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_any_library_makes_the_same_bars(form: str) -> None:
    found = mc.Bars.from_frame(FORMS[form](prices()), symbol="X")
    assert found.data_hash == expected().data_hash


def test_what_speaks_to_arrow_is_a_table() -> None:
    class Relation:
        """Of DuckDB, say."""

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.Table.from_pandas(prices()).__arrow_c_stream__(requested_schema)

    assert mc.Bars.from_frame(Relation(), symbol="X").data_hash == expected().data_hash


@pytest.mark.parametrize(
    ("minutes", "timeframe"), [(1, "1m"), (5, "5m"), (60, "1h"), (240, "4h"), (1440, "1d")]
)
def test_the_timeframe_is_how_far_rows_lie_apart(minutes: int, timeframe: str) -> None:
    stamps = 1_600_000_000 + np.arange(100) * minutes * 60
    frame = pd.DataFrame({"unix": stamps, "price": 1.0 + np.arange(100)})
    found = mc.Bars.from_frame(frame, symbol="X")
    assert found.calendar.timeframe == timeframe
    if minutes < 1440:
        assert found.timestamps.tolist() == (stamps * 1_000_000).tolist()


def test_weeks_and_months_are_told_from_days_with_holidays() -> None:
    day = 86_400_000_000
    assert guess_timeframe(np.array([0, 1, 4, 5, 6]) * day) == "1d"
    assert guess_timeframe(np.array([0, 7, 14, 22]) * day) == "1w"
    assert guess_timeframe(np.array([0, 31, 59, 90, 120, 151]) * day) == "1mo"
    assert guess_timeframe(np.array([5 * day])) == "1d"


@pytest.mark.parametrize("symbol", ["SP500", "NASDAQ", "WTI"])
def test_a_file_gives_the_bars_that_the_provider_of_files_gives(symbol: str, project: Path) -> None:
    file = project / "data" / "sample" / f"{symbol}.csv"
    found = mc.read_csv(file)
    stored = bars_from_file(file, symbol).bars
    assert found.symbol == symbol
    assert found.data_hash == mc.Bars.from_frame(stored, symbol=symbol).data_hash


def test_decimal_commas_days_first_and_notes_of_a_file_are_read(tmp_path: Path) -> None:
    file = tmp_path / "dax.csv"
    file.write_text(
        "Datum;Eröffnung;Tageshoch;Tagestief;Schlusskurs;Stücke\n"
        "13.02.2024;17.000,5;17.100;16.900;17.050,25;1.000\n"
        "14.02.2024;17.050;17.200;17.000;17.150;2.000\n"
        "Quelle: eine Börse;;;;;\n",
        encoding="utf-8",
    )
    found = mc.read_csv(file, calendar=mc.BarCalendar("XETR"))
    assert found.close.tolist() == [17050.25, 17150.0]
    assert found.volume.tolist() == [1000.0, 2000.0]
    days = found.timestamps.astype("datetime64[us]").astype(str).tolist()
    assert days == ["2024-02-13T08:00:00.000000", "2024-02-14T08:00:00.000000"]


def test_what_is_told_is_not_guessed() -> None:
    frame = prices().rename(columns={"Close": "Settle A", "Open": "Settle B"})[
        ["Settle A", "Settle B"]
    ]
    stamps = pd.date_range("2024-01-02 09:30", periods=len(frame), freq="min")
    frame = frame.set_axis(stamps, axis="index")
    found = mc.Bars.from_frame(
        frame, symbol="X", layout={"columns": {"price": "Settle B"}, "timezone": "Europe/Berlin"}
    )
    assert found.close.tolist() == prices()["Open"].tolist()
    assert str(found.timestamps[0].astype("datetime64[us]")) == "2024-01-02T08:30:00.000000"
    with pytest.raises(Refusal, match=r"^layout\.tz: found unknown key, allowed columns, date_f"):
        mc.Bars.from_frame(frame, symbol="X", layout={"tz": "UTC"})


def changed(row: int, column: str, value: float) -> pd.DataFrame:
    frame = prices()
    frame.loc[DAYS[row], column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (changed(3, "Close", np.nan), "X row 3: found a price that is missing, allowed a bar in"),
        (changed(3, "High", 1.0), "X row 3: found an open or close outside low and high, allowed"),
        (changed(3, "Volume", -1.0), "X row 3: found a volume below 0, allowed"),
        (pd.concat([prices(), prices()]), "X row 120: found '2021-01-04 00:00:00', which stands"),
        (prices().drop(columns="Close"), "frame X@1d: found columns Date, Open, High, Low, Volume"),
        (prices().reset_index(drop=True), "frame X@1d: found columns Open, High, Low, Close, Vol"),
        (prices().astype(object).assign(Low="?"), "X row 0: found text where a number belongs (12"),
        (prices()["Close"].to_list(), "frame: found a list, allowed a DataFrame of pandas or Pol"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(frame: Any, sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        mc.Bars.from_frame(frame, symbol="X")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_rows_of_a_table_without_a_symbol_are_those_of_the_frame() -> None:
    with pytest.raises(Refusal, match=r"^frame row 3: found a price that is missing"):
        mc.Bars.from_frame(changed(3, "Close", np.nan))


def test_a_series_of_pandas_is_closes() -> None:
    closes = prices()["Close"]
    found = mc.Bars.from_frame(closes.rename(None), symbol="X")
    assert found.data_hash == mc.Bars.from_frame(closes.to_frame(), symbol="X").data_hash
    assert found.close.tolist() == closes.tolist()


def test_a_row_without_any_price_is_no_row() -> None:
    frame = prices()
    frame.iloc[4] = np.nan
    found = mc.Bars.from_frame(frame, symbol="X")
    assert len(found) == len(frame) - 1


def test_columns_of_ones_own_are_kept_and_sorted_with_their_rows() -> None:
    mood = np.arange(len(DAYS), dtype=np.float64)
    frame = prices().assign(mood=mood).iloc[::-1]
    found = mc.Bars.from_frame(frame, symbol="X", columns=["mood"])
    assert found.columns["mood"].tolist() == mood.tolist()


def test_tables_of_several_symbols_are_told_apart() -> None:
    one, two = prices(), prices() * 2.0
    long = pd.concat([one.assign(ticker="A"), two.assign(ticker="B")]).reset_index()
    wide = pd.concat({"A": one, "B": two}, axis=1)
    # A table that names no symbol is of `asset`.
    mixed = [mc.Bars.from_frame(one, symbol="A"), wide["B"]]
    for given in ({"A": one, "B": two}, long, wide, mixed):
        found = bars_of(given)
        assert [bars.close[0] for bars in found] == [one["Close"].iloc[0], two["Close"].iloc[0]]
    with pytest.raises(Refusal, match=r"^symbol: found A, B in the frame, allowed exactly one$"):
        mc.Bars.from_frame(long)


def test_a_table_stands_for_bars_in_a_backtest_a_bootstrap_a_calibration_and_a_study() -> None:
    frame, bars = prices(), expected()
    chosen = {"fast": 3, "slow": 10}
    found, of_bars = (mc.backtest("sma_crossover", given, chosen) for given in (frame, bars))
    assert found.metrics == of_bars.metrics
    drawn = [mc.Bootstrap(given).paths(seeds=[1], steps=9).close for given in (frame, bars)]
    np.testing.assert_array_equal(*drawn)
    assert mc.calibrate("gbm", frame).parameters == mc.calibrate("gbm", bars).parameters
    with pytest.raises(
        Refusal, match=r'^model: found a DataFrame, allowed a name; `mc.calibrate\("g'
    ):
        mc.calibrate(frame, "gbm")  # type: ignore[arg-type]
    study = mc.Study("own", frame, "sma_crossover", chosen, seeds=1, warm_up=0)
    (row,) = study.run(workers=1).to_pandas().to_dict("records")
    assert row["net_pnl"] == of_bars.metrics["net_pnl"]


@pytest.mark.parametrize("given", [3, "prices.csv", [1.0, 2.0]])
def test_what_holds_no_bars_is_one_sentence(given: Any) -> None:
    with pytest.raises(Refusal, match=r"^bars: found a (int|str|float), allowed bars, or a table"):
        mc.Bootstrap(given)


@pytest.mark.parametrize("values", [[1j, 2j], [object(), object()]])
def test_a_frame_of_what_arrow_does_not_know_is_one_sentence(values: list[object]) -> None:
    frame = pd.DataFrame({"date": ["2020-01-01", "2020-01-02"], "close": values})
    with pytest.raises(
        Refusal, match=r"^frame: found .*, allowed columns of numbers, text and ins"
    ):
        mc.Bars.from_frame(frame, symbol="X")


def test_a_frame_with_two_columns_of_one_name_is_one_sentence() -> None:
    frame = pd.DataFrame([["2020-01-01", 1.0, 2.0]], columns=["date", "close", "close"])
    with pytest.raises(Refusal, match=r"^frame: found .*, allowed columns of .*, each name once$"):
        mc.Bars.from_frame(frame, symbol="X")


@pytest.mark.parametrize("named", [True, False])
def test_a_table_in_place_of_arrays_is_told_where_it_is_read(named: bool) -> None:
    frame = pd.DataFrame({"Close": [1.0, 2.0]})
    sentence = (
        r"Bars: found a DataFrame, allowed a symbol and an array per column; "
        r"mc\.Bars\.from_frame\(frame, symbol='NAME'\) reads a table"
    )
    bars: Any = mc.Bars
    with pytest.raises(Refusal, match=sentence):
        bars(symbol=frame) if named else bars(frame)

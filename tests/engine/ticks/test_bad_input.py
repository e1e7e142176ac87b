"""Files that are no ticks, or are ticks gone wrong: one sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.tables.columns import map_columns

_ROWS = 60


def _table(**columns: Any) -> pl.DataFrame:
    """Quotes of a minute, with some columns in place of theirs; None takes one away."""
    bid = 100.0 + 0.1 * (np.arange(_ROWS) % 7)
    stamps = 1_700_000_000_000_000_000 + np.arange(_ROWS) * 1_000_000_000
    usual = {
        **{"ts": stamps, "bid_px": bid, "ask_px": bid + 0.1},
        **{"bid_sz": np.full(_ROWS, 5.0), "ask_sz": np.full(_ROWS, 4.0), "symbol": ["X"] * _ROWS},
    }
    wanted = {name: values for name, values in (usual | columns).items() if values is not None}
    return pl.DataFrame(wanted)


_BID = _table()["bid_px"].to_numpy()
_STAMPS = _table()["ts"].to_numpy()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (_table(ts=None), "a.csv: found columns .*, allowed quotes with a ts column"),
        (_table(ask_sz=None), "a.csv: found columns .*, allowed quotes with a ask_sz column"),
        (_table(ts=_STAMPS[::-1]), "a.csv: found 59 of 60 rows earlier than a row before them"),
        (_table(symbol=["X", "Y"] * 30), "a.csv: column symbol: found X and Y, allowed one instru"),
        (
            _table(exchange=["binance"] * 50 + ["okx"] * 10),
            "a.csv: column exchange: found binance and okx, allowed one exchange in a file; name",
        ),
        (_table(ask_px=100.0 * _BID), "a.csv: found 60 of 60 prices ten times or a tenth of the"),
        (_table(bid_px=_BID + 0.1, ask_px=_BID), r"ticks: found no event in 60 rows \(60 crossed"),
        (_table(bid_px=["dear"] * _ROWS), r"ticks: found no event in 60 rows \(60 "),
    ],
)
def test_a_file_that_is_no_stream_is_refused_in_one_sentence(
    tmp_path: Path, table: pl.DataFrame, sentence: str
) -> None:
    table.write_csv(tmp_path / "a.csv")
    with pytest.raises(mc.Refusal, match=sentence) as caught:
        mc.read_ticks(tmp_path / "a.csv", folder=tmp_path / "kept")
    assert "\n" not in str(caught.value)
    kept = {path.name for path in (tmp_path / "kept").glob("*.parquet")}
    assert all(name.endswith(".quarantine.parquet") for name in kept)


def test_nanoseconds_that_were_floats_are_refused_and_seconds_are_not(tmp_path: Path) -> None:
    _table(ts=_STAMPS.astype(np.float64)).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(mc.Refusal, match=r"column ts: found nanoseconds as float64, which have lo"):
        mc.read_ticks(tmp_path / "a.parquet")
    _table(ts=_STAMPS / 1e9).write_parquet(tmp_path / "b.parquet")
    assert mc.read_ticks(tmp_path / "b.parquet").events == _ROWS


def test_bars_in_place_of_ticks_are_refused_by_name() -> None:
    sample = Path(__file__).parents[3] / "data" / "sample" / "SP500.csv"
    with pytest.raises(mc.Refusal, match=r"SP500.csv: found columns Date, Open, .* bid_px column"):
        mc.read_ticks(sample)


def test_quotes_in_place_of_bars_are_told_whose_they_are() -> None:
    with pytest.raises(
        mc.Refusal, match=r"a close column .*; quotes are what a strategy with on_t"
    ):
        map_columns(_table().columns, {}, symbol="X", where="a.csv")
    with pytest.raises(mc.Refusal, match=r"a close column [^;]*$"):
        map_columns(["ts", "open", "high", "low"], {}, symbol="X", where="a.csv")


def test_the_table_itself_is_read(tmp_path: Path) -> None:
    _table().write_csv(tmp_path / "a.csv")
    assert mc.read_ticks(tmp_path / "a.csv").events == _ROWS


def test_of_a_file_of_two_exchanges_the_one_that_is_named_is_read(tmp_path: Path) -> None:
    venues = ["binance", "okx"] * (_ROWS // 2)
    _table(exchange=venues).write_csv(tmp_path / "a.csv")
    named = mc.read_ticks(tmp_path / "a.csv", exchange="okx", folder=tmp_path / "kept")
    found = np.concatenate([chunk.bid_price for chunk in named.chunks()])
    assert np.array_equal(found, _BID[1::2])
    _table(exchange=["okx"] * _ROWS).write_csv(tmp_path / "b.csv")
    _table(exchange=["binance"] * _ROWS).write_csv(tmp_path / "c.csv")
    with pytest.raises(mc.Refusal, match=r"exchange: found okx \(b.csv\) and binance \(c.csv\)"):
        mc.RawTicks([tmp_path / "b.csv", tmp_path / "c.csv"])


def test_rows_without_a_size_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = [None if row % 10 == 3 else 5.0 for row in range(_ROWS)]
    _table(bid_sz=sizes, local_ts=_STAMPS - 1_250_000_000).write_csv(tmp_path / "a.csv")
    assert mc.read_ticks(tmp_path / "a.csv").events == _ROWS - 6
    assert "a.csv: 6 rows are no events (6 missing_size)" in caplog.text
    assert "local stamps are 1.250 s before the exchange's" in caplog.text


def test_a_tick_on_which_prices_do_not_lie_is_refused() -> None:
    class Waits(mc.Strategy):
        def on_tick(self, tick, order):
            if tick.bid < 0.0:
                order.market(1.0)

    ticks = mc.ArrayTicks.from_frame(_table())
    for off in (0.25, 1.0, 0.3):
        sentence = rf"ticks.tick: found {off:g} beside prices such as 100.*, allowed the price step"
        with pytest.raises(mc.Refusal, match=sentence):
            mc.backtest_ticks(Waits, ticks, settings={"tick": off})
        with pytest.raises(mc.Refusal, match=sentence):
            mc.Study("off", ticks, Waits, ticks={"tick": off}).run()
    dear = mc.ArrayTicks.from_frame(_table(bid_px=_BID + 61_737.05, ask_px=_BID + 61_737.15))
    with pytest.raises(mc.Refusal, match=r"ticks\.tick: found 0.1 beside prices such as 61837"):
        mc.backtest_ticks(Waits, dear, settings={"tick": 0.1})
    for right in (0.1, 0.05, 0.0):
        assert mc.backtest_ticks(Waits, ticks, settings={"tick": right}).metrics["fills"] == 0

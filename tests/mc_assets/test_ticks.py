"""Ticks come in by a command and as the partitioned asset `ticks`."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from engine.errors import Refusal
from engine.files import is_whole
from engine.ticks import RawTicks, TickBootstrap, read_ticks, stored_days, stored_ticks, write_days
from mc_assets.answers.tables import ask_tables
from mc_assets.answers.ticks import import_ticks
from mc_assets.cli import app
from mc_assets.market_data import MarketDataError, load_series
from mc_assets.project import Project
from tests.mc_assets.mc_here import call_here

DAY = 86_400 * 10**9
FIRST = int(datetime(2024, 8, 6).timestamp()) * 10**9 + 86_399 * 10**9 + 1
QUOTES = "ts,bid,ask,bs,as\n"


def quotes(*stamps: int, bid: float = 100.0) -> str:
    rows = [f"{at},{bid},{bid + 1},1,{place + 1}\n" for place, at in enumerate(stamps)]
    return QUOTES + "".join(rows)


def at(day: int, second: int) -> int:
    return (
        int(datetime.fromisoformat(f"2024-08-{day:02d}T00:00+00:00").timestamp() + second) * 10**9
    )


# --- days -------------------------------------------------------------------------------------


def test_days_are_cut_at_midnight_utc_and_read_as_one_stream(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(at(6, 5), at(7, 0) - 1, at(7, 0), at(9, 3)))
    (tmp_path / "t.csv").write_text(f"ts,price,size\n{at(7, 0)},100.5,1\n{at(9, 3)},100.5,1\n")
    raw = RawTicks([tmp_path / "q.csv", tmp_path / "t.csv"], symbol="BTC/USDT", exchange="x")
    days, report, aside = write_days(raw, tmp_path / "data", "q")
    assert [(day.day, day.events) for day in days] == [
        (date(2024, 8, 6), 2), (date(2024, 8, 7), 2), (date(2024, 8, 9), 2),
    ]  # fmt: skip
    assert (report.events, aside) == (6, None)
    assert stored_days(tmp_path / "data") == days
    assert all(is_whole(day.path.read_bytes()) for day in days)
    stream = stored_ticks(tmp_path / "data", "BTC/USDT")
    stamps = [int(stamp) for chunk in stream.chunks() for stamp in chunk.stamps]
    assert stamps == [at(6, 5), at(7, 0) - 1, at(7, 0), at(7, 0), at(9, 3), at(9, 3)]
    # The trade on a day's first stamp stands under the last quote of the day before.
    trade = pl.read_parquet(days[1].path).row(0, named=True)
    assert (trade["trade_px"], trade["ask_sz"]) == (100.5, 2.0)
    later = stored_ticks(tmp_path / "data", "BTC/USDT", first=date(2024, 8, 7))
    assert later.events == 4


def test_a_file_that_is_refused_leaves_the_stored_days_alone(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(at(6, 5), at(6, 6)))
    write_days(RawTicks(tmp_path / "q.csv", symbol="X"), tmp_path / "data", "q")
    before = stored_days(tmp_path / "data")
    (tmp_path / "q.csv").write_text(quotes(at(6, 5)) + f"{at(6, 7)},5000,5001,1,1\n")
    with pytest.raises(MarketDataError, match="prices in one unit"):
        write_days(RawTicks(tmp_path / "q.csv", symbol="X"), tmp_path / "data", "q")
    assert stored_days(tmp_path / "data") == before
    assert [path.name for path in (tmp_path / "data").rglob(".*")] == []


def test_canonical_days_that_come_in_again_have_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(*[at(6, second) for second in range(9)]))
    first, _, _ = write_days(RawTicks(tmp_path / "q.csv", symbol="X"), tmp_path / "a", "q")
    again, report, _ = write_days(RawTicks(first[0].path), tmp_path / "b", "q")
    assert [day.content for day in again] == [day.content for day in first]
    assert (again[0].symbol, report.lag_ns, report.notes) == ("X", None, [])


def test_a_symbol_that_is_not_stored_or_on_two_exchanges_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(at(6, 5)))
    for exchange in ("a", "b"):
        raw = RawTicks(tmp_path / "q.csv", symbol="X", exchange=exchange)
        write_days(raw, tmp_path / "data", "q")
    with pytest.raises(Refusal, match="exchange: found none, allowed one of a, b"):
        stored_ticks(tmp_path / "data", "X")
    assert stored_ticks(tmp_path / "data", "X", exchange="b").events == 1
    with pytest.raises(Refusal, match="ticks: found no stored day of Y, allowed X; `mc ticks imp"):
        stored_ticks(tmp_path / "data", "Y")


def test_a_stored_day_with_a_flipped_bit_is_named_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(*[at(6, second) for second in range(500)]))
    raw = RawTicks(tmp_path / "q.csv", symbol="X", exchange="x")
    (day,), _, _ = write_days(raw, tmp_path / "data", "q")
    whole = day.path.read_bytes()
    copy = tmp_path / "copy.parquet"
    for place in range(8, len(whole) - 8, len(whole) // 9):
        for path in (day.path, copy):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        for read in (
            lambda: stored_ticks(tmp_path / "data", "X"),
            lambda: stored_days(tmp_path / "data"),
            lambda: read_ticks(day.path),
            lambda: read_ticks(copy),
        ):
            with pytest.raises((Refusal, MarketDataError), match=r"(2024-08-06|copy)\.parquet"):
                read()
    # Importing its files again makes it whole.
    write_days(raw, tmp_path / "data", "q")
    assert day.path.read_bytes() == whole


def test_a_kept_file_of_ticks_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(*[at(6, second) for second in range(500)]))
    before = read_ticks(tmp_path / "q.csv", folder=tmp_path / "kept").identity
    (kept,) = (tmp_path / "kept").glob("*.parquet")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    assert read_ticks(tmp_path / "q.csv", folder=tmp_path / "kept").identity == before
    assert kept.read_bytes() == whole


def test_what_a_killed_import_left_goes_with_an_import_a_day_later(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(quotes(at(6, 5)))
    raw = RawTicks(tmp_path / "q.csv", symbol="X", exchange="x")
    (day,), _, _ = write_days(raw, tmp_path / "data", "q")
    old, young = day.path.parent / ".1.import", day.path.parent / ".2.import"
    for left in (old, young):
        left.mkdir()
        (left / "2024-08-06.parquet").write_bytes(b"half")
    os.utime(old, (0, 0))
    write_days(raw, tmp_path / "data", "q")
    assert not old.exists()
    assert young.exists()


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies").mkdir()
    (tmp_path / "series.yaml").write_text("series: []\n")
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    for name, place in places.items():
        monkeypatch.setenv(f"MC_{name}", str(tmp_path / place))
    return tmp_path


def test_the_command_stores_days_and_says_what_it_found(home: Path) -> None:
    bad = f"{at(6, 7)},102,101,1,1\n"
    (home / "q.csv").write_text(quotes(at(6, 5), at(6, 6)) + bad)
    (home / "t.csv").write_text(f"ts,price,size,side\n{at(6, 6)},100,1,buy\n")
    files = [str(home / name) for name in ("q.csv", "t.csv")]
    given = ["ticks", "import", *files, "--symbol", "BTCUSDT", "--exchange", "binance"]
    done = CliRunner().invoke(app, [*given, "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.output)
    assert (made["events"], made["trades"], made["reasons"]) == (3, 1, {"crossed": 1})
    assert [(day["day"], day["events"]) for day in made["days"]] == [("2024-08-06", 3)]
    quarantine = pl.read_parquet(made["quarantine"])
    assert quarantine.select("file", "row", "reason").row(0) == ("q.csv", 4, "crossed")
    plain = CliRunner().invoke(app, given).output
    assert "BTCUSDT of binance: 3 events (1 trades), days stored: 1, 1 rows in quar" in plain
    assert "  1 crossed\n" in plain
    listed = json.loads(CliRunner().invoke(app, ["ticks", "list", "--json"]).output)
    assert [(day["symbol"], day["day"], day["events"]) for day in listed] == [
        ("BTCUSDT", "2024-08-06", 3)
    ]
    assert "2024-08-06" in CliRunner().invoke(app, ["ticks", "list"]).output


def test_stored_ticks_are_tables_that_sql_asks(home: Path) -> None:
    lone = f"{at(6, 7)},100,,1,\n"
    (home / "q.csv").write_text(quotes(at(6, 5), at(6, 6)) + lone)
    (home / "t.csv").write_text(f"ts,price,size,side\n{at(6, 6)},100,1,buy\n")
    project = Project.from_environment()
    import_ticks(project, [home / "q.csv", home / "t.csv"], symbol="X", exchange="E")
    asked = "SELECT symbol, exchange, events, last FROM tick_days"
    whole = datetime.fromtimestamp(at(6, 7) // 10**9, UTC).replace(tzinfo=None)
    found = ask_tables(project, asked).rows()
    assert [row[:3] for row in found] == [("X", "E", 4)]
    assert found[0][3].replace(microsecond=0) == whole
    asked = "SELECT ts, local_ts, bid_px, ask_px, trade_px, trade_side FROM ticks ORDER BY ALL"
    rows = ask_tables(project, asked).rows()
    assert [row[0] for row in rows] == [at(6, 5), at(6, 6), at(6, 6), at(6, 7)]
    assert {row[1] for row in rows} == {None}
    assert rows[-1][2:] == (100.0, None, None, None)
    assert [row[4:] for row in rows if row[4] is not None] == [(100.0, 1)]
    # Another day that comes in is asked about as well.
    (home / "r.csv").write_text(quotes(at(7, 5)))
    import_ticks(project, [home / "r.csv"], symbol="X", exchange="E")
    count = "SELECT count(DISTINCT day) FROM tick_days"
    assert ask_tables(project, count).item() == 2


def test_a_mistake_is_one_sentence_and_exit_code_two(home: Path) -> None:
    (home / "q.csv").write_text("ts,bid\n1,2\n")
    done = CliRunner().invoke(app, ["ticks", "import", str(home / "q.csv")])
    assert isinstance(done.exception, MarketDataError | SystemExit)
    assert "no ticks; `mc ticks import FILE" in CliRunner().invoke(app, ["ticks", "list"]).output


def test_files_without_any_event_end_with_exit_code_one(home: Path) -> None:
    (home / "q.csv").write_text(quotes() + f"{at(6, 7)},102,101,1,1\n")
    for given in ([], ["--json"]):
        done = CliRunner().invoke(app, ["ticks", "import", str(home / "q.csv"), *given])
        assert done.exit_code == 1, done.output
        assert "crossed" in done.output


# --- the series file ---------------------------------------------------------------------------


def test_series_of_ticks_are_read_and_mistakes_are_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "series.yaml"
    entry = (
        "{symbols: [BTCUSDT, ETHUSDT], exchange: binance, path: 'x/{day}.csv', start: 2024-08-06}"
    )
    file.write_text(f"series: []\nticks:\n  - {entry}\n")
    config = load_series(file)
    assert [series.key for series in config.ticks] == ["BTCUSDT@binance", "ETHUSDT@binance"]
    assert config.ticks_of("ETHUSDT@binance").daily
    for wrong, sentence in (
        (
            "{symbol: X, exchange: N, path: a, start: soon}",
            r"ticks\[0\].start: found 'soon', allow",
        ),
        ("{symbol: X, exchange: N, path: a, start: 2024-08-06, pat: b}", r"found an unknown key"),
        (
            "{symbol: ../X, exchange: N, path: a, start: 2024-08-06}",
            r"symbol: found '../X', allowe",
        ),
    ):
        file.write_text(f"series: []\nticks:\n  - {wrong}\n")
        with pytest.raises(MarketDataError, match=sentence):
            load_series(file)
    file.write_text("series: []\ntick: []\n")
    with pytest.raises(
        MarketDataError, match=r"did you mean 'ticks'\?\), allowed series and ticks"
    ):
        load_series(file)


# --- the asset --------------------------------------------------------------------------------

SERIES = """series: []
ticks:
  - {symbols: [BTCUSDT, ETHUSDT], exchange: binance, path: "{symbol}/{day}.csv",
     start: 2024-08-06, end: 2024-08-07}
"""


def _materialize() -> None:
    from mc_assets.definitions import defs
    from mc_assets.defs.ticks import ticks

    with dg.DagsterInstance.ephemeral() as instance:
        for series in ("BTCUSDT@binance", "ETHUSDT@binance"):
            for day in ("2024-08-06", "2024-08-07"):
                key = dg.MultiPartitionKey({"series": series, "day": day})
                done = dg.materialize(
                    [ticks], partition_key=key, instance=instance, resources=defs.resources
                )
                for check in done.get_asset_check_evaluations():
                    if not check.passed:
                        print(day, series, check.check_name, check.severity.name)
                        print(check.description)
                for made in done.asset_materializations_for_node("ticks"):
                    rows = made.metadata.get("dagster/partition_row_count")
                    print(day, series, rows.value if rows else None)


def test_a_series_on_a_day_is_a_partition_with_checks(tmp_path: Path) -> None:
    for symbol, bid in (("BTCUSDT", 100.0), ("ETHUSDT", 50.0)):
        (tmp_path / symbol).mkdir()
        text = quotes(at(6, 5), at(6, 6), bid=bid) + f"{at(6, 7)},{bid + 9},{bid},1,1\n"
        (tmp_path / symbol / "2024-08-06.csv").write_text(text)
    late = f"ts,local_ts,bid,ask,bs,as\n{at(7, 1)},{at(7, 1) - 10**9},100,101,1,1\n"
    (tmp_path / "BTCUSDT" / "2024-08-07.csv").write_text(late)
    (tmp_path / "series.yaml").write_text(SERIES)
    (tmp_path / "studies").mkdir()
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(tmp_path / place) for name, place in places.items()}
    done = call_here(_materialize, places=in_folder, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    told = done.stdout
    assert "2024-08-06 BTCUSDT@binance 2\n" in told
    assert "2024-08-06 ETHUSDT@binance no_rows_in_quarantine WARN\n" in told
    assert "ETHUSDT@binance 2024-08-06: 1 crossed" in told
    assert "2024-08-07 BTCUSDT@binance clocks_agree WARN\n" in told
    assert "local stamps are 1.000 s before the exchange's" in told
    assert "2024-08-07 ETHUSDT@binance every_day_was_read ERROR\n" in told
    assert "found no file of 2024-08-07, allowed one at {symbol}/{day}.csv" in told
    both = read_ticks(tmp_path / "data" / "ticks")
    assert (both.symbols, both.events) == (("BTCUSDT", "ETHUSDT"), 5)
    assert TickBootstrap(both, block="1s", tick=1.0).ticks(1).symbols == both.symbols


def _ingest() -> None:
    from mc_assets.answers.bars import ingest_bars

    project = Project.from_environment()
    for names in (["BTCUSDT"], ["BTCUSDT@binance"], [], []):
        print(names, sorted(ingest_bars(project, names)))
    print(len(ingest_bars(project, ["ETHUSDT@binance"], refetch=True)))
    try:
        ingest_bars(project, ["nothing"])
    except MarketDataError as error:
        print(error)


def test_ingest_stores_the_days_of_the_series_file_that_are_not_stored(tmp_path: Path) -> None:
    for symbol, bid in (("BTCUSDT", 100.0), ("ETHUSDT", 50.0)):
        (tmp_path / symbol).mkdir()
        for day in (6, 7):
            file = tmp_path / symbol / f"2024-08-0{day}.csv"
            file.write_text(quotes(at(day, 5), at(day, 6), bid=bid))
    (tmp_path / "series.yaml").write_text(SERIES)
    (tmp_path / "studies").mkdir()
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(tmp_path / place) for name, place in places.items()}
    done = call_here(_ingest, places=in_folder, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[:5] == [
        "['BTCUSDT'] ['ticks of BTCUSDT@binance, 2024-08-06 to 2024-08-07']",
        "['BTCUSDT@binance'] []",
        "[] ['ticks of ETHUSDT@binance, 2024-08-06 to 2024-08-07']",
        "[] []",
        "1",
    ]
    assert "found 'nothing', allowed BTCUSDT@binance, ETHUSDT@binance" in done.stdout
    assert [day.events for day in stored_days(tmp_path / "data")] == [2, 2, 2, 2]

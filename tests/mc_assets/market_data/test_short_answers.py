"""An answer that lacks stored bars changes nothing, unless somebody accepts it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mc_assets.market_data import (
    BarStore,
    MarketDataConfig,
    MarketDataError,
    due_years,
    ingest_many,
    load_series,
    normalise_year,
    series_years,
)
from mc_assets.market_data.futures.curve_store import load_curve, store_curve
from tests.mc_assets.market_data.test_increments import DeskProvider, desk
from tests.mc_assets.mc_here import mc_here

__all__ = ["desk"]

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HEADER = "Date,Open,High,Low,Close,Volume"


def rows(first: date, last: date) -> list[str]:
    """One CSV row per weekday."""
    days = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    return [
        f"{day},{100 + k},{101 + k},{99 + k},{100.5 + k},{1000 + k}"
        for k, day in enumerate(days)
        if day.weekday() < 5
    ]


WHOLE = rows(date(2017, 1, 2), date(2019, 12, 31))


def text(lines: list[str]) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def zstd(data: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def zipped(data: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.csv", data)
    return sink.getvalue()


def parquet(data: bytes) -> bytes:
    sink = io.BytesIO()
    pl.read_csv(data).write_parquet(sink)
    return sink.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "csv": bytes,
    "csv.gz": gzip.compress,
    "csv.bz2": bz2.compress,
    "csv.xz": lzma.compress,
    "csv.zst": zstd,
    "csv.zip": zipped,
    "parquet": parquet,
}


def series_file(folder: Path, name: str, **fields: object) -> MarketDataConfig:
    entry = {
        "symbol": "X",
        "provider": "parquet" if name == "parquet" else "csv",
        "start": "2017-01-02",
        "end": "2019-12-31",
        "options": {"path": f"X.{name}"},
        **fields,
    }
    (folder / "series.yaml").write_text(json.dumps({"series": [entry]}))
    return load_series(folder / "series.yaml")


def ingest(
    config: MarketDataConfig, root: Path, *, refetch: bool = False, accept_withdrawn: bool = False
) -> list[str]:
    """Fetch and normalise every year; return what went wrong."""
    key = config.keys[0]
    years = series_years(config, key, NOW) if refetch else due_years(config, key, root, NOW)
    wanted = [(key, year) for year in years]
    done = ingest_many(
        config, wanted, root, NOW, refetch=refetch, accept_withdrawn=accept_withdrawn
    )
    for _, year in wanted:
        if year in BarStore(root).years("X", "1d") or (key, year) in done.stored_years:
            normalise_year(config, key, year, root, NOW, accept_withdrawn=accept_withdrawn)
    return list(dict.fromkeys(str(error) for error in done.failures.values()))


def stored(root: Path) -> list[float]:
    return BarStore(root).read("X", "1d")["close"].to_list()


@pytest.fixture(scope="module")
def whole_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each format, in which its whole file was ingested once."""
    stores = {}
    for name, pack in PACKERS.items():
        folder = tmp_path_factory.mktemp(name.replace(".", "_"))
        (folder / f"X.{name}").write_bytes(pack(text(WHOLE).encode()))
        assert ingest(series_file(folder, name), folder / "data") == []
        stores[name] = folder
    return stores


@pytest.fixture
def whole_store(whole_stores: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Copy such a folder into the test's own."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(whole_stores[name], tmp_path, dirs_exist_ok=True))

    return copy


SHORT = {
    "cut to 19 rows": WHOLE[:19],
    "cut to 19 rows and a broken one": [*WHOLE[:19], WHOLE[19][:14]],
    "no rows at all": [],
    "the newest year alone": WHOLE[-261:],
    "a hole of six days": WHOLE[:300] + WHOLE[306:],
    "three days from each year": [row for at, row in enumerate(WHOLE) if at % 261 > 2],
    "prices lost": [*WHOLE[:700], *(f"{row[:10]},,,,," for row in WHOLE[700:])],
    "dates lost": [*WHOLE[:700], *("soon" + row[10:] for row in WHOLE[700:])],
    "everything in one cell": [*WHOLE[:700], *(row.replace(",", " ") for row in WHOLE[700:])],
}
QUICK = ("cut to 19 rows and a broken one", "no rows at all", "a hole of six days", "prices lost")


@pytest.mark.parametrize(
    ("short", "refetch"),
    [
        pytest.param(
            lines,
            refetch,
            id=f"{name}, {'fetched again' if refetch else 'what is due'}",
            # What is fetched again differs from what is due in where it begins.
            marks=[pytest.mark.slow] * (name not in QUICK or (refetch and name != "prices lost")),
        )
        for name, lines in SHORT.items()
        for refetch in (False, True)
    ],
)
def test_a_file_that_lost_bars_changes_nothing_and_says_so(
    whole_store: Callable[[str], Path], tmp_path: Path, short: list[str], refetch: bool
) -> None:
    whole_store("csv")
    config, root = series_file(tmp_path, "csv"), tmp_path / "data"
    before = stored(root)
    assert len(before) == len(WHOLE)
    (tmp_path / "X.csv").write_text(text(short))
    [sentence] = ingest(config, root, refetch=refetch)
    assert stored(root) == before
    assert sentence.startswith("csv X@1d: found an answer without ")
    assert "allowed without at most 5 (quality.withdrawn_bars)" in sentence
    assert "`mc ingest X@1d --accept-withdrawn`" in sentence
    assert "\n" not in sentence
    # The file as it was makes everything well again.
    (tmp_path / "X.csv").write_text(text(WHOLE))
    assert ingest(config, root) == []
    assert stored(root) == before


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("csv", "csv.zip", "parquet")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in PACKERS
    ],
)
def test_a_short_file_of_any_format_keeps_what_is_stored_until_it_is_accepted(
    whole_store: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    whole_store(name)
    config, root = series_file(tmp_path, name), tmp_path / "data"
    file = tmp_path / f"X.{name}"
    before = stored(root)
    assert len(before) == len(WHOLE)
    file.write_bytes(PACKERS[name](text(WHOLE[:19]).encode()))
    [sentence] = ingest(config, root)
    assert f"without {len(WHOLE) - 19} of the {len(WHOLE)} stored bars of 2017 to 2019" in sentence
    assert stored(root) == before
    assert ingest(config, root, accept_withdrawn=True) == []
    assert len(stored(root)) == 19
    # What was accepted is not asked about again.
    assert ingest(config, root) == []


@pytest.mark.parametrize(
    ("name", "share"),
    [
        # Every format broken off near its end, and a text and a packed one anywhere.
        (name, share)
        if share == 0.9 or name in ("csv", "csv.gz")
        else pytest.param(name, share, marks=pytest.mark.slow)
        for name in PACKERS
        for share in (0.3, 0.9, 0.999)
    ],
)
def test_a_file_that_breaks_off_keeps_what_is_stored(
    whole_store: Callable[[str], Path], tmp_path: Path, name: str, share: float
) -> None:
    whole_store(name)
    config, root = series_file(tmp_path, name), tmp_path / "data"
    file = tmp_path / f"X.{name}"
    data = file.read_bytes()
    before = stored(root)
    assert len(before) == len(WHOLE)
    file.write_bytes(data[: int(len(data) * share)])
    failures = ingest(config, root)
    if name == "csv" and share == 0.999:
        # The last line alone is broken, which the quality checks report.
        assert (failures, stored(root)) == ([], before[:-1])
    else:
        assert len(failures) == 1
        assert stored(root) == before


def test_a_few_bars_may_go_and_how_many_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "X.csv").write_text(text(WHOLE))
    config, root = series_file(tmp_path, "csv"), tmp_path / "data"
    ingest(config, root)
    (tmp_path / "X.csv").write_text(text(WHOLE[5:]))
    assert ingest(config, root) == []
    assert len(stored(root)) == len(WHOLE) - 5
    (tmp_path / "X.csv").write_text(text(WHOLE[12:]))
    assert len(ingest(config, root)) == 1
    wider = series_file(tmp_path, "csv", quality={"withdrawn_bars": 7})
    assert ingest(wider, root) == []
    assert len(stored(root)) == len(WHOLE) - 12


def test_most_of_a_finished_year_is_too_much_however_few_bars_it_has(tmp_path: Path) -> None:
    lines = WHOLE[:3] + WHOLE[300:]
    (tmp_path / "X.csv").write_text(text(lines))
    config, root = series_file(tmp_path, "csv"), tmp_path / "data"
    ingest(config, root)
    (tmp_path / "X.csv").write_text(text(lines[2:]))
    [sentence] = ingest(config, root)
    assert "without 2 of the 3 stored bars of 2017" in sentence


def test_years_that_lose_nothing_are_stored_beside_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "X.csv").write_text(text(WHOLE[:-100]))
    config, root = series_file(tmp_path, "csv"), tmp_path / "data"
    ingest(config, root)
    (tmp_path / "X.csv").write_text(text(WHOLE[50:]))
    assert len(ingest(config, root)) == 1
    assert len(stored(root)) == len(WHOLE)


def test_a_changed_exchange_or_end_is_no_short_answer(tmp_path: Path) -> None:
    (tmp_path / "X.csv").write_text(text(WHOLE))
    root = tmp_path / "data"
    ingest(series_file(tmp_path, "csv"), root)
    assert ingest(series_file(tmp_path, "csv", exchange="XLON"), root) == []
    bars = BarStore(root).read("X", "1d")
    assert bars.height == len(WHOLE)
    assert set(bars["timestamp"].dt.hour()) == {7, 8}
    assert ingest(series_file(tmp_path, "csv", exchange="XLON", end="2018-06-29"), root) == []


@pytest.mark.parametrize("refetch", [False, True])
@pytest.mark.parametrize("kind", ["empty", "cut", "without prices"])
def test_a_network_that_sends_less_changes_nothing_and_says_so(
    tmp_path: Path, kind: str, refetch: bool
) -> None:
    config = series_file(
        tmp_path, "csv", provider="desk", options={}, start="2022-12-01", end="2023-12-29",
        overlap=60,
    )  # fmt: skip
    root = tmp_path / "data"
    assert ingest(config, root) == []
    before = stored(root)
    closes = DeskProvider.closes
    if kind == "without prices":
        DeskProvider.closes = dict.fromkeys(closes, None)  # type: ignore[arg-type]
    else:
        DeskProvider.closes = dict(list(closes.items())[: 19 if kind == "cut" else 0])
    [sentence] = ingest(config, root, refetch=refetch)
    assert sentence.startswith("desk X@1d: found an answer without ")
    assert stored(root) == before
    DeskProvider.closes = closes
    assert ingest(config, root, refetch=refetch) == []
    assert stored(root) == before


def test_bars_that_a_network_withdrew_go_when_they_are_accepted(tmp_path: Path) -> None:
    config = series_file(
        tmp_path, "csv", provider="desk", options={}, start="2022-12-01", end="2023-12-29",
        overlap=60,
    )  # fmt: skip
    root = tmp_path / "data"
    ingest(config, root)
    before = stored(root)
    for day in list(DeskProvider.closes)[-110:]:
        del DeskProvider.closes[day]
    kept = [day for day in DeskProvider.closes if day <= date(2023, 12, 29)]
    assert len(kept) < len(before) - 5
    assert len(ingest(config, root, refetch=True)) == 1
    assert ingest(config, root, refetch=True, accept_withdrawn=True) == []
    assert len(stored(root)) == len(kept)
    assert ingest(config, root, refetch=True) == []


def test_a_factor_table_that_lost_rows_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "X.csv").write_text(text(WHOLE))
    factors = [f"2017-{month:02d}-15,{0.9 + month / 200},1" for month in range(1, 13)]
    table = tmp_path / "factors.csv"
    table.write_text("\n".join(["date,price_factor,split_factor", *factors]))
    config, root = series_file(tmp_path, "csv", factors="factors.csv"), tmp_path / "data"
    ingest(config, root)
    table.write_text("\n".join(["date,price_factor,split_factor", *factors[:2]]))
    with pytest.raises(MarketDataError, match="factors: found a table without 10 of the 12 stored"):
        ingest(config, root)
    known = BarStore(root).factors("X", "1d")
    assert known is not None
    assert known.height == 12
    assert ingest(config, root, accept_withdrawn=True) == []


def test_a_futures_curve_that_lost_settlements_is_not_taken(tmp_path: Path) -> None:
    months = ("F", "G", "H", "J", "K", "M", "N", "Q", "U", "V", "X", "Z")
    expiries = [f"CL{code}20,2020-{at + 1:02d}-20" for at, code in enumerate(months)]
    (tmp_path / "expiries.csv").write_text("\n".join(["contract,last_trade", *expiries]))
    days = [f"2020-01-{day:02d},50,51,52" for day in range(2, 20)]
    head = "Date,CL01,CL02,CL03"
    (tmp_path / "curve.csv").write_text("\n".join([head, *days]))
    config = series_file(
        tmp_path, "csv", symbol="CL", provider="futures", start="2020-01-02", end="2020-02-01",
        options={"path": "curve.csv", "expiries": "expiries.csv"},
    )  # fmt: skip
    store_curve(config, "CL@1d", tmp_path)
    whole = load_curve(tmp_path, "CL")
    (tmp_path / "curve.csv").write_text("\n".join([head, *days[:4]]))
    with pytest.raises(MarketDataError, match=r"CL@1d: futures_curves: found a table without 42 "):
        store_curve(config, "CL@1d", tmp_path)
    assert load_curve(tmp_path, "CL").equals(whole)
    store_curve(config, "CL@1d", tmp_path, accept_withdrawn=True)
    assert load_curve(tmp_path, "CL").height == 12


def test_the_command_fails_and_takes_the_answer_when_told_to(tmp_path: Path) -> None:
    config, root = series_file(tmp_path, "csv", start="2019-01-02"), tmp_path / "data"
    (tmp_path / "X.csv").write_text(text(WHOLE))
    ingest(config, root)
    assert len(stored(root)) == 260
    (tmp_path / "X.csv").write_text(text(WHOLE[-19:]))
    places = {"MC_DATA": str(root), "MC_SERIES": str(tmp_path / "series.yaml")}
    done = mc_here("ingest", "--refetch", places=places, folder=tmp_path)
    assert done.returncode == 2
    refused = done.stderr.removeprefix("mc: ")
    assert refused.startswith("csv X@1d: found an answer without 241 of the 260 stored bars")
    assert len(stored(root)) == 260
    taken = mc_here("ingest", "X@1d", "--accept-withdrawn", places=places, folder=tmp_path)
    assert taken.returncode == 0, taken.stderr
    assert len(stored(root)) == 19

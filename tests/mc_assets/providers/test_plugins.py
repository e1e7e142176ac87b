"""Providers of other packages, found by their entry points, as installed packages declare them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mc_assets.market_data import MarketDataError
from mc_assets.providers import get_provider, provider_names

MODULE = '''
"""Bars of a JSON file, as a network provider outside the project would serve them."""

import json
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from mc_assets.providers import Capabilities, FetchError, FetchResult, Layout, Provider, RawTable


class LedgerOptions(BaseModel):
    book: str


class LedgerProvider(Provider):
    name = "ledger"
    capabilities = Capabilities(timeframes=("1d",), network=True)
    Options = LedgerOptions

    def fetch(self, symbols, timeframe, start, end, *, adjustment="raw"):
        with (self.folder / "asked.txt").open("a") as log:
            log.write(f"{','.join(symbols)} {start:%Y-%m-%d}\\\\n")
        book = json.loads((self.folder / self.options.book).read_text())
        result = FetchResult()
        for symbol in symbols:
            if symbol not in book:
                result.failures[symbol] = FetchError(f"ledger {symbol}", "not in the book")
                continue
            rows = [(day, close) for day, close in book[symbol] if day >= f"{start:%Y-%m-%d}"]
            frame = pl.DataFrame(rows, schema=["day", "price"], orient="row")
            result.tables[symbol] = RawTable(symbol, timeframe, frame, self.name)
        return result
'''.replace("\\\\n", "\\n")
DAYS = ("2020-01-02", "2020-01-03", "2020-01-06", "2020-02-03", "2020-02-04")


def install(site: Path, entry_points: str, module: str = MODULE) -> None:
    """Lay down a package and the metadata that an installer writes beside it."""
    (site / "ledger_bars").mkdir(parents=True)
    (site / "ledger_bars/__init__.py").write_text(module)
    metadata = site / "ledger_bars-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ledger-bars\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[mc_lab.providers]\n{entry_points}\n")
    (metadata / "RECORD").write_text("")


def python(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the package on the path."""
    paths = [str(folder / "site"), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    places = {"MC_DATA": "data", "MC_STUDIES": "studies", "MC_SERIES": "series.yaml"}
    environment = {name: str(folder / place) for name, place in places.items()}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


# A month of nights in one process: each prints what it found.
NIGHTS = """
import contextlib, io, json, os, sys
from pathlib import Path
from mc_assets.cli import app

def mc(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        app(arguments, standalone_mode=False)
    return out.getvalue()

book = Path(sys.argv[1])
printed = [mc("ingest", "--json")]
book.write_text(sys.argv[2])
mc("ingest")
printed.append(mc("quality", "A", "--json"))
mc("ingest", "A@1d", "--refetch")
printed.append(mc("quality", "A", "--json"))
print(json.dumps([json.loads(text) for text in printed]))
"""


@pytest.mark.slow
def test_a_provider_of_another_package_is_ingested_and_refetched(tmp_path: Path) -> None:
    install(tmp_path / "site", "ledger = ledger_bars:LedgerProvider")
    (tmp_path / "studies").mkdir()
    (tmp_path / "series.yaml").write_text(
        "series:\n  - {symbols: [A], provider: ledger, start: 2020-01-02, end: 2020-02-04,\n"
        "     options: {book: book.json}}\n"
    )
    book = {"A": [[day, 10.0 + at] for at, day in enumerate(DAYS)]}
    (tmp_path / "book.json").write_text(json.dumps(book))
    # A bar restated a month ago lies before the overlap window: only a refetch finds it.
    book["A"][0][1] = 9.5
    done = python(tmp_path, NIGHTS, str(tmp_path / "book.json"), json.dumps(book))
    assert done.returncode == 0, done.stdout + done.stderr
    ingested, (night,), (refetched,) = json.loads(done.stdout.splitlines()[-1])
    assert ingested["bars of A@1d, 2020 to 2020"]["row_count"] == 5.0
    assert {c["check"]: c["found"] for c in night["checks"]}["restated"] == 0
    restated = next(check for check in refetched["checks"] if check["check"] == "restated")
    assert (restated["found"], restated["first"]) == (
        1, "2020-01-02 14:30Z: found close 9.5 in place of 10.0"
    )  # fmt: skip
    asked = (tmp_path / "asked.txt").read_text().split("\n")[:-1]
    assert asked == ["A 2020-01-02", "A 2020-01-28", "A 2020-01-02"]


@pytest.mark.parametrize(
    ("entry_points", "module", "message"),
    [
        (
            "ledger = ledger_barz:Ledger",
            "",
            "cannot be imported (ModuleNotFoundError: ",
        ),
        ("ledger = ledger_bars:Ledger", "", "cannot be imported (AttributeError: module 'led"),
        ("ledger = ledger_bars:L", "raise OSError('no licence')", "(OSError: no licence)"),
        ("ledger = ledger_bars:L", "def L(): ...", "which is no subclass of mc_assets.providers.P"),
        (
            "ledger = ledger_bars:L",
            "from mc_assets.providers import Provider\nclass L(Provider):\n    name = 'ledger'",
            "without capabilities, Options, fetch, allowed a complete Provider",
        ),
    ],
)
def test_a_broken_plug_in_is_one_sentence_that_names_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry_points: str,
    module: str,
    message: str,
) -> None:
    install(tmp_path, entry_points, module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ledger_bars", raising=False)
    importlib.invalidate_caches()
    assert "ledger" in provider_names()
    with pytest.raises(MarketDataError, match=r"^provider ledger: found the entry point ") as error:
        get_provider("ledger")
    assert message in str(error.value)
    # Those that do not use it go on.
    assert get_provider("csv").name == "csv"


def test_a_broken_plug_in_ends_the_command_with_one_line(tmp_path: Path) -> None:
    install(tmp_path / "site", "ledger = ledger_bars:L", "raise OSError('no licence')")
    (tmp_path / "studies").mkdir()
    (tmp_path / "series.yaml").write_text(
        "series:\n  - {symbol: A, provider: ledger, start: 2020-01-02}\n"
    )
    done = python(tmp_path, "from mc_assets.cli import main; main()", "ingest")
    assert done.returncode == 2
    assert "provider ledger: found the entry point ledger_bars:L" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr

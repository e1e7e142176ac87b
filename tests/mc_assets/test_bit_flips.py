"""One flipped bit in a stored file: every reader gives the right answer, or names the file."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import engine
from engine.files import KINDS, MEMORY, DamagedFile, LocalFiles, verified_files
from engine.jobs.ledger import read_trials
from engine.paper import Journal
from engine.ticks import read_ticks, stored_ticks
from mc_assets.answers.api_keys import list_keys
from mc_assets.answers.policies import list_policies
from mc_assets.answers.records import list_runs
from mc_assets.answers.verify import seal_files, verify_files
from mc_assets.as_of_table import AsOfTable
from mc_assets.calibration_store import CalibrationStore
from mc_assets.cli import app
from mc_assets.defs.source_realism import REALISM_SCHEMA
from mc_assets.market_data.bar_store import BarStore
from mc_assets.market_data.futures.curve_store import load_curve
from mc_assets.market_data.raw_store import RawStore
from mc_assets.market_data.tick_days import tick_days
from mc_assets.project import Project
from mc_assets.service.callers import Keyring
from mc_assets.steps import bar_steps
from mc_assets.study_tables import read_statistics, read_warnings
from mc_assets.warehouse import refresh_warehouse
from mc_assets.warehouse_queries import query_warehouse
from tests.mc_assets.stored_home import SERIES, YEARS, make_again, stored_home

_COMMANDS = (
    "show quick --json",
    "show quick --best sharpe --json",
    "show quick --rows --json",
    "show quick --lineage --json",
    "studies --json",
    "quality X --json",
    "trials --archived --json",
    "prune --json",
    "runs --json",
    "experiments --json",
    "leaderboard --json",
)
_SESSION = "quick-0123456789abcdef"


def _readers(project: Project) -> dict[str, Callable[[], Any]]:
    """Every way to read what is stored, by name; each returns plain data."""
    data = project.data
    bars, raw = BarStore(data), RawStore(data)
    readers: dict[str, Callable[[], Any]] = {
        "results": lambda: engine.load_results(data, "quick").frame.rows(),
        "equity": lambda: engine.load_results(data, "quick").equity_lazy.collect().rows(),
        "trades": lambda: engine.load_results(data, "quick").trades_lazy.collect().rows(),
        "ledger": lambda: read_trials(data, archived=True).rows(),
        "bars": lambda: bars.read("X", "1d").rows(),
        "adjusted": lambda: bars.adjusted("X", "1d").rows(),
        "quality": lambda: bars.quality("X", "1d").rows(),
        "quarantine": lambda: bars.quarantine("X", "1d").rows(),
        "manifest": lambda: bars.manifest().rows(),
        "raw": lambda: [t.frame.rows() for year in YEARS for t in raw.read("X", "1d", year)],
        "calibrations": lambda: CalibrationStore(data).read("X", "1d").rows(),
        "realism": lambda: AsOfTable(data, "source_realism", REALISM_SCHEMA).read("X", "1d").rows(),
        "curve": lambda: load_curve(data, "CL").rows(),
        "statistics": lambda: read_statistics(data, "quick").rows(),
        "warnings": lambda: read_warnings(data, "quick").rows(),
        "ticks": lambda: [chunk.stamps.tolist() for chunk in stored_ticks(data, "X").chunks()],
        "a path of ticks": lambda: [
            chunk.bid_price.tolist() for chunk in read_ticks(data / "ticks").chunks()
        ],
        "journal": lambda: Journal(LocalFiles(data), _SESSION).rows,
        "keys": lambda: list_keys(project),
        "callers": lambda: Keyring(project).caller("mc_0"),
        "policies": lambda: list_policies(project).rows(),
        "job records": lambda: list_runs(project).drop("seconds").rows(),
        "days of ticks": lambda: tick_days(data).rows(),
    }
    readers |= {f"mc {text}": _command(text.split()) for text in _COMMANDS}
    return readers | {"mc sql": lambda: _answers_of_tables(project)}


def _answers_of_tables(project: Project) -> list[tuple[str, str]]:
    """Every row of every table that is published; one question, since each opens the file anew."""
    refresh_warehouse(project)
    tables = query_warehouse(project, "SHOW TABLES")["name"]
    rows = (f"SELECT '{name}' AS name, {name}::VARCHAR AS row FROM {name}" for name in tables)
    return query_warehouse(project, f"{' UNION ALL '.join(rows)} ORDER BY ALL").rows()


def _command(arguments: list[str]) -> Callable[[], str]:
    def run() -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterable[Project]:
    """A project with a file of every kind."""
    with stored_home(tmp_path_factory.mktemp("whole")) as project:
        # `mc prune` counts what has been unfinished for an hour, which these tests may take.
        for state in (project.data / "unfinished").rglob("*.state"):
            os.utime(state, (0.0, 0.0))
        yield project


@pytest.fixture(scope="module")
def answers(whole: Project) -> dict[str, Any]:
    """What every reader says while nothing is damaged."""
    return {name: read() for name, read in _readers(whole).items()}


def _files(project: Project, kind: str) -> list[Path]:
    return sorted(
        path
        for path in (project.data / kind).rglob("*")
        if path.is_file() and path.suffix in (".parquet", ".json", ".duckdb", ".state")
    )


def _flip(path: Path, chance: random.Random) -> str:
    """Flip one bit in place and give the file its old time of change back."""
    status = path.stat()
    place = chance.randrange(8 * status.st_size)
    with path.open("r+b") as file:
        file.seek(place // 8)
        (byte,) = file.read(1)
        file.seek(place // 8)
        file.write(bytes([byte ^ 1 << place % 8]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"bit {place} of {path}"


def _faults(
    project: Project, answers: dict[str, Any], said: pytest.LogCaptureFixture, damaged: Path
) -> tuple[list[str], Counter[str]]:
    """Ask every reader; return what went wrong, and how many did what."""
    faults, outcomes = [], Counter[str]()
    for name, read in _readers(project).items():
        said.clear()
        try:
            answer = read()
        except (ValueError, OSError) as error:
            if "\n" in str(error) or damaged.name not in str(error) + said.text:
                faults.append(f"{name}: {error}")
            outcomes["refused"] += 1
        except BaseException as error:  # a panic of Rust is no Exception
            faults.append(f"{name}: {type(error).__name__} {error}")
        else:
            if answer == answers[name]:
                outcomes["right"] += 1
            elif damaged.name in said.text:
                outcomes["without it, and said so"] += 1
            else:
                faults.append(f"{name}: another answer, and not a word")
    return faults, outcomes


def _flip_everywhere(
    whole: Project,
    answers: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    flips: Iterable[tuple[str, int]],
) -> Counter[str]:
    """Flip bits of kinds of files, one at a time, and ask every reader after each."""
    outcomes = Counter[str]()
    copy = whole.data.with_name("undamaged")
    shutil.copytree(whole.data, copy)
    try:
        for number, (kind, seed) in enumerate(flips, start=1):
            chance = random.Random(f"{kind} {seed}")
            path = chance.choice(_files(whole, kind))
            flip = _flip(path, chance)
            (found,) = verify_files(whole).damaged
            assert found.path == path, flip
            with caplog.at_level(logging.WARNING):
                faults, seen = _faults(whole, answers, caplog, path)
            assert not faults, f"{flip}: {faults}"
            outcomes += seen
            if number % len(KINDS) == 0:
                print(f"{number} flips: {dict(outcomes)}", flush=True)
            shutil.rmtree(whole.data)
            shutil.copytree(copy, whole.data)
    finally:
        shutil.rmtree(whole.data)
        copy.rename(whole.data)
    return outcomes


def test_a_file_of_every_kind_is_stored_and_whole(whole: Project) -> None:
    found = verify_files(whole)
    assert found.kinds["kind"].to_list() == list(KINDS)
    assert found.damaged == ()


def test_a_damaged_file_that_two_manifests_name_is_told_of_once(whole: Project) -> None:
    manifest = next(file for file in _files(whole, "manifests") if file.name.startswith("part-"))
    part = whole.data / json.loads(manifest.read_bytes())["files"]["simulations"]["path"]
    before, copy = part.read_bytes(), manifest.with_name("part-99-copy.json")
    copy.write_bytes(manifest.read_bytes())
    _flip(part, random.Random(1))
    try:
        found = verify_files(whole)
    finally:
        part.write_bytes(before)
        copy.unlink()
    assert [damage.path for damage in found.damaged if damage.path == part] == [part]
    of_parts = found.kinds.filter(pl.col("kind") == "simulations")
    assert of_parts["damaged"].item() == 1


def test_no_flipped_bit_is_served_or_ends_in_a_traceback(
    whole: Project, answers: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    # One kind of each sort of reader: the slow test below has them all, many times.
    kinds = ("simulations", "bars", "calibrations")
    outcomes = _flip_everywhere(whole, answers, caplog, [(kind, 0) for kind in kinds])
    assert outcomes["refused"] > 0
    assert outcomes["without it, and said so"] > 0


# In quarters, which processes share.
@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 5, 9, 13])
def test_none_of_five_hundred_flipped_bits_is_served_or_ends_in_a_traceback(
    whole: Project, answers: dict[str, Any], caplog: pytest.LogCaptureFixture, first: int
) -> None:
    flips = [(kind, seed) for seed in range(first, first + 4) for kind in KINDS]
    assert len(flips) >= 125
    begin = time.process_time()
    outcomes = _flip_everywhere(whole, answers, caplog, flips)
    spent = time.process_time() - begin
    print(f"{len(flips)} flips in {spent:.0f} s of processor time: {dict(outcomes)}")


@pytest.mark.parametrize(
    "kind",
    [
        *("simulations", "equity", "trades", "manifests", "results", "ledger"),
        *("raw_bars", "bars", "bars_quarantine", "bars_quality", "bars_factors"),
    ],
)
def test_what_can_be_made_again_is_made_again(whole: Project, kind: str) -> None:
    # An archive of the ledger is written again by whoever archives again.
    path = next(file for file in _files(whole, kind) if file.parent.name != "archives")
    before = path.read_bytes()
    _flip(path, random.Random(kind))
    make_again(whole)
    assert verify_files(whole).damaged == ()
    if kind != "ledger":  # its rows say when they were written
        assert path.read_bytes() == before
    path.with_name(f"{path.name}.damaged").unlink(missing_ok=True)


def test_the_command_names_what_is_damaged_and_what_mends_it(whole: Project) -> None:
    runner = CliRunner()
    sound = runner.invoke(app, ["verify"])
    assert sound.exit_code == 0
    assert set(KINDS) <= {line.split()[0] for line in sound.stdout.splitlines() if line.strip()}
    path = _files(whole, "calibrations")[0]
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    try:
        assert runner.invoke(app, ["verify"]).exit_code == 1
        found = runner.invoke(app, ["verify", "--json"])
    finally:
        path.write_bytes(content)
    assert found.exit_code == 1
    (damage,) = json.loads(found.stdout)["damaged"]
    assert damage == {
        "file": str(path),
        "found": "is damaged: it does not match its checksum",
        "remedy": KINDS["calibrations"],
    }


def test_a_file_of_a_year_of_bars_that_is_gone_is_named_and_made_again(whole: Project) -> None:
    for kind in ("bars", "bars_quarantine", "bars_quality", "raw_bars"):
        path = _files(whole, kind)[0]
        path.unlink()
        (found,) = verify_files(whole).damaged
        assert (found.path, found.reason) == (path, "is missing")
        make_again(whole)
    for path in _files(whole, "bars"):
        path.unlink()
    with pytest.raises(DamagedFile, match=r"bars/1d/X/2019\.parquet is missing; `mc ingest"):
        BarStore(whole.data).read("X", "1d")
    make_again(whole)
    assert verify_files(whole).damaged == ()


def test_no_command_asks_to_run_a_study_whose_file_is_gone(whole: Project) -> None:
    part, file = _files(whole, "simulations")[0], whole.studies / "quick.yaml"
    table = whole.data / "statistics" / "quick.parquet"
    before = {path: path.read_bytes() for path in (part, table, file)}
    part.write_bytes(before[part][:-1])
    try:
        assert "mc run quick" in CliRunner().invoke(app, ["show", "quick"]).output
        file.unlink()
        said = CliRunner().invoke(app, ["show", "quick"]).output
        table.write_bytes(before[table][:-1])
        remedies = {found.path: found.hint for found in verify_files(whole).damaged}
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    assert "mc run quick" not in said
    assert "run the study again" not in said
    assert "the study's file is gone: mc prune quick removes them" in said
    gone = "there is no study file of quick: "
    assert remedies == {
        part: f"{gone}`mc prune quick --yes` removes it",
        table: f"{gone}`mc rm quick --yes` removes it",
    }


def test_ingesting_names_the_damaged_files_that_it_makes_again(
    whole: Project, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [_files(whole, kind)[0] for kind in ("raw_bars", "bars", "bars_factors")]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        list(bar_steps(whole, [SERIES]))
    assert [record.getMessage().split()[0] for record in caplog.records] == [*map(str, paths)]
    make_again(whole)
    assert verify_files(whole).damaged == ()
    paths[0].with_name(f"{paths[0].name}.damaged").unlink()


def test_files_of_an_earlier_version_are_given_a_checksum_when_asked(whole: Project) -> None:
    path = _files(whole, "bars")[0]
    before, rows = path.read_bytes(), pl.read_parquet(path)
    footer = pl.read_parquet_metadata(path)
    rows.write_parquet(path, metadata={"mc.manifest": footer["mc.manifest"]})
    (found,) = verify_files(whole).damaged
    assert "has no checksum" in found.reason
    assert seal_files(whole) == 1
    assert verify_files(whole).damaged == ()
    assert pl.read_parquet(path).equals(rows)
    assert path.read_bytes() == before


def test_every_file_has_its_turn_in_sixteen_nights(whole: Project) -> None:
    counted = sum(int(verify_files(whole, night=n).kinds["files"].sum()) for n in range(7, 23))
    assert counted == int(verify_files(whole).kinds["files"].sum())


def test_the_memory_makes_no_file_of_the_data_folder_whole(whole: Project) -> None:
    verified_files.cache_clear()
    path = _files(whole, "bars")[0]
    content = path.read_bytes()
    (whole.data / MEMORY).unlink(missing_ok=True)
    assert BarStore(whole.data).read("X", "1d").height > 0
    path.write_bytes(content[:-1] + b"x")
    try:
        with pytest.raises(ValueError, match="does not match its checksum"):
            BarStore(whole.data).read("X", "1d")
    finally:
        path.write_bytes(content)

"""``mc runs`` and ``mc run --executor``: who runs what, and how it ended."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.files import as_files
from engine.files.documents import replace
from engine.files.writing import json_bytes
from engine.jobs.record import read_records
from mc_assets.cli import app, main

STUDY = """
name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}
seeds: {count: 30}
"""
LONG = STUDY.replace("quick", "long").replace("count: 30", "count: 400000")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quick.yaml").write_text(STUDY)
    (tmp_path / "studies" / "long.yaml").write_text(LONG)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path / "studies"))
    return tmp_path


@pytest.fixture
def mc(folder: Path) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    return run


def listed(mc: Callable[..., str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(mc("runs", "--json"))
    return rows


def test_runs_are_listed_the_newest_first(mc: Callable[..., str]) -> None:
    assert mc("runs") == "no runs\n"
    mc("run", "quick")
    mc("run", "quick", "--set", "strategy.fast=4")
    second, first = listed(mc)
    assert (first["state"], first["done"], first["of"], first["cells"]) == ("finished", 60, 60, 60)
    assert (second["done"], second["study"], second["kind"]) == (30, "quick", "study")
    assert second["who"].endswith(", mc run")
    text = mc("runs", "quick")
    assert text.count("finished") == 2
    assert mc("runs", "other") == "no runs\n"


@pytest.mark.slow
def test_a_killed_command_is_listed_as_killed(folder: Path, mc: Callable[..., str]) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from mc_assets.cli import main; main()", "run", "long"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"MC_DATA": str(folder / "data")},
    )
    deadline = time.monotonic() + 120
    while not list((folder / "data" / "jobs").glob("*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert listed(mc)[0]["state"] == "running"
    child.send_signal(signal.SIGKILL)
    child.wait()
    (row,) = listed(mc)
    assert (row["state"], row["study"], row["ended"]) == ("killed", "long", None)


def test_a_damaged_record_is_named_and_the_others_listed(
    folder: Path, mc: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    mc("run", "quick")
    mc("run", "quick")
    (old, _) = sorted((folder / "data" / "jobs").glob("*.json"))
    old.write_text("{")
    assert len(listed(mc)) == 1
    assert f"{old.name} is damaged" in caplog.text


@pytest.mark.slow
def test_a_study_runs_in_processes_to_the_same_answer(mc: Callable[..., str]) -> None:
    one = json.loads(mc("run", "quick", "--json", "--fresh", "--executor", "processes"))
    other = json.loads(mc("run", "quick", "--json", "--fresh"))
    assert one == other


@pytest.mark.parametrize(
    ("executor", "expected"),
    [
        ("fibres", "executor: found 'fibres', allowed threads, processes, or dask://host:port"),
        ("dask://", "executor: "),
    ],
)
def test_an_executor_that_is_none_is_one_sentence(
    folder: Path,
    executor: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["mc", "run", "quick", "--executor", executor])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"mc: {expected}")
    assert "\n" not in said
    monkeypatch.setattr("sys.argv", ["mc", "run", "quick", "--executor", "processes",
                                     "--storage", "memory"])  # fmt: skip
    with pytest.raises(SystemExit):
        main()
    assert "executor: found processes for results in memory" in capsys.readouterr().err


def test_the_blocks_that_one_run_made_are_one_line(folder: Path, mc: Callable[..., str]) -> None:
    mc("run", "quick")
    files = as_files(folder / "data")
    (record,), _ = read_records(files)
    for number, state in enumerate(("finished", "failed")):
        block = dataclasses.replace(
            record,
            id=f"29990101T000000-{number}",
            kind=f"block 0{number}",
            who="a, Dagster run 1",
            state=state,
        )
        replace(files, f"jobs/{block.id}.json", json_bytes(block.to_json()))
    run, study = listed(mc)
    assert (run["kind"], run["state"], run["done"]) == ("2 blocks", "failed", 120)
    assert study["kind"] == "study"

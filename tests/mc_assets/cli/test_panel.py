"""`mc panel`: a strategy and a history in, what depends on the world out, in SQL as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mc_assets.cli import app
from tests.calibrated_once import calibrated_once


@pytest.fixture(autouse=True)
def _calibrated_once() -> Iterator[None]:
    with calibrated_once():
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    (tmp_path / "x.csv").write_text("\n".join(lines[:500]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_panel_is_printed_stored_and_counted(folder: Path) -> None:
    arguments = ["panel", "sma_crossover", "--bars", "x.csv", "--set", "fast=5,10"]
    arguments += ["--set", "slow=40", "--paths", "20"]
    text = CliRunner().invoke(app, arguments)
    assert text.exit_code == 0, text.exception
    assert text.stdout.startswith("sma_crossover on x, 2 parameter sets in ")
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["sentence"] in text.stdout.replace("\n", " ")
    query = "SELECT world, regret FROM panel WHERE minimax AND symbol = 'x' ORDER BY world"
    rows = json.loads(CliRunner().invoke(app, ["sql", query, "--json"]).stdout)
    stored = {row["world"]: row["regret"] for row in rows}
    assert stored == {row["world"]: row["regret"] for row in found["worlds"] if row["n"]}
    trials = json.loads(CliRunner().invoke(app, ["trials", "--json"]).stdout)
    assert sum(family["trials"] for family in trials["families"]) == 2 * len(stored)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["buy_and_hold"], "bars: found neither --bars nor --symbol"),
        (["no_such", "--bars", "x.csv"], "strategy: found 'no_such', allowed"),
        (["sma_crossover", "--bars", "x.csv", "--set", "fast"], "set: found 'fast'"),
        (["sma_crossover", "--bars", "x.csv", "--paths", "1"], "tries, paths: found 32, 1"),
    ],
)
def test_what_is_missing_is_one_sentence(folder: Path, arguments: list[str], expected: str) -> None:
    result = CliRunner().invoke(app, ["panel", *arguments])
    assert expected in str(result.exception)

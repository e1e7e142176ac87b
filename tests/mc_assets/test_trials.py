"""`mc trials`, the table `trials`, and what takes trials out of the count."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mc_assets.cli import app

STUDY = """
name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 40}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: 20}}
seeds: {count: 30}
"""

Run = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quick.yaml").write_text(STUDY)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path / "studies"))
    return tmp_path


@pytest.fixture
def mc(folder: Path) -> Run:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout

    return run


def test_what_was_run_is_counted_by_strategy_and_series(mc: Run) -> None:
    assert mc("trials") == "no trials\n"
    mc("run", "quick")
    text = mc("trials")
    assert "sma_crossover" in text
    assert "no data" in text
    found = json.loads(mc("trials", "--json"))
    (family,) = found["families"]
    assert (family["family"], family["trials"], family["seeds"]) == ("sma_crossover", 2, 30)
    assert family["studies"] == ["quick"]
    one_by_one = mc("trials", "sma_crossover")
    assert '"fast": 3' in one_by_one


def test_trials_can_be_asked_in_sql(mc: Run) -> None:
    mc("run", "quick")
    query = "SELECT family, archived, len(outcome) AS n, seeds FROM trials"
    rows = json.loads(mc("sql", "--json", query))
    assert rows == [{"family": "sma_crossover", "archived": False, "n": 30, "seeds": 30}] * 2


def test_archived_trials_are_told_with_their_reason(mc: Run) -> None:
    mc("run", "quick")
    text = mc("trials", "sma_crossover", "--archive", "--reason", "costs were wrong")
    assert text == "2 trials of sma_crossover no longer count: costs were wrong\n"
    text = mc("trials")
    assert text.startswith("no trials\n2 archived trials do not count:\n  sma_crossover, until ")
    assert text.endswith("Z: costs were wrong\n")
    assert "sma_crossover" in mc("trials", "--archived")
    assert json.loads(mc("sql", "--json", "SELECT count(*) AS n FROM trials WHERE archived")) == [
        {"n": 2}
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rsi"], "family: found 'rsi', allowed sma_crossover"),
        (["--archive"], "family: is missing; `mc trials STRATEGY --archive"),
        (["sma_crossover", "--archive"], "reason: found '', allowed a sentence"),
    ],
)
def test_what_cannot_be_is_one_sentence(mc: Run, arguments: list[str], expected: str) -> None:
    mc("run", "quick")
    result = CliRunner().invoke(app, ["trials", *arguments])
    assert expected in str(result.exception)

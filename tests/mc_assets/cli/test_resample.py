"""`mc resample`: one backtest in, what else it could have come to out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mc_assets.cli import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    (tmp_path / "x.csv").write_text("\n".join(lines[:2000]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_backtest_is_resampled_and_its_largest_size_stated(folder: Path) -> None:
    arguments = ["resample", "sma_crossover", "--bars", "x.csv", "--set", "fast=5"]
    arguments += ["--set", "slow=20", "--draws", "500", "--loss", "0.2", "--bound", "0.05"]
    text = CliRunner().invoke(app, arguments)
    assert text.exit_code == 0, text.exception
    assert text.stdout.startswith("sma_crossover on x: ")
    assert "times the size traded keeps it at 5.0% (" in text.stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    largest = found["ruin"]["largest_size"]
    assert largest["low"] <= largest["value"] <= largest["high"]
    assert found["parameters"] == {"fast": 5, "slow": 20}
    assert {row["n"] for row in found["statistics"]} == {500}
    again = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert again == found


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["buy_and_hold", "--bars", "x.csv"], "trades: found no closed trades, allowed at least"),
        (["sma_crossover", "--bars", "x.csv", "--set", "fast"], "set: found 'fast', allowed name="),
        (["sma_crossover", "--bars", "x.csv", "--method", "x"], "method: found 'x', allowed trade"),
        (["sma_crossover", "--bars", "x.csv", "--loss", "2"], "loss: found 2.0, allowed above 0"),
        (
            ["sma_crossover", "--bars", "x.csv", "--set", "no=1"],
            "sma_crossover: found parameter no",
        ),
        (["sma_crossover", "--bars", "x.csv", "--set", "fast=2,3"], "fast: found \\[2, 3\\]"),
    ],
)
def test_what_cannot_be_resampled_is_one_sentence(
    folder: Path, arguments: list[str], expected: str
) -> None:
    result = CliRunner().invoke(app, ["resample", *arguments])
    with pytest.raises(ValueError, match=expected):
        raise result.exception or AssertionError(result.stdout)

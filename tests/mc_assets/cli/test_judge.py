"""`mc judge`: a strategy file and a file of bars in, one sentence out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mc_assets.cli import app
from tests.calibrated_once import calibrated_once

STRATEGY = """
from engine.strategies import SMA, Int, Strategy

class BuyTheDip(Strategy):
    period = Int(20, low=5, high=60)
    mean = SMA(period)

    def on_bar(self, bar, order):
        order.target_percent(1.0 if bar.close < self.mean else 0.0)
"""


@pytest.fixture(autouse=True)
def _calibrated_once() -> Iterator[None]:
    with calibrated_once():
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    (tmp_path / "x.csv").write_text("\n".join(lines[:1000]) + "\n")
    (tmp_path / "my_strategy.py").write_text(STRATEGY)
    return tmp_path


def test_a_file_with_a_strategy_and_a_file_of_bars_give_a_verdict(folder: Path) -> None:
    arguments = ["judge", str(folder / "my_strategy.py"), "--bars", str(folder / "x.csv")]
    arguments += ["--tries", "16", "--paths", "20"]
    text = CliRunner().invoke(app, arguments)
    assert text.exit_code == 0, text.exception
    assert text.stdout.startswith("buy_the_dip on x, 15 parameter sets tried: ")
    assert "chance alone would show" in text.stdout
    assert "stationary" in text.stdout
    assert "caution: nothing was charged for " in text.stdout
    paid = CliRunner().invoke(app, [*arguments, "--commission", "0.001", "--slippage", "5"])
    assert "nothing was charged" not in paid.stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["verdict"] in ("edge", "no edge", "not to be told")
    assert found["sentence"] in text.stdout.replace("\n", " ")
    trials = json.loads(CliRunner().invoke(app, ["trials", "--json"]).stdout)
    assert trials["families"][0]["trials"] == 30  # without costs and with them


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["buy_and_hold"], "bars: found neither --bars nor --symbol"),
        (["none.py", "--bars", "x.csv"], "strategy: there is no file none.py"),
        (["no_such", "--bars", "x.csv"], "strategy: found 'no_such', allowed"),
        (["buy_and_hold", "--bars", "none.csv"], "bars: there is no file none.csv"),
    ],
)
def test_what_is_missing_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, ["judge", *arguments])
    assert expected in str(result.exception)

"""The look-ahead audit passes honest strategies and catches planted cheats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.strategies import Int, Strategy, strategy_names
from engine.strategies.audit import audit_strategy

CHEAT = """
from engine.strategies import Int, Strategy


class Clairvoyant(Strategy):
    ahead = Int(1, low=1, high=5)

    def signals(self, bars, target):
        last = len(target) - 1
        for t in range(len(target)):
            later = min(t + self.ahead, last)
            target[t] = 1.0 if bars.close[later] > bars.close[t] else 0.0
"""


class Normalised(Strategy):
    """Compares with the mean of the whole path: a common mistake."""

    def signals(self, bars, target):
        mean = np.mean(bars.close)
        for t in range(len(target)):
            target[t] = 1.0 if bars.close[t] < mean else 0.0


class Honest(Strategy):
    lag = Int(3)

    def signals(self, bars, target):
        for t in range(len(target)):
            back = t - self.lag
            target[t] = 1.0 if back >= 0 and bars.close[t] > bars.close[back] else 0.0


@pytest.mark.parametrize("name", strategy_names())
def test_every_built_in_passes(name: str) -> None:
    report = audit_strategy(name)
    assert report.findings == ()
    assert report.passed


def test_an_honest_vector_strategy_passes() -> None:
    assert audit_strategy(Honest).passed


def test_a_mean_over_the_whole_path_is_caught_with_bar_and_order() -> None:
    report = audit_strategy(Normalised)
    assert not report.passed
    finding = report.findings[0]
    assert 0 <= finding.bar <= finding.cut
    assert finding.order >= 1
    assert f"at bar {finding.bar}, order {finding.order}" in str(finding)


def test_the_command_fails_on_a_cheat_in_a_users_file(tmp_path: Path) -> None:
    import typer

    from mc_assets.cli.audit import audit

    file = tmp_path / "cheat.py"
    file.write_text(CHEAT)
    app = typer.Typer()
    app.command()(audit)
    result = CliRunner().invoke(app, ["clairvoyant", "--file", str(file)])
    assert result.exit_code == 1
    assert "clairvoyant: FAILED" in result.output
    assert "order" in result.output
    assert CliRunner().invoke(app, ["buy_and_hold"]).exit_code == 0

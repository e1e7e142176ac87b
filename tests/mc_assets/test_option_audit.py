"""`mc audit` of strategies of options."""

from __future__ import annotations

from pathlib import Path

from mc_assets.answers.audits import audit_strategies
from mc_assets.project import Project


def test_the_command_audits_a_strategy_of_options_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    project = Project(tmp_path, tmp_path / "data", tmp_path / "studies", tmp_path / "series.yaml")
    answer = audit_strategies(project, "covered_call", cuts=5)
    assert answer.passed
    (audit,) = answer.audits
    assert audit.to_json()["orders"] > 100

"""`mc init` begins a project whose files are read as they stand."""

from __future__ import annotations

import json
from pathlib import Path

from mc_assets.market_data import load_series
from tests.mc_assets.mc_here import mc_here, users_code_forgotten


def test_a_project_is_begun_with_a_series_a_study_and_its_strategy(tmp_path: Path) -> None:
    places = {"MC_HOME": str(tmp_path)}
    with users_code_forgotten():
        begun = mc_here("init", places=places, folder=tmp_path)
        assert begun.returncode == 0, begun.stderr
        listed = mc_here("studies", "--json", places=places, folder=tmp_path)
    last = begun.stdout.splitlines()[-1]
    assert last == "next: mc run   bars, calibrations, the study, its report"
    assert load_series(tmp_path / "series.yaml").keys
    (study,) = json.loads(listed.stdout)
    assert (study["name"], study["state"]) == ("dip", "not run yet")

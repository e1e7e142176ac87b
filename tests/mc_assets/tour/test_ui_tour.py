"""A person goes through the Dagster UI: everything that the page on Dagster promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mc_assets.tour.ui_tour import open_ui, walk


@pytest.mark.browser
@pytest.mark.slow
def test_a_person_runs_studies_backfills_the_chain_and_sees_why_a_run_failed(
    tmp_path: Path, page: Any
) -> None:
    home, pictures = tmp_path / "home", tmp_path / "pictures"
    home.mkdir()
    pictures.mkdir()
    with open_ui(home) as (dagster, _):
        walk(dagster, page, pictures)
    assert {path.stem for path in pictures.glob("*.png")} == {
        *("asset_graph", "ui_calibrations", "ui_statistics", "ui_picture"),
        *("ui_automation", "ui_nightly_chain", "ui_failed_run"),
    }

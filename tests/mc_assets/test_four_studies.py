"""More seeds, another set, another order: only what is new is computed, whoever asks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

import engine as mc
from engine.jobs.progress import Progress
from mc_assets.cli import app

STUDY = """
name: four
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: FAST, slow: [50]}}
seeds: {count: SEEDS}
"""
# Seeds, sets, how many simulations there are and how many of them the steps before computed.
STEPS = (
    (100, [5, 10], 200, 0),
    (200, [5, 10], 400, 200),
    (200, [5, 10, 20], 600, 400),
    (200, [20, 5, 10], 600, 600),
)


def in_python(root: Path, seeds: int, fast: list[int], name: str = "four") -> tuple[int, int]:
    """Run a study from Python; return its simulations and how many were found finished."""
    seen: list[Progress] = []
    made = mc.Study(
        name,
        mc.GBM(mu=0.05, sigma=0.2),
        "sma_crossover",
        {"fast": fast, "slow": [50]},
        steps=60,
        seeds=seeds,
    )
    made.run(root=root, progress=seen.append)
    return seen[-1].total, seen[-1].reused


def test_only_what_is_new_is_computed_from_the_command_line_and_from_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("MC_DATA", str(data))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path))
    for seeds, fast, simulations, found in STEPS:
        text = STUDY.replace("FAST", str(fast)).replace("SEEDS", str(seeds))
        (tmp_path / "four.yaml").write_text(text)
        done = CliRunner().invoke(app, ["run", "four"])
        assert done.exit_code == 0, done.output
        assert f"four: {simulations:,} simulations" in done.output
        assert (f", {found} found finished" in done.output) == (found > 0)
        # Python finds all that the command line computed, under whatever name.
        assert in_python(data, seeds, fast, "renamed") == (simulations, simulations)
    for seeds, fast, simulations, found in STEPS:
        assert in_python(tmp_path / "other", seeds, fast) == (simulations, found)
    (world,) = (data / "simulations").iterdir()
    rows = pd.read_parquet(world)
    assert len(rows) == len(rows.drop_duplicates(["world", "set_id", "seed", "path"])) == 600
    told = mc.results("four", root=data).frame
    assert_frame_equal(told, mc.results("four", root=tmp_path / "other").frame)
    assert rows["net_pnl"].sum() == pytest.approx(told["net_pnl"].sum())

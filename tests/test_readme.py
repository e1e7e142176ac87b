"""What the README and its first pages tell a newcomer to type works as written."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.calendar import BarCalendar
from tests.mc_assets.mc_here import call_here, mc_here, users_code_forgotten


@pytest.fixture(scope="module")
def files(project: Path) -> dict[str, str]:
    """Code blocks that name the file they belong in, by that name."""
    pages = ("README.md", "docs/your_own.md", "docs/asking.md")
    text = "\n".join((project / page).read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", text, flags=re.DOTALL)
    return dict(blocks)


def test_every_example_is_short(files: dict[str, str]) -> None:
    for name in ("series.yaml", "my_strategy.py", "studies/dip.yaml", "studies/bachelier.yaml"):
        assert len(files[name].strip().splitlines()) <= 10, name
    model, estimator = files["my_model.py"].split("    @classmethod\n")
    assert len([line for line in model.splitlines() if line]) <= 10
    assert len(estimator.strip().splitlines()) <= 4


def test_own_bars_strategy_model_and_study_work_as_written(
    files: dict[str, str], tmp_path: Path, project: Path
) -> None:
    (tmp_path / "studies").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    rows = [
        f"2015-{month:02d}-{day:02d},{10 + day / 10},{11 + day / 10},{9 + day / 10},{10 + day / 9}"
        for month in range(1, 13)
        for day in range(5, 9)
    ]
    (tmp_path / "my_bars.csv").write_text("Date,Open,High,Low,Close\n" + "\n".join(rows) + "\n")
    for study in (tmp_path / "studies").glob("*.yaml"):
        study.write_text(study.read_text().replace("symbol: SP500", "symbol: MYBARS"))
    page = (project / "docs" / "your_own.md").read_text(encoding="utf-8")
    (models,) = re.findall(r"`(models: \[.*\])`", page)
    series = tmp_path / "series.yaml"
    series.write_text(f"{series.read_text()}    {models}\n")
    places = {
        "MC_DATA": str(tmp_path / "data"),
        "MC_STUDIES": str(tmp_path / "studies"),
        "MC_SERIES": str(tmp_path / "series.yaml"),
    }
    with users_code_forgotten():
        typed = ("ingest", "calibrate", "run dip", "report dip", "run my_study")
        for command in map(str.split, typed):
            made = mc_here(*command, places=places, folder=tmp_path)
            assert made.returncode == 0, (command, made.stdout, made.stderr)
    # A process that has loaded nothing before finds the user's model by the study alone.
    done = subprocess.run(
        [sys.executable, "-c", "from mc_assets.cli import main; main()", "run", "bachelier"],
        env=os.environ | places,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert (tmp_path / "data" / "reports" / "dip.html").is_file()
    calibrations = pl.read_parquet(tmp_path / "data" / "calibrations" / "**" / "*.parquet")
    estimate = calibrations.row(by_predicate=pl.col("model") == "bachelier", named=True)
    closes = pl.read_csv(tmp_path / "my_bars.csv")["Close"].to_numpy()
    per_bar = estimate["estimate"] * BarCalendar("XNYS", "1d").dt ** 0.5
    assert per_bar == pytest.approx(np.sqrt(np.mean(np.diff(closes) ** 2)))


def test_the_python_example_runs(files: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(files["example.py"])
    with users_code_forgotten():
        done = call_here(
            lambda: runpy.run_path(str(script), run_name="__main__"), places={}, folder=tmp_path
        )
    assert done.returncode == 0, done.stderr
    assert "shape: (3, " in done.stdout


def test_the_readme_is_a_page(project: Path) -> None:
    assert len((project / "README.md").read_text(encoding="utf-8").splitlines()) < 170


def test_every_table_command_and_asset_has_its_row(project: Path) -> None:
    from mc_assets.cli import app
    from mc_assets.definitions import defs

    def page(name: str) -> str:
        return (project / "docs" / name).read_text(encoding="utf-8")

    text = page("commands.md")
    commands = set(re.findall(r"`mc ([\w-]+)", text))
    have = {
        c.name or c.callback.__name__.replace("_", "-")
        for c in app.registered_commands
        if c.callback
    }
    have |= {family.name for family in app.registered_groups if family.name}
    assert commands <= have
    assert have <= commands
    assets = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert set(re.findall(r"^\| `(\w+)`", page("assets.md"), flags=re.MULTILINE)) == assets
    section = page("asking.md").split("The file is replaced whole")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {path.stem for path in (project / "sql").glob("*.sql")}

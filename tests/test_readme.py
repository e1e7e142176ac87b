"""What the README tells a newcomer to type works as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def files(project: Path) -> dict[str, str]:
    """Code blocks of the README that name the file they belong in, by that name."""
    text = (project / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", text, flags=re.DOTALL)
    return dict(blocks)


def test_every_example_is_short(files: dict[str, str]) -> None:
    for name in ("series.yaml", "my_strategy.py", "studies/dip.yaml"):
        assert len(files[name].strip().splitlines()) <= 10, name


def test_own_bars_strategy_and_study_work_as_written(
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
    study = tmp_path / "studies" / "dip.yaml"
    study.write_text(study.read_text().replace("symbol: SP500", "symbol: MYBARS"))
    environment = os.environ | {
        "MC_DATA": str(tmp_path / "data"),
        "MC_STUDIES": str(tmp_path / "studies"),
        "MC_SERIES": str(tmp_path / "series.yaml"),
    }
    for command in (["ingest"], ["calibrate"], ["run", "dip"], ["report", "dip"]):
        done = subprocess.run(
            [sys.executable, "-c", "from mc_assets.cli import main; main()", *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert (tmp_path / "data" / "reports" / "dip.html").is_file()


def test_the_python_example_runs(files: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(files["example.py"])
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "shape: (3, " in done.stdout


def test_every_table_command_and_asset_that_the_readme_names_exists(project: Path) -> None:
    from mc_assets.cli import app
    from mc_assets.definitions import defs

    text = (project / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"`mc (\w+)", text))
    have = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    assert commands <= have
    assert have <= commands
    assets = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    section = text.split("## What the boxes are")[1].split("## Add your own")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE)) == assets
    section = text.split("## Ask")[1].split("The file is replaced whole")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {path.stem for path in (project / "sql").glob("*.sql")}

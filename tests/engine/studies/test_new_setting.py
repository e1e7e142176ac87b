"""A new setting is told in three files: its bounds, its name in Python, and its use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# In which file, before which text, what is added.
ADDED = {
    "engine/jobs/settings.py": [
        (
            "    sub_bars: int = Field(\n",
            '    shift: float = Field(0.0, ge=0.0, description="Added to start prices.")\n',
        )
    ],
    "engine/studies/study.py": [
        ("        sub_bars: int = 1,\n", "        shift: float = 0.0,\n"),
        ('                **{"bars": bars,', '                **{"shift": shift},\n'),
    ],
    "engine/sources/source.py": [
        ('    ) -> Generator:\n        """Make ready to fill', "        shift: float = 0.0,\n"),
        (
            "        count = int(sub_bars)\n",
            "        start = tuple(price + shift for price in start)\n",
        ),
    ],
}
ADDED_TO_STUDIES = {
    "engine/jobs/settings.py": [
        (
            "    failure_allowance: float = Field(\n",
            '    slow_down: float = Field(0.0, ge=0.0, description="Seconds to wait.")\n',
        )
    ],
    "engine/studies/study.py": [
        ("        failure_allowance: float = 0.05,\n", "        slow_down: float = 0.0,\n"),
        ('            "failure_allowance": failure', '            "slow_down": slow_down,\n'),
    ],
    "engine/studies/execute.py": [
        (
            "    store: Store = MemoryStore(ledger) if root is None",
            "    print('waiting', job.settings.slow_down)\n",
        )
    ],
}
LOOK_AT_STUDIES = """
import json
import engine as mc

study = "name: d\\nsource: {model: gbm, steps: 5, s0: 100}\\nslow_down: 7\\n"
study += "strategy: {name: buy_and_hold}\\nseeds: 2\\n"
with open("d.yaml", "w") as file:
    file.write(study)
mc.load_study("d.yaml").run(workers=1)
mc.Study("d", mc.GBM(), "buy_and_hold", seeds=2, steps=5, slow_down=8).run(workers=1)
from engine.studies.schema import study_schema
print("Seconds to wait." in json.dumps(study_schema()))
try:
    mc.Study("d", mc.GBM(), "buy_and_hold", slow_down=-1.0)
except mc.Refusal as refusal:
    print(refusal)
"""
LOOK = """
import json
import engine as mc

study = "name: d\\nsource: {model: gbm, steps: 5, s0: 100, shift: %s}\\n"
study += "strategy: {name: buy_and_hold}\\nseeds: 2\\n"
found = {}
for shift in (0, 7):
    with open("d.yaml", "w") as file:
        file.write(study % shift)
    job = mc.load_study("d.yaml").resolve()
    made = mc.Study("d", mc.GBM(), "buy_and_hold", seeds=2, steps=5, s0=100, shift=shift).resolve()
    found[shift] = [job.world.id, made.world.id]
    results = mc.load_study("d.yaml").run(workers=1)
    found[shift].append(results.simulation(0).bars["open"][0])
from engine.studies.schema import study_schema
found["schema"] = "Added to start prices." in json.dumps(study_schema())
try:
    mc.Study("d", mc.GBM(), "buy_and_hold", shift=-1.0)
except mc.Refusal as refusal:
    found["refused"] = str(refusal)
print(json.dumps(found))
"""


def test_a_setting_of_paths_added_to_a_copy_of_the_project_in_three_files_decides_the_numbers(
    project: Path, tmp_path: Path
) -> None:
    found = json.loads(looked_at(project, tmp_path, ADDED, LOOK))
    (world, made, price), (other_world, other_made, other_price) = found["0"], found["7"]
    assert world == made != other_world == other_made
    assert (price, other_price) == (100.0, 107.0)
    assert found["schema"]
    assert found["refused"].startswith("shift: found -1.0, allowed greater than or equal to 0")


@pytest.mark.slow
def test_a_setting_of_studies_added_in_three_files_reaches_the_run(
    project: Path, tmp_path: Path
) -> None:
    printed = looked_at(project, tmp_path, ADDED_TO_STUDIES, LOOK_AT_STUDIES).splitlines()
    assert printed[:3] == ["waiting 7.0", "waiting 8.0", "True"]
    assert printed[3].startswith("slow_down: found -1.0, allowed greater than or equal to 0")


def looked_at(
    project: Path, folder: Path, added: dict[str, list[tuple[str, str]]], code: str
) -> str:
    """Return what code prints in a copy of the project with additions to three files."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project / "engine", folder / "engine", ignore=ignored)
    assert len(added) == 3
    for name, additions in added.items():
        text = (folder / name).read_text()
        for before, addition in additions:
            assert text.count(before) == 1, before
            text = text.replace(before, addition + before)
        (folder / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

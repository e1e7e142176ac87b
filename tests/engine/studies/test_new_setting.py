"""A new setting of paths is told in three files: its bounds, its name in Python, and its use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project / "engine", tmp_path / "engine", ignore=ignored)
    assert len(ADDED) == 3
    for name, additions in ADDED.items():
        text = (tmp_path / name).read_text()
        for before, added in additions:
            assert text.count(before) == 1, before
            text = text.replace(before, added + before)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (world, made, price), (other_world, other_made, other_price) = found["0"], found["7"]
    assert world == made != other_world == other_made
    assert (price, other_price) == (100.0, 107.0)
    assert found["schema"]
    assert found["refused"].startswith("shift: found -1.0, allowed greater than or equal to 0")

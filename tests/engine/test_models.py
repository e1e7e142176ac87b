"""A built-in model is one file and one line of the table: everything else follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

MODEL = '''
"""Arithmetic Brownian motion of the logarithm, as a contributor would add it."""

from engine.sources.gbm import GBM
from engine.sources.parameter import parameter

__all__ = ["LogWalk"]


class LogWalk(GBM):
    """A walk of the log price."""

    name = "log_walk"

    sigma: float = parameter(0.3, low=0.0)
'''
ESTIMATOR = '''
from engine.bars import Bars
from engine.calibration.gbm import estimate_gbm

__all__ = ["estimate_log_walk"]


def estimate_log_walk(bars: Bars, *, as_of=None):
    """Estimate a walk of the log price."""
    from dataclasses import replace
    return replace(estimate_gbm(bars, as_of=as_of), model="log_walk")
'''
LOOK = """
import json, sys
import engine as mc
found = {"public": "LogWalk" in mc.__all__}
found["light"] = not {"numba", "polars", "scipy"} & set(sys.modules)
from engine.bars import Bars
from engine.calibration import SPOT_MODELS, calibrate, model_names
import numpy as np
found["spot"] = "log_walk" in SPOT_MODELS
found["same"] = mc.get_source("log_walk") is mc.LogWalk
found["names"] = "log_walk" in mc.source_names() and "log_walk" in model_names()
block = mc.make_source("log_walk").paths(seeds=range(3), steps=100)
stamps = np.arange(100, dtype=np.int64) * 86_400_000_000
bars = Bars("X", stamps, *[block.field(n)[0] for n in ("open", "high", "low", "close", "volume")])
found["calibrated"] = sorted(calibrate("log_walk", bars).parameters)
legs = mc.Correlated({"A": mc.LogWalk(), "B": mc.GBM()}, correlation=[[1, 0.5], [0.5, 1]])
found["correlated"] = legs.paths(seeds=[1], steps=5).symbols
sys.path.insert(0, "tests/engine/sources")
import golden_paths
found["golden"] = "log_walk" in golden_paths.sources()
from mc_assets.defs.source_realism import source_realism
found["realism"] = any(s.name == "log_walk_looks_like_history" for s in source_realism.check_specs)
print(json.dumps(found))
"""


def test_a_model_added_to_a_copy_of_the_project_is_found_everywhere(
    project: Path, tmp_path: Path
) -> None:
    for folder in ("engine", "mc_assets", "tests/engine/sources", "studies", "data/sample"):
        shutil.copytree(
            project / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "engine/sources/log_walk.py").write_text(MODEL)
    (tmp_path / "engine/calibration/log_walk.py").write_text(ESTIMATOR)
    table = tmp_path / "engine/models.py"
    line = '    "merton": BuiltIn('
    text = table.read_text()
    assert text.count(line) == 1
    table.write_text(text.replace(line, f'    "log_walk": BuiltIn("LogWalk", ("Bars",)),\n{line}'))
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("calibrated") == ["mu", "sigma"]
    assert found.pop("correlated") == ["A", "B"]
    assert found == dict.fromkeys(found, True)
    assert len(found) == 7

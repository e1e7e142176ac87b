"""Kernels compiled ahead are those that the project's studies then use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mc_assets.warm import Warming, warm_paths, warm_strategies

STUDY = """
name: small
source: {model: gbm, symbol: SP500, calibration: latest, steps: 30}
strategy: {name: sma_crossover, parameters: {fast: 3, slow: 10}}
seeds: 2
"""


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "small.yaml").write_text(STUDY)
    monkeypatch.setenv("MC_STUDIES", str(folder))
    return folder


def test_every_study_of_the_project_can_be_compiled_ahead(studies: Path) -> None:
    warm_paths()
    warm_strategies()


@pytest.mark.parametrize(("compiled", "processes"), [(False, 2), (True, 1)])
def test_one_process_compiles_ahead_where_some_kernels_are_on_disk(
    compiled: bool, processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.compiled.cache.cache_folder", lambda: tmp_path)
    if compiled:
        (tmp_path / "ab").mkdir()
        (tmp_path / "ab" / "step-abc.kernel").touch()
    started: list[str] = []
    monkeypatch.setattr(subprocess, "Popen", lambda call, **_: started.append(call[-1]))
    Warming()
    assert len(started) == processes
    assert all(
        "; ".join(started).count(name) == 1 for name in ("warm_paths()", "warm_strategies()")
    )


COUNT = """
import sys
import engine as mc
from engine.compiled.cache import cache_folder
from mc_assets.warm import _MadeUpMarketData, warm_paths, warm_strategies

def kernels():
    return {path.name for path in cache_folder().rglob("*.kernel")}

warm_paths()
warm_strategies()
before = kernels()
mc.load_study(sys.argv[1]).run(market_data=_MadeUpMarketData())
print(len(before), *(kernels() - before))
"""


@pytest.mark.slow
def test_a_study_finds_all_its_kernels_compiled(studies: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(studies / "small.yaml")],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, *missing = done.stdout.split()
    assert int(count) > 50
    assert missing == []

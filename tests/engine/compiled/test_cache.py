from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.bytecode import FunctionIdentity

from engine.compiled.kernel import kernel
from engine.compiled.linking import address_of_compiled

USER_FILE = """
from engine.compiled import inlined, kernel
from callee import step

SCALE = {scale}

def bind(function, weight):
    def closure(x):
        return weight * function(x) + SCALE
    return kernel(closure)

bound = bind(step, 10.0)
"""
CALLEE = """
from engine.compiled import inlined

@inlined
def step(x):
    return x + {shift}
"""
MAIN = """
import json
import user
value = user.bound(1.0)
print(json.dumps([value, sum(user.bound.stats.cache_hits.values())]))
"""


@pytest.fixture
def run(tmp_path: Path, project: Path):
    def once(scale: float = 0.5, shift: float = 1.0) -> tuple[float, int]:
        (tmp_path / "user.py").write_text(USER_FILE.format(scale=scale))
        (tmp_path / "callee.py").write_text(CALLEE.format(shift=shift))
        environment = dict(
            os.environ,
            NUMBA_CACHE_DIR=str(tmp_path / "kernels"),
            PYTHONPATH=f"{project}{os.pathsep}{tmp_path}",
            PYTHONDONTWRITEBYTECODE="1",
        )
        output = subprocess.run(
            [sys.executable, "-c", MAIN],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        value, hits = output.strip().strip("[]").split(",")
        return float(value), int(hits)

    return once


def test_a_closure_is_loaded_by_the_second_process_and_never_stale(run, tmp_path):
    assert run() == (20.5, 0)
    assert run() == (20.5, 1)
    assert run(shift=2.0) == (30.5, 0), "an edit of the callee's file must recompile"
    assert run(scale=1.5, shift=2.0) == (31.5, 0), "an edit of a global must recompile"
    assert run() == (20.5, 1), "the first version is still there"
    assert len(list((tmp_path / "kernels").rglob("*.kernel"))) == 3
    assert not list((tmp_path / "kernels").rglob("*.tmp"))


def test_the_same_code_in_another_module_is_compiled_for_itself(tmp_path, project):
    """Machine code names the modules of its callees, which another process may not have."""
    script = """
import importlib
from engine.compiled import kernel
module = importlib.import_module("{name}")
def bound(x):
    return module_step(x)
module_step = module.step
bound = kernel(bound)
print(bound(1.0), sum(bound.stats.cache_hits.values()))
"""
    environment = dict(
        os.environ,
        NUMBA_CACHE_DIR=str(tmp_path / "kernels"),
        PYTHONPATH=f"{project}{os.pathsep}{tmp_path}",
    )
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(CALLEE.format(shift=1.0))
        run = subprocess.run(
            [sys.executable, "-c", script.format(name=name)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.split() == ["2.0", "0"]
        (tmp_path / f"{name}.py").unlink()


def test_kernels_of_one_name_from_two_processes_keep_their_own_code(monkeypatch) -> None:
    def bind(weight: int):
        # The counter by which Numba tells functions apart starts anew in each process.
        monkeypatch.setattr(FunctionIdentity, "_unique_ids", itertools.count(1_000_000))

        @kernel
        def closure(x: int) -> int:
            return weight * x

        return closure, address_of_compiled(closure, 1)

    def run(address: int) -> int:
        return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(7)

    (first, before), (second, other) = bind(2), bind(3)
    assert (run(before), run(other)) == (14, 21)
    again = address_of_compiled(first, 1)  # looked up by name, after the second came
    assert run(again) == 14
    assert run(address_of_compiled(second, 1)) == 21

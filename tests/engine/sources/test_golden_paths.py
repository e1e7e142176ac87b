"""The same bits everywhere: the hash of every source's paths is held.

A failure here says that paths changed: raise PATH_VERSION (layout of randomness) or ENGINE_VERSION
(arithmetic) and renew the values as `golden_paths.py` says, or find out why they changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.models import BUILT_IN

HERE = Path(__file__).parent
GOLDEN: dict[str, str] = json.loads((HERE / "golden_paths.json").read_text())

# CPU targets and compiler settings under which the bits must not change. Without features of its
# own, a CPU name would keep those of the machine. Each compiles every kernel anew, so the default
# run takes the one that is farthest from this machine, and the slow run each alone.
GENERIC = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
SCALAR = {"NUMBA_LOOP_VECTORIZE": "0"}
TARGETS = {
    "generic": GENERIC,
    "haswell": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
    "native without vectorisation": SCALAR,
}


@pytest.fixture(scope="module")
def golden() -> Any:
    spec = importlib.util.spec_from_file_location("golden_paths", HERE / "golden_paths.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["golden_paths"] = module  # dataclasses look the module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def elsewhere(project: Path) -> Callable[[dict[str, str]], dict[str, str]]:
    """Hashes in a process with other settings."""

    def run(settings: dict[str, str]) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, str(HERE / "golden_paths.py")],
            env=dict(os.environ, PYTHONPATH=str(project), **settings),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("name", GOLDEN)
def test_paths_have_the_golden_hash(name, golden):
    assert golden.digest(golden.paths(golden.sources()[name])) == GOLDEN[name]


def test_every_source_has_a_golden_hash(golden):
    assert BUILT_IN.keys() <= {source.name for source in golden.sources().values()}
    assert golden.sources().keys() == GOLDEN.keys()


def test_a_generic_cpu_without_vectors_gives_the_same_bits(elsewhere):
    assert elsewhere(GENERIC | SCALAR) == GOLDEN


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_cpu_target_does_not_change_a_bit(target, elsewhere):
    assert elsewhere(TARGETS[target]) == GOLDEN


@pytest.mark.parametrize("threads", [2, 7])
def test_the_number_of_threads_does_not_change_a_bit(threads, golden, monkeypatch):
    from engine.sources import blocks

    monkeypatch.setattr(blocks, "_CHUNK_VALUES", 1)  # one path (or lane group) per chunk
    for name, model in golden.sources().items():
        assert golden.digest(golden.paths(model, threads)) == GOLDEN[name], name


@pytest.mark.parametrize("size", [1, 3])
def test_chunks_and_their_order_do_not_change_a_bit(size, golden):
    for name, model in golden.sources().items():
        generator = model.prepare(steps=golden.STEPS, paths_per_seed=2)
        seeds = np.repeat(np.array(golden.SEEDS, dtype=np.uint64), 2)
        path_ids = np.tile(np.arange(2, dtype=np.uint64), len(golden.SEEDS))
        shape = (len(generator.symbols), len(generator.fields), golden.STEPS)
        values = np.full((seeds.size, *shape), np.nan)
        scratch = generator.scratch(size)
        for first in reversed(range(0, seeds.size, size)):
            chunk = slice(first, first + size)
            generator.fill(seeds[chunk], path_ids[chunk], values[chunk], scratch)
        assert golden.digest_of(values) == GOLDEN[name], name

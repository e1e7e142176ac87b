"""Kernels that came with the package are used where they suit, and only whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine.compiled.shipped as shipped
from engine.compiled.shipped import CPU, collect_kernels, suits_this_machine

SCRIPT = """
import sys
from pathlib import Path
import engine.compiled.shipped as shipped
shipped.FOLDER = Path(sys.argv[1])
from engine.compiled import kernel

@kernel
def triple(x):
    return 3.0 * x

print(triple(2.0), sum(triple.stats.cache_hits.values()))
"""

Run = Callable[..., tuple[float, int]]


@pytest.fixture
def run(tmp_path: Path, project: Path) -> Run:
    (tmp_path / "program.py").write_text(SCRIPT)

    def once(cache: str, **environment: str) -> tuple[float, int]:
        own = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_CPU")}
        own |= {"NUMBA_CACHE_DIR": str(tmp_path / cache), "PYTHONPATH": str(project)}
        done = subprocess.run(
            [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "shipped")],
            env=own | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        value, hits = done.stdout.split()
        return float(value), int(hits)

    return once


@pytest.mark.skipif(not suits_this_machine(), reason="needs a processor of level x86-64-v3")
def test_a_shipped_kernel_is_run_without_compiling_and_not_if_it_is_not_what_was_shipped(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("built", NUMBA_CPU_NAME=CPU, NUMBA_CPU_FEATURES="") == (6.0, 0)
    assert collect_kernels(tmp_path / "built", tmp_path / "shipped") == 1
    assert run("own") == (6.0, 1)
    assert not (tmp_path / "own").exists(), "nothing was compiled, so nothing was kept"

    (file,) = (tmp_path / "shipped").glob("*.kernel")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert run("beside_a_damaged_one") == (6.0, 0)
    file.write_bytes(whole)

    def read(folder: str, index: str | None) -> bytes | None:
        made = tmp_path / folder
        shutil.copytree(tmp_path / "shipped", made)
        if index is not None:
            (made / "index.json").write_text(index)
        monkeypatch.setattr(shipped, "FOLDER", made)
        return shipped.shipped_kernel(file.name)

    assert read("as_it_was", None) == whole
    assert read("a_foreign_one", json.dumps({file.name: "0" * 64})) is None
    assert read("without_an_index", "{") is None


@pytest.mark.slow
@pytest.mark.skipif(not suits_this_machine(), reason="needs a processor of level x86-64-v3")
def test_whoever_asks_numba_for_another_processor_gets_no_shipped_kernel(
    run: Run, tmp_path: Path
) -> None:
    assert run("built", NUMBA_CPU_NAME=CPU, NUMBA_CPU_FEATURES="") == (6.0, 0)
    assert collect_kernels(tmp_path / "built", tmp_path / "shipped") == 1
    assert run("of_another_processor", NUMBA_CPU_NAME="haswell") == (6.0, 0)


def test_a_processor_that_lacks_an_instruction_gets_no_shipped_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = dict.fromkeys(shipped._FEATURES, True)

    def suits(**changes: bool) -> bool:
        suits_this_machine.cache_clear()
        found: dict[str, Any] = features | changes
        monkeypatch.setattr(shipped.llvmlite.binding, "get_host_cpu_features", lambda: found)
        return suits_this_machine()

    monkeypatch.setattr(shipped.config, "CPU_NAME", None)
    monkeypatch.setattr(shipped.config, "CPU_FEATURES", None)
    try:
        assert suits()
        assert not any(suits(**{feature: False}) for feature in features)
        monkeypatch.setattr(shipped.config, "CPU_NAME", "generic")
        assert not suits()
    finally:
        suits_this_machine.cache_clear()


def test_an_earlier_collection_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cache" / "ab").mkdir(parents=True)
    (tmp_path / "cache" / "ab" / "new.kernel").write_bytes(b"new")
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "old.kernel").write_bytes(b"old")
    assert collect_kernels(tmp_path / "cache", tmp_path / "shipped") == 1
    assert {file.name for file in (tmp_path / "shipped").iterdir()} == {"new.kernel", "index.json"}

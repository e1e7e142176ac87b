from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.bytecode import FunctionIdentity

import engine.compiled.cache as cache_module
from engine.compiled.cache import KernelCache
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


@pytest.mark.slow
def test_a_closure_is_loaded_by_the_second_process_and_never_stale(run, tmp_path):
    assert run() == (20.5, 0)
    assert run() == (20.5, 1)
    assert run(shift=2.0) == (30.5, 0), "an edit of the callee's file must recompile"
    assert run(scale=1.5, shift=2.0) == (31.5, 0), "an edit of a global must recompile"
    assert run() == (20.5, 1), "the first version is still there"
    assert len(list((tmp_path / "kernels").rglob("*.kernel"))) == 3
    assert not list((tmp_path / "kernels").rglob("*.tmp"))


@pytest.mark.slow
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


def _only_kernel(folder: Path) -> Path:
    (file,) = (folder / "kernels").rglob("*.kernel")
    return file


@pytest.mark.slow
def test_a_damaged_kernel_is_compiled_anew_and_replaced(run, tmp_path):
    assert run() == (20.5, 0)
    file = _only_kernel(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(_flipped(whole, random.Random(1)))
    assert run() == (20.5, 0)
    assert run() == (20.5, 1)


def test_no_flipped_bit_or_lost_end_of_a_kernel_reaches_the_reader_of_pickles(
    run, tmp_path, monkeypatch
):
    assert run() == (20.5, 0)
    file = _only_kernel(tmp_path)
    whole = file.read_bytes()
    cache, unpickled = _reading(file, monkeypatch)
    chance = random.Random(2)
    for _ in range(300):
        file.write_bytes(_flipped(whole, chance))
        assert cache.load_overload((), None) is None
    for length in (len(whole) - 1, len(whole) // 2, 32, 31, 1, 0):
        file.write_bytes(whole[:length])
        assert cache.load_overload((), None) is None
    assert unpickled == []
    file.write_bytes(whole)
    cache.load_overload((), None)
    assert unpickled == [whole[32:]]


@pytest.mark.parametrize("error", [MemoryError(), KeyError("x"), RuntimeError("x"), TypeError()])
def test_a_kernel_that_cannot_be_read_for_any_reason_is_compiled_anew(tmp_path, monkeypatch, error):
    def fail(content: bytes) -> None:
        raise error

    file = tmp_path / "x.kernel"
    file.write_bytes(hashlib.sha256(b"content").digest() + b"content")
    monkeypatch.setattr(cache_module.pickle, "loads", fail)
    monkeypatch.setattr(KernelCache, "_path", lambda *_: file)
    monkeypatch.setattr(KernelCache, "_shipped", lambda *_: None)
    monkeypatch.setattr(cache_module, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(cache_module.rtsys, "initialize", lambda context: None)
    tmp_path.chmod(0o700)
    assert KernelCache(lambda: None, {}).load_overload((), None) is None


@pytest.mark.slow
def test_a_folder_that_others_can_write_is_not_used(run, tmp_path, monkeypatch):
    assert run() == (20.5, 0)
    kernel = _only_kernel(tmp_path)
    for folder in (kernel.parent, kernel.parent.parent):
        assert folder.stat().st_mode & 0o077 == 0, "a folder that is made is closed to others"
    before = kernel.stat().st_mtime_ns
    (tmp_path / "kernels").chmod(0o720)
    assert run() == (20.5, 0)
    assert kernel.stat().st_mtime_ns == before
    cache, unpickled = _reading(kernel, monkeypatch)
    for mode in (0o720, 0o702, 0o777):
        (tmp_path / "kernels").chmod(mode)
        cache.load_overload((), None)
    assert unpickled == []
    (tmp_path / "kernels").chmod(0o700)
    cache.load_overload((), None)
    assert len(unpickled) == 1


def test_a_folder_of_another_user_is_not_used_and_one_line_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(cache_module.os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    monkeypatch.setattr(cache_module, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(KernelCache, "_shipped", lambda *_: None)
    for _ in range(3):
        assert KernelCache(lambda: None, {}).load_overload((), None) is None
    (record,) = caplog.records
    assert record.getMessage() == (
        f"the kernel cache {tmp_path} is not used, because it belongs to another user"
    )


def _flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    place = chance.randrange(8 * len(content))
    damaged[place // 8] ^= 1 << place % 8
    return bytes(damaged)


def _reading(file: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[KernelCache, list[bytes]]:
    """A cache that finds this file under every key, and a list of what it unpickles."""
    unpickled: list[bytes] = []
    monkeypatch.setattr(cache_module.pickle, "loads", unpickled.append)
    monkeypatch.setattr(KernelCache, "_path", lambda *_: file)
    monkeypatch.setattr(KernelCache, "_shipped", lambda *_: None)
    monkeypatch.setattr(cache_module, "cache_folder", lambda: file.parent.parent)
    monkeypatch.setattr(cache_module.rtsys, "initialize", lambda context: None)
    return KernelCache(lambda: None, {}), unpickled


BY_ADDRESS = """
import ctypes
from engine.compiled import kernel
from engine.compiled.linking import address_of_compiled, external

@kernel
def twice(x):
    return 2 * x

def thrice(x):
    return 3 * x

called = external(thrice, 1)

@kernel
def both(x):
    return called(x) + 1

address = address_of_compiled(twice, 1)
call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
print(call(7), both(7), len(twice.stats.cache_hits))
print(twice(7), twice(0.5))
"""


def test_a_kernel_that_is_called_by_its_address_is_read_without_bitcode(tmp_path, project):
    environment = dict(
        os.environ, NUMBA_CACHE_DIR=str(tmp_path / "kernels"), PYTHONPATH=str(project)
    )
    (tmp_path / "program.py").write_text(BY_ADDRESS)

    def run() -> str:
        done = subprocess.run(
            [sys.executable, str(tmp_path / "program.py")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    first, second = run(), run()
    assert first.split() == ["14", "22", "0", "14", "1.0"]
    assert second.split() == ["14", "22", "1", "14", "1.0"]
    bitcode = {}
    for file in (tmp_path / "kernels").rglob("*.kernel"):
        (_, kind, content), *_ = pickle.loads(file.read_bytes()[32:])
        assert kind == "object"
        bitcode.setdefault(file.name.partition("-")[0], []).append(len(content[1]))
    assert max(bitcode["thrice"]) < 2000 < min(bitcode["both"]), bitcode

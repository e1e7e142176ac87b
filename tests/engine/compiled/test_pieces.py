from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import event

import engine.compiled.cache as cache_module
from engine.compiled.cache import KernelCache
from engine.compiled.intrinsics import keep_apart
from engine.compiled.kernel import kernel
from engine.compiled.pieces import PIECE, PieceCompiler
from engine.execution.calling import part, rare

BORROWING = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


def levels(level: Callable[..., Any], apart: Callable[..., Any]) -> Any:
    """Return a kernel of three levels of pieces, merged and kept apart."""

    @level
    def ratio(x: float, y: float) -> float:
        return x / (y * y + 0.1) + math.sqrt(x * x + y)

    @apart
    def seldom(x: float, y: float) -> float:
        keep_apart()
        return 0.3 * ratio(x - y, y) * ratio(y, x * x) - 0.2 * x

    @level
    def step(x: float, y: float, number: int) -> float:
        return seldom(x, y) if number % 7 == 0 else 0.9 * x - 0.01 * ratio(x, y)

    @kernel
    def run(values: np.ndarray, out: np.ndarray) -> None:
        state = 0.0
        for number in range(values.shape[0]):
            state = step(state, values[number], number)
            out[number] = state

    return run


def test_a_kernel_of_pieces_gives_the_bits_of_one_whose_levels_were_optimised_each() -> None:
    values, rows = np.random.default_rng(7).random(10_000), np.empty((2, 10_000))
    merged, apart = (numba.njit(forceinline=inline, **BORROWING) for inline in (True, False))
    levels(part, rare)(values, rows[0])
    levels(merged, apart)(values, rows[1])
    assert rows[0].tobytes() == rows[1].tobytes()
    assert np.isfinite(rows[0]).all()
    assert len(np.unique(rows[0])) > 9_000


def test_a_piece_has_no_machine_code_of_its_own() -> None:
    piece: Any = part(lambda x: x + 1.0)
    piece.compile((numba.float64,))
    (compiled,) = piece.overloads.values()
    assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) == 0
    _, kind, bitcode = compiled.library.serialize_using_object_code()
    assert kind == PIECE
    assert bitcode[:2] == b"BC"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache_module.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


class Compilations(event.Listener):  # type: ignore[misc]
    """Names of the functions that were compiled rather than read."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, event: Any) -> None:
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event: Any) -> None:
        pass


def double(x: float) -> float:
    return 2.0 * x


def cached_piece() -> Any:
    piece: Any = numba.njit(pipeline_class=PieceCompiler, **BORROWING)(double)
    piece._cache = KernelCache(double, piece.targetoptions)
    return piece


def test_a_piece_is_read_from_the_cache_and_merged(folder: Path) -> None:
    with event.install_listener("numba:compile", Compilations()) as first:
        cached_piece().compile((numba.float64,))
    read = cached_piece()

    @numba.njit
    def caller(x: float) -> float:
        return read(x) + 1.0

    with event.install_listener("numba:compile", Compilations()) as second:
        assert struct.pack("d", caller(1.25)) == struct.pack("d", 3.5)
    assert first.names == ["double"]
    assert second.names == ["caller"]


def test_a_piece_that_is_damaged_in_the_cache_is_compiled_anew(folder: Path) -> None:
    cached_piece().compile((numba.float64,))
    (file,) = folder.rglob("*.kernel")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with event.install_listener("numba:compile", Compilations()) as again:
        cached_piece().compile((numba.float64,))
    assert again.names == ["double"]

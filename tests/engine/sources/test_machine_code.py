"""Guards the machine code of hot kernels against what makes them slow without a word.

A helper that is not inlined, Python's error model or an array passed with its owner each cost a
factor of two to five and change no result; the instructions show them.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from engine.compiled import kernel
from engine.sources.bar_shape import shape_bars
from engine.sources.gbm import fill_gbm
from engine.sources.heston_kernels import fill_quadratic_exponential
from engine.sources.resample import resample_bars
from engine.sources.schwartz_2f import fill_schwartz_2f

MODEL = (
    np.zeros(1, np.uint64),
    np.zeros(1, np.uint64),
    False,
    np.empty((0, 0, 0)),
    np.zeros(80),
    np.empty((1, 1, 6, 4)),
    False,
)
ARGUMENTS = {
    fill_gbm: MODEL,
    fill_schwartz_2f: MODEL,
    fill_quadratic_exponential: MODEL,
    shape_bars: (*MODEL[:3], np.ones(1), np.empty(0), np.ones(1), MODEL[5], True),
    resample_bars: (
        *MODEL[:2],
        np.ones((3, 1, 5)),
        np.ones(1),
        3,
        1,
        0.0,
        *(np.empty(0, np.int64),) * 3,
        True,
        np.empty(256, np.uint64),
        MODEL[5],
    ),
}


# They compile for seconds, and are made of the same parts as the others.
SLOW = (fill_schwartz_2f, fill_quadratic_exponential, shape_bars, resample_bars)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(function, marks=pytest.mark.slow if function in SLOW else ())
        for function in ARGUMENTS
    ],
    ids=lambda function: function.__name__,
)
def assembly(request: pytest.FixtureRequest) -> tuple[str, str]:
    if platform.machine() != "x86_64" or not binding.get_host_cpu_features().get("avx2"):
        pytest.skip("the guard reads x86-64 instructions with AVX2")
    original: Callable[..., Any] = request.param
    fresh: Any = kernel(original.py_func)  # type: ignore[attr-defined]
    fresh._cache.disable()  # cached machine code cannot be inspected
    fresh.compile(tuple(map(_typeof, ARGUMENTS[original])))
    (text,) = fresh.inspect_asm().values()
    # The kernel itself, without the wrapper that unpacks Python's arguments.
    body = text.split(".globl\t_ZN7cpython")[0]
    return original.__name__, body


def _typeof(value: Any) -> Any:
    from numba import typeof

    return typeof(value)


def test_vector_instructions_are_present(assembly):
    name, text = assembly
    assert len(re.findall(r"\bv\w+\s.*[yz]mm", text)) > 100, name
    if name != "resample_bars":  # which has no arithmetic to fuse
        assert len(re.findall(r"vfn?m(?:add|sub)\w+pd\s.*[yz]mm", text)) > 10, name


def test_hot_loops_call_nothing(assembly):
    """No reference count, no math library: a call in a loop also keeps it from vectorising."""
    name, text = assembly
    blocks = re.split(r"^(\.?L\w+):", text, flags=re.MULTILINE)
    loops = [
        body.split(f"\t{label}\n")[0]  # up to the jump back to its own start
        for label, body in zip(blocks[1::2], blocks[2::2], strict=True)
        if re.search(rf"\tj\w+\t{re.escape(label)}\n", body)
    ]
    vector = [loop for loop in loops if len(re.findall(r"\bv\w+\s.*[yz]mm", loop)) > 8]
    assert vector, name
    assert not any("call" in loop for loop in vector), name
    called = set(re.findall(r"(?:call\w*\s+\*?|movabsq\s+\$)([A-Za-z_]\w+)", text))
    assert not called & {"exp", "log", "sin", "cos", "pow", "fma", "floor", "sincos"}, name
    # Scratch arrays may be counted once per group of 256 steps, not per step.
    assert len(re.findall("NRT_incref", text)) <= 6, name

"""How this project compiles: kernels, their cache, and functions with the same bits everywhere."""

from engine.compiled.code_hash import code_hash
from engine.compiled.intrinsics import as_bits, as_float, borrow, fma, high_product
from engine.compiled.kernel import inlined, kernel
from engine.compiled.version import ENGINE_VERSION

__all__ = [
    "ENGINE_VERSION",
    "as_bits",
    "as_float",
    "borrow",
    "code_hash",
    "fma",
    "high_product",
    "inlined",
    "kernel",
]

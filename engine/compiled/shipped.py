"""Kernels that come with the package, so that a first run compiles none of them.

A wheel may hold a folder ``engine/compiled/kernels`` with kernels for every x86-64 processor of
level v3 (AVX2 and FMA), of one version of Python, and ``index.json`` with the SHA-256 of each. A
file is read only if its content has the hash that the index gives it. Names are those of the cache
(`engine.compiled.cache`), so a kernel of other code, versions or options is never found. A checkout
has no such folder, nor has a wheel built without: then everything is compiled where it runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final

import llvmlite.binding
from numba.core import config as numba_config

__all__ = [
    "CPU",
    "FOLDER",
    "collect_kernels",
    "has_shipped_kernels",
    "shipped_kernel",
    "suits_this_machine",
]

#: Name of the processor, to LLVM, that the kernels are compiled for.
CPU: Final = "x86-64-v3"

#: Where kernels that came with the package lie.
FOLDER = Path(__file__).resolve().parent / "kernels"

_INDEX: Final = "index.json"
# What level v3 adds to the levels below, by LLVM's names (System V ABI, x86-64 supplement, 2020).
_FEATURES: Final = ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave")

config: Any = numba_config  # its attributes are made from the environment at import


def shipped_kernel(name: str) -> bytes | None:
    """Return the content of a kernel's file, or None where there is none that is whole."""
    expected = _hashes(FOLDER).get(name)
    if expected is None:
        return None
    try:
        content = (FOLDER / name).read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == expected else None


def has_shipped_kernels() -> bool:
    """Whether kernels came with the package that this machine can run."""
    return bool(_hashes(FOLDER)) and suits_this_machine()


@cache
def suits_this_machine() -> bool:
    """Whether this processor runs such kernels, and nobody asked Numba for another one."""
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return False
    has = llvmlite.binding.get_host_cpu_features()
    return all(has.get(feature, False) for feature in _FEATURES)


def collect_kernels(cached: Path, folder: Path) -> int:
    """Make a folder of kernels from a cache folder; what was in it is removed.

    Parameters
    ----------
    cached : Path
        A cache folder in which processes with ``NUMBA_CPU_NAME`` = `CPU` and empty
        ``NUMBA_CPU_FEATURES`` have compiled.
    folder : Path
        The folder to make: `FOLDER` of a checkout.

    Returns
    -------
    int
        How many kernels it holds.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hashes = {}
    for file in sorted(cached.glob("*/*.kernel")):
        content = file.read_bytes()
        (folder / file.name).write_bytes(content)
        hashes[file.name] = hashlib.sha256(content).hexdigest()
    (folder / _INDEX).write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
    return len(hashes)


@cache
def _hashes(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()}

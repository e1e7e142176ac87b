"""Disk cache of compiled kernels that can neither go stale nor miss for closures.

Numba's own cache is keyed by the file a function lies in: it keeps serving old code after an
edit of a function called from another file, and it never hits for a closure (a strategy or a
user's model bound into a kernel). Here one file holds one compiled overload, named by the hash
of everything that decides its machine code, so there is no index to race for either.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import config as numba_config
from numba.core import types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps

from engine.compiled.code_hash import bytecode_hash

__all__ = ["KernelCache", "cache_folder"]

config: Any = numba_config  # its attributes are made from the environment at import


def cache_folder() -> Path:
    """Folder of compiled kernels.

    ``NUMBA_CACHE_DIR`` where it is set, else ``mc-lab/kernels`` in the user's cache folder
    (``XDG_CACHE_HOME`` or ``~/.cache``), else a folder of the system's temporary directory.
    """
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR)
    root = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    try:
        root.mkdir(parents=True, exist_ok=True)
        usable = os.access(root, os.W_OK)
    except OSError:
        usable = False
    if not usable:
        root = Path(tempfile.gettempdir()) / f"mc-lab-{os.getuid()}"
    return root / "mc-lab" / "kernels"


class KernelCache(_Cache):
    """Cache of one compiled function's overloads; Numba calls it.

    Parameters
    ----------
    function : callable
        The Python function that is compiled.
    options : dict
        Compiler options: part of the key.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._function = function
        self._options = sorted((name, str(value)) for name, value in options.items())
        self._enabled = True

    @property
    def cache_path(self) -> str:
        """Folder of the cache files."""
        return str(cache_folder())

    @cached_property
    def _base_key(self) -> str:
        versions = (sys.version_info[:2], numba.__version__, llvmlite.__version__)
        flags = (config.OPT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE, config.BOUNDSCHECK)
        digest, modules = bytecode_hash(self._function)
        return f"{digest}|{modules}|{self._options}|{versions}|{flags}"

    def _path(self, signature: Any, target_context: Any) -> Path:
        target = target_context.codegen().magic_tuple()
        arguments = "|".join(_type_key(item) for item in signature)
        key = hashlib.sha256(f"{self._base_key}|{arguments}|{target}".encode()).hexdigest()
        return cache_folder() / key[:2] / f"{self._function.__name__}-{key[:40]}.kernel"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Read a compiled overload, or return None where there is none."""
        if not self._enabled or _has_nan_default(sig):
            return None
        try:
            data = self._path(sig, target_context).read_bytes()
        except OSError:
            return None  # never compiled here, or the folder cannot be read: compile
        # All that machine code needs of `target_context.refresh()`, which would also import the
        # implementations of every function that Numba can compile: a fifth of a second.
        rtsys.initialize(target_context)
        try:
            payload = pickle.loads(data)
        except (ImportError, AttributeError):
            return None  # refers to a module that was loaded by hand and cannot be imported
        except (EOFError, pickle.UnpicklingError):
            return None  # cut short by a crash of the machine: compile and replace it
        return CompileResult._rebuild(target_context, *payload)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write a compiled overload: temporary name first, then rename."""
        if not self._enabled or data.lifted or data.library.has_dynamic_globals:
            return
        if _has_nan_default(sig):
            return
        path = self._path(sig, data.target_context)
        content = dumps(data._reduce())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError:
            return  # a full or read-only disk costs the warm start, not the result

    def enable(self) -> None:
        """Use the cache."""
        self._enabled = True

    def disable(self) -> None:
        """Compile anew."""
        self._enabled = False

    def flush(self) -> None:
        """Nothing to do: no entry of a changed function is ever looked up again."""


def _has_nan_default(signature: Any) -> bool:
    """Whether an argument is left to a default of NaN: read back, it would not equal itself."""
    return any(isinstance(item, types.Omitted) and item.value != item.value for item in signature)


def _type_key(item: Any) -> str:
    """Text of an argument type without the addresses that some Numba types print."""
    if isinstance(item, types.Dispatcher):
        return f"dispatcher:{bytecode_hash(item.dispatcher).digest}"
    if isinstance(item, types.NamedTuple | types.NamedUniTuple):
        fields = item.instance_class._fields
        inner = ",".join(_type_key(member) for member in item.types)
        return f"{item.instance_class.__qualname__}{fields}({inner})"
    if isinstance(item, types.BaseTuple) and hasattr(item, "types"):
        return "(" + ",".join(_type_key(member) for member in item.types) + ")"
    return str(item)

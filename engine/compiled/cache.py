"""Disk cache of compiled kernels that can neither go stale nor miss for closures.

Numba's own cache is keyed by the file a function lies in: it keeps serving old code after an
edit of a function called from another file, and it never hits for a closure (a strategy or a
user's model bound into a kernel). Here one file holds one compiled overload, named by the hash
of everything that decides its machine code, so there is no index to race for either.

A file begins with the hash of the rest, which is a pickle: it runs code when it is read, so it is
read only if it is what was written, in a folder that nobody else can write to. Whatever else goes
wrong with a file, the kernel is compiled anew. Where none was compiled here, one that came with
the package is taken (`engine.compiled.shipped`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
from numba.core import config as numba_config
from numba.core import types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.environment import Environment
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps

from engine.compiled.code_hash import bytecode_hash
from engine.compiled.pieces import PIECE, piece_from_cache
from engine.compiled.shipped import CPU, has_shipped_kernels, shipped_kernel

__all__ = ["KernelCache", "cache_folder", "cache_problem"]

log = logging.getLogger(__name__)

# Part of every name: files of another layout are never looked up.
_LAYOUT = 2
_DIGEST_BYTES = 32
# Of `engine.user_code`, which the floor under all rooms may not import.
USERS_FILE = "mc_user_"

config: Any = numba_config  # its attributes are made from the environment at import


def cache_folder() -> Path:
    """Folder of compiled kernels.

    ``NUMBA_CACHE_DIR`` where it is set, else ``mc-lab/compiled`` in the user's cache folder
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
    return root / "mc-lab" / "compiled"


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
        self._merged = True

    @property
    def cache_path(self) -> str:
        """Folder of the cache files."""
        return str(cache_folder())

    @cached_property
    def _base_key(self) -> str:
        versions = (sys.version_info[:2], numba.__version__, llvmlite.__version__)
        flags = (config.OPT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE, config.BOUNDSCHECK)
        digest, found = bytecode_hash(self._function)
        # Numba imports the module of the kernel itself when it reads one; of what was merged into
        # it, files of the user's may have come from any folder.
        own = self._function.__module__
        modules = tuple(name for name in found if name == own or not _is_users_file(name))
        return f"{_LAYOUT}|{digest}|{modules}|{self._options}|{versions}|{flags}"

    def keep_machine_code_alone(self) -> None:
        """Leave out what other kernels merge into themselves: this one is called by its address.

        Two thirds of a file are LLVM's bitcode, and reading it took as long again as all else.
        """
        self._merged = False

    def _key(self, signature: Any, target: tuple[str, str, str]) -> str:
        arguments = "|".join(_type_key(item) for item in signature)
        if not self._merged:
            arguments += "|called by address"
        return hashlib.sha256(f"{self._base_key}|{arguments}|{target}".encode()).hexdigest()

    def _file_name(self, key: str) -> str:
        return f"{self._function.__name__}-{key[:40]}.kernel"

    def _path(self, signature: Any, target_context: Any) -> Path:
        key = self._key(signature, target_context.codegen().magic_tuple())
        return cache_folder() / key[:2] / self._file_name(key)

    def _compiled_here(self, signature: Any, target_context: Any) -> bytes | None:
        """Return the kernel that was compiled on this machine, if there is one."""
        if not _is_safe(cache_folder()):
            return None
        try:
            return self._path(signature, target_context).read_bytes()
        except OSError:
            return None  # never compiled here, or the folder cannot be read

    def _shipped(self, signature: Any, target_context: Any) -> bytes | None:
        """Return the kernel that came with the package, if there is one."""
        if not has_shipped_kernels():
            return None
        machine, *_ = target_context.codegen().magic_tuple()
        return shipped_kernel(self._file_name(self._key(signature, (machine, CPU, ""))))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Read a compiled overload, or return None where there is none."""
        if not self._enabled or _has_nan_default(sig):
            return None
        content = _checked(self._compiled_here(sig, target_context))
        if content is None:
            content = _checked(self._shipped(sig, target_context))
        if content is None:
            return None  # compile
        # All that machine code needs of `target_context.refresh()`, which would also import the
        # implementations of every function that Numba can compile: a fifth of a second.
        rtsys.initialize(target_context)
        try:
            reduced = pickle.loads(content)
            if reduced[0][1] == PIECE:
                return piece_from_cache(target_context, reduced)
            return CompileResult._rebuild(target_context, *reduced)
        except Exception:
            # It may refer to a module that was loaded by hand and cannot be imported, or be made by
            # a library of another build: whatever it is, compiling is the answer.
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write a compiled overload: temporary name first, then rename."""
        if not self._enabled or data.lifted or data.library.has_dynamic_globals:
            return
        if _has_nan_default(sig):
            return
        path = self._path(sig, data.target_context)
        reduced = _without_users_files(data._reduce())
        content = dumps(reduced if self._merged else _without_bitcode(reduced))
        try:
            folder = cache_folder()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_safe(folder):
                return
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest())
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


def cache_problem(folder: Path) -> str:
    """Say why a folder is not used: others can put files into it. Empty where it is used."""
    try:
        status = folder.stat()
    except OSError:
        return ""  # not there yet: this user makes it
    if status.st_uid != os.getuid():
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others: `chmod go-w` it after removing what is in it"
    return ""


def _is_users_file(module: str) -> bool:
    """Whether a module is a file of the user's, which has the name of its place."""
    return module.startswith(USERS_FILE)


class _FoundAnywhere:
    """An environment of compiled code whose module another process has under another name.

    Machine code that needs no Python objects uses its constants, and none of the module's names.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __reduce__(self) -> Any:
        rebuild, (_, constants, name) = self._environment.__reduce__()
        return rebuild, (__name__, constants, name)


def _without_users_files(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what Numba pickles of a kernel, with nothing in it that imports a user's file."""

    def anywhere(environment: Environment) -> Any:
        users = _is_users_file(str(environment.globals.get("__name__")))
        return _FoundAnywhere(environment) if users else environment

    *first, described, own, signature, mode, lifted, text, again, others = reduced
    environments = tuple(map(anywhere, others))
    return (*first, described, anywhere(own), signature, mode, lifted, text, again, environments)


def _without_bitcode(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what Numba pickles of a kernel, with nothing in it for others to merge.

    Numba looks up an address only of what the bitcode defines, so that keeps the names of the two
    functions by which a kernel is called; the machine code has the functions themselves.
    """
    (name, kind, content), described, *rest = reduced
    if kind == "object":
        entries = (described.llvm_cfunc_wrapper_name, described.llvm_cpython_wrapper_name)
        text = "".join(f'define void @"{entry}"() {{ ret void }}\n' for entry in entries)
        content = (content[0], llvmlite.binding.parse_assembly(text).as_bitcode())
    return (name, kind, content), described, *rest


def _checked(data: bytes | None) -> bytes | None:
    """Return the pickle in a kernel's file; None if it is damaged, or cut short by a crash."""
    if data is None:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _is_safe(folder: Path) -> bool:
    """Whether nobody but this user can put files into the folder; says once where others can."""
    reason = cache_problem(folder)
    if reason:
        _warn(folder, reason)
    return not reason


@cache
def _warn(folder: Path, reason: str) -> None:
    log.warning("the kernel cache %s is not used, because it %s", folder, reason)


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

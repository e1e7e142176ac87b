"""A hash of values: plain ones, containers, arrays, classes and objects, never of an address."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import re
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    KeysView,
    Mapping,
    ValuesView,
)
from typing import Any, Final

from engine.compiled.class_members import is_written
from engine.compiled.libraries import library_of
from engine.compiled.library_objects import (
    is_named_by_library,
    name_in_library,
    parts_in_library,
)
from engine.compiled.origins import (
    home_of,
    is_engine,
    is_users,
    module_of,
    public_name,
)
from engine.compiled.running_code import code_form
from engine.compiled.syntax_form import form_of_constant

__all__ = ["ValueWalk"]

_PLAIN: Final = frozenset(
    (bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented))
)
_CONTAINERS: Final = frozenset((tuple, list, dict, set, frozenset))
# Their objects say all in their text; the pickled form differs between versions of Python, or
# holds what was computed meanwhile.
_TEXTUAL: Final = frozenset(
    ("datetime", "decimal", "fractions", "ipaddress", "llvmlite", "numba", "pathlib", "uuid")
)
_WITHOUT_VALUE: Final = frozenset(("_thread", "logging", "threading", "weakref"))
_DESCRIPTORS: Final = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
_VIEWS: Final = (KeysView, ValuesView, ItemsView)
# What a class that extends a built-in one holds of it.
_CONTENT: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes),
    (tuple, tuple),
    (list, list),
    (dict, dict),
    (set, frozenset),
    (frozenset, frozenset),
)
_OF_NAMED_TUPLES: Final = frozenset(("_asdict", "_field_defaults", "_fields", "_make", "_replace"))
_ADDRESS: Final = re.compile(r"0x[0-9a-f]+|#[0-9a-f]+")


class ValueWalk(ABC):
    """Hashes a value and everything that can be reached from it.

    Plain values, containers and arrays count by value wherever they are met. What has an identity
    (functions, classes, objects) is numbered when it is met first and described once, after what
    came before it; so circles end, and it does not matter how deep a chain of calls is.

    Parameters
    ----------
    engine_by_name : bool
        Whether what a user's code takes of the engine counts by name, kernels aside. What is asked
        for itself is followed, such as the hooks of a built-in strategy.
    """

    def __init__(self, *, engine_by_name: bool) -> None:
        self.modules: set[str] = set()
        self._engine_by_name = engine_by_name
        self._said: list[str] = []
        self._numbers: dict[int, int] = {}
        self._met: list[Any] = []  # to be described; alive, so that no address is used twice
        self._following = True  # whether what is met now is followed inside the engine
        self._followed: set[int] = set()
        self._named: set[int] = set()  # described by name
        self._open: frozenset[int] = frozenset()

    @abstractmethod
    def _describe_function(self, function: types.FunctionType) -> None:
        """Say what a function does that is not of a library."""

    def hash_of(self, value: Any) -> str:
        """Return the SHA-256 of a value, 64 hexadecimal digits; once per walk."""
        self._add(value)
        for item in self._met:  # it grows
            self._following = id(item) in self._followed and not is_users(home_of(item))
            self._describe(item)
        # With their lengths, so that no two lists of texts read the same.
        content = "".join([f"{len(text)}:{text}" for text in self._said])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def _say(self, *texts: str) -> None:
        self._said += texts

    def _add(self, value: Any) -> None:
        kind = type(value)
        if kind in _PLAIN:
            self._say(form_of_constant(value))
        elif kind in _CONTAINERS:
            self._add_container(value)
        elif kind is range or kind is slice:
            self._say(repr(value))
        elif isinstance(value, _loaded("numpy", "ndarray", "generic", "dtype")):
            self._add_array(value)
        else:
            self._add_numbered(value)

    def _add_numbered(self, value: Any) -> None:
        key = id(value)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._met.append(value)
        if self._following:
            self._followed.add(key)
            if key in self._named:  # said too little
                self._named.remove(key)
                self._met.append(value)
        self._say(f"number:{self._numbers[key]}")

    # --- containers and arrays -------------------------------------------------------------

    def _add_container(self, value: Any) -> None:
        self._say(type(value).__name__, str(len(value)))
        if id(value) in self._open:
            self._say("itself")
            return
        before = self._open
        self._open |= {id(value)}
        if isinstance(value, dict):
            for key, item in value.items():
                self._add(key)
                self._add(item)
        elif isinstance(value, set | frozenset):
            self._say(*sorted(self._hash_of_member(item) for item in value))
        else:
            for item in value:
                self._add(item)
        self._open = before

    def _hash_of_member(self, item: Any) -> str:
        """Hash a member of a set on its own: the order in which they come says nothing."""
        if type(item) in _PLAIN:
            return form_of_constant(item)
        walk = self._fresh()
        walk._open, walk._following = self._open, self._following
        found = walk.hash_of(item)
        self.modules |= walk.modules
        return found

    def _fresh(self) -> ValueWalk:
        return type(self)(engine_by_name=self._engine_by_name)

    def _add_array(self, value: Any) -> None:
        dtype = value if isinstance(value, _loaded("numpy", "dtype")) else value.dtype
        self._say("array", str(dtype))
        if dtype is value:
            return
        self._say(str(value.shape))
        if module_of(type(value)).partition(".")[0] != "numpy":
            self._add(type(value))
        if dtype.names is not None:  # records may have gaps between their fields
            for name in dtype.names:
                self._add_array(value[name])
        elif dtype.hasobject:
            self._add(value.tolist())
        else:
            self._say(hashlib.sha256(value.tobytes()).hexdigest())

    # --- what has an identity ----------------------------------------------------------------

    def _describe(self, value: Any) -> None:
        if isinstance(value, type):
            self._describe_class(value)
        elif isinstance(value, types.FunctionType):
            self._describe_python_function(value)
        elif isinstance(value, _loaded("numba.core.dispatcher", "Dispatcher")):
            self._say("compiled", *(f"{k}={v}" for k, v in sorted(value.targetoptions.items())))
            self._add_kernel(value.py_func)
        elif isinstance(value, _loaded("numba.core.types", "Type")):
            self._describe_numba_type(value)
        elif isinstance(value, _loaded("numba.extending", "_Intrinsic")):
            self._say("intrinsic")
            self._add_kernel(value._defn)
        elif isinstance(value, types.MethodType | types.BuiltinFunctionType):
            self._describe_method(value)
        elif isinstance(value, staticmethod | classmethod):
            self._say(type(value).__name__)
            self._add(value.__func__)
        elif isinstance(value, property):
            self._say("property")
            self._add((value.fget, value.fset, value.fdel))
        elif isinstance(value, functools.cached_property):
            self._say("property")
            self._add(value.func)
        elif isinstance(value, _DESCRIPTORS):
            self._say("descriptor", value.__qualname__)
        elif isinstance(value, types.ModuleType):
            # Of the user's own, what is read from it is followed; its name may tell a folder.
            self._say("module", library_of(value.__name__) or "")
        elif isinstance(value, enum.Enum):
            self._say("member", value.name)
            self._add(type(value))
        elif isinstance(value, types.CodeType):
            self._say("bytecode", code_form(value).digest)
        elif isinstance(value, types.MappingProxyType):
            self._say("read only")
            self._add(dict(value))
        elif isinstance(value, _VIEWS):
            self._say(type(value).__name__)
            self._add([*value])
        elif isinstance(value, memoryview):
            self._say("memory", value.format, str(value.shape))
            self._add(value.tobytes())
        else:
            self._describe_object(value)

    def _add_kernel(self, function: types.FunctionType) -> None:
        self._following = True
        self._add(function)

    def _describe_python_function(self, function: types.FunctionType) -> None:
        home = home_of(function)
        if self._is_named(function):
            self._say("engine", function.__code__.co_qualname)
        elif library_of(home) is None:
            self.modules.add(str(function.__module__))
            self._describe_function(function)
        elif library_of(function.__module__) is not None:
            self._say("library", public_name(function.__module__, function.__qualname__))
        else:  # made by a library's decorator around a function of the user's
            self._say("wrapper", public_name(home, function.__code__.co_qualname))
            for cell in function.__closure__ or ():
                self._add_cell(cell)

    def _add_cell(self, cell: types.CellType) -> None:
        try:
            content = cell.cell_contents
        except ValueError:  # the name is not bound yet
            self._say("empty")
        else:
            self._add(content)

    def _describe_method(self, method: types.MethodType | types.BuiltinFunctionType) -> None:
        owner = method.__self__
        self._say("method", getattr(method, "__qualname__", ""))
        if isinstance(method, types.MethodType):
            self._add(method.__func__)
        if owner is None or isinstance(owner, types.ModuleType):
            self._say(public_name(method.__module__, ""))
        elif _is_held_by_library(owner):
            self._add(type(owner))  # such as the generator behind `random.random`
        else:
            self._add(owner)

    def _describe_numba_type(self, value: Any) -> None:
        self._say("type", _ADDRESS.sub("", str(value)))
        if isinstance(value, _loaded("numba.core.types", "Dispatcher")):
            self._add(value.dispatcher)
        elif isinstance(value, _loaded("numba.core.types", "ClassType")):
            self._add(value.jit_methods)

    def _is_named(self, value: Any) -> bool:
        """Whether a function or class of the engine counts by name."""
        named = self._engine_by_name and not self._following and is_engine(home_of(value))
        if named:
            self._named.add(id(value))
        return named

    # --- classes -----------------------------------------------------------------------------

    def _describe_class(self, cls: type) -> None:
        if self._is_named(cls):
            self._say("engine", cls.__qualname__)
            return
        if library_of(module_of(cls)) is not None:
            self._say("class", public_name(module_of(cls), cls.__qualname__))
            return
        self._say("class", cls.__name__)
        compiled = vars(cls).get("class_type")
        if isinstance(compiled, _loaded("numba.core.types", "ClassType")):
            self._add(compiled)  # by numba's jitclass, which puts methods of its own around
            return
        self._add(cls.__bases__)
        self._add(type(cls))
        names = {name for name in vars(cls) if not name.startswith("_abc_")}
        if issubclass(cls, enum.Enum):
            members = [*cls.__members__.items()]
            self._add([(name, member.value) for name, member in members])
            names -= {name for name in names if re.fullmatch(r"_[a-z0-9_]+_", name)}
            names -= cls.__members__.keys()
        if "__dataclass_fields__" in vars(cls):
            made, fields = vars(cls)["__dataclass_params__"], dataclasses.fields(cls)
            self._say("dataclass", str(made.eq), str(made.order))
            self._add_fields(fields)
            names -= {field.name for field in fields}
        if issubclass(cls, tuple) and "_fields" in vars(cls):
            self._add(vars(cls)["_fields"])
            self._add(vars(cls).get("_field_defaults"))
            names -= _OF_NAMED_TUPLES | {*vars(cls)["_fields"]}
        for name in sorted(names):
            member = vars(cls)[name]
            if is_written(name, member):
                self._say(name)
                self._add(member)

    def _add_fields(self, fields: Iterable[dataclasses.Field[Any]]) -> None:
        for field in fields:
            self._say("field", field.name, str(field.init), str(field.kw_only))
            for default in (field.default, field.default_factory) if field.compare else ():
                self._add("none" if default is dataclasses.MISSING else (default,))

    # --- objects -----------------------------------------------------------------------------

    def _describe_object(self, value: Any) -> None:
        cls = type(value)
        library = library_of(module_of(cls))
        wrapped = getattr(value, "__wrapped__", None) if library is not None else None
        if isinstance(wrapped, types.FunctionType):  # by functools.cache or numba.vectorize
            self._say("wrapper")
            self._add(cls)
            self._add(wrapped)
        elif callable(value) and is_named_by_library(value):
            self._say("library", public_name(value.__module__, value.__name__))
        elif library is None:
            self._say("object")
            self._add(cls)
            self._add_state(value)
        elif library in _WITHOUT_VALUE:
            self._add(cls)
        elif library in _TEXTUAL:
            self._say(cls.__qualname__, _ADDRESS.sub("", str(value)))
        else:
            self._say("object")
            self._add(cls)
            name = name_in_library(value)
            parts = parts_in_library(value) if name is None else None
            if name is not None:
                self._say(name)
            elif parts is None:
                self._say("without a value")
            for part in parts or ():
                self._add(part)

    def _add_state(self, value: Any) -> None:
        """Add what an object of the user's or of ours holds, but for what it has computed."""
        for kind, content in _CONTENT:
            if isinstance(value, kind):
                self._add(content(value))
                break
        held: dict[str, Any] = {}
        for base in type(value).__mro__:
            for name, member in vars(base).items():
                if isinstance(member, types.MemberDescriptorType) and hasattr(value, name):
                    held[name] = getattr(value, name)
        held |= getattr(value, "__dict__", {})
        fields = getattr(type(value), "__dataclass_fields__", {})
        for name in sorted(held):
            computed = isinstance(getattr(type(value), name, None), functools.cached_property)
            if not computed and not (name in fields and not fields[name].compare):
                self._say(name)
                self._add(held[name])


def _is_held_by_library(owner: Any) -> bool:
    """Whether a method's owner is a library's class, or an object that a library names."""
    if isinstance(owner, type):
        return library_of(module_of(owner)) is not None
    return name_in_library(owner) is not None


def _loaded(module: str, *names: str) -> Any:
    """Return classes of a module; of one that is not loaded there can be no object."""
    found: Mapping[str, Any] = vars(sys.modules[module]) if module in sys.modules else {}
    return tuple(found[name] for name in names if name in found)

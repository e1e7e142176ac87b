"""`mc` in this process: Dagster, pandas and the calendars are imported once for every test.

A command prints and ends as in a process of its own, which costs two seconds of imports each. Where
the process itself is what is proved (its exit, its memory, its files), tests start one.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from engine.models import BUILT_IN
from engine.sources.registered import SOURCES
from engine.strategies import registry
from mc_assets.cli import main

__all__ = ["Done", "call_here", "mc_here", "users_code_forgotten"]

# What reads the environment when it is imported.
_BOUND = ("mc_assets.definitions", "mc_assets.defs")


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def mc_here(*arguments: str, places: Mapping[str, str], folder: Path) -> Done:
    """Run `mc` in a folder, with the places of a project (``MC_DATA``, ...) in the environment."""
    return call_here(main, *arguments, places=places, folder=folder)


def call_here(
    code: Callable[[], object], *arguments: str, places: Mapping[str, str], folder: Path
) -> Done:
    """Call a function as the program that a process with these arguments would run."""
    out, err = io.StringIO(), io.StringIO()
    with (
        _process_state(places, folder, arguments),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            status = 1
    return Done(status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def users_code_forgotten() -> Iterator[None]:
    """Forget afterwards the user's strategies and models that are loaded inside."""
    strategies, sources = set(registry._USER), set(SOURCES)
    try:
        yield
    finally:
        for name in registry._USER.keys() - strategies:
            del registry._USER[name]
        for name in SOURCES.keys() - sources - BUILT_IN.keys():
            del SOURCES[name]


@contextlib.contextmanager
def _process_state(
    places: Mapping[str, str], folder: Path, arguments: tuple[str, ...]
) -> Iterator[None]:
    """What a new process would start with; afterwards everything is as before."""
    environment, program, working = dict(os.environ), sys.argv, Path.cwd()
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    thresholds = gc.get_threshold()
    definitions = _taken_out()
    os.environ.update(places)
    sys.argv = ["mc", *arguments]
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _taken_out()
        _put_back(definitions)
        os.chdir(working)
        sys.argv = program
        os.environ.clear()
        os.environ.update(environment)
        gc.set_threshold(*thresholds)
        for one, handler in handlers.items():
            signal.signal(one, handler)


def _taken_out() -> dict[str, ModuleType]:
    """Remove the Dagster definitions from the imported modules: the next import makes them anew."""
    bound = [
        name
        for name in sys.modules
        if name in _BOUND or name.startswith(tuple(f"{start}." for start in _BOUND))
    ]
    return {name: sys.modules.pop(name) for name in bound}


def _put_back(modules: Mapping[str, ModuleType]) -> None:
    sys.modules.update(modules)
    for name in _BOUND:
        if name in modules:
            package, _, attribute = name.rpartition(".")
            setattr(sys.modules[package], attribute, modules[name])

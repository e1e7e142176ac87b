"""What of this machine and this project could stand in the way, and what to do about it."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

import polars as pl

from mc_assets.project import Project

__all__ = ["Finding", "examine"]

_PACKAGES: Final = (
    *("mc-lab", "dagster", "dagster-webserver", "duckdb", "polars", "pyarrow", "numpy", "numba"),
    *("alpaca-py", "yfinance"),
)
# Packages of the extras.
_OPTIONAL: Final = {"optuna": "search", "distributed": "cluster", "kaleido": "plots"}
_LEAST_FREE_BYTES: Final = 2 * 1024**3
_LEAST_MEMORY_BYTES: Final = 2 * 1024**3
# A file of the data folder that is dated later than now by more than this.
_CLOCK_SLACK_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what : str
        The thing.
    found : str
        What it is. Of a key only whether it is set.
    state : {"ok", "advice", "wrong"}
        ``wrong`` keeps commands from working.
    advice : str
        What to do; empty where there is nothing to do.
    """

    what: str
    found: str
    state: Literal["ok", "advice", "wrong"] = "ok"
    advice: str = ""


def examine(project: Project) -> pl.DataFrame:
    """Look at versions, folders, disk, memory, clock, caches, providers' keys and Dagster's home.

    Nothing is changed, and no server is asked.

    Parameters
    ----------
    project : Project
        The project.

    Returns
    -------
    polars.DataFrame
        A row per `Finding`: ``what``, ``found``, ``state``, ``advice``.
    """
    findings = [
        *_versions(),
        *_folders(project),
        *_machine(project),
        _clock(project),
        _kernels(),
        *_keys(project),
        _dagster(project),
    ]
    schema = dict.fromkeys(("what", "found", "state", "advice"), pl.String)
    return pl.DataFrame([asdict(finding) for finding in findings], schema=schema)


def _versions() -> Iterator[Finding]:
    yield Finding("python", f"{platform.python_implementation()} {platform.python_version()}")
    for name in _PACKAGES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed", "wrong", "install the project again: `make run`")
    for name, extra in _OPTIONAL.items():
        with suppress(PackageNotFoundError):
            yield Finding(name, f"{version(name)}, of the extra `{extra}`")


def _folders(project: Project) -> Iterator[Finding]:
    yield Finding("project", str(project.root))
    for what, path, make in (
        ("studies", project.studies, "`mc init` begins a project"),
        ("series file", project.series, "`mc init` begins a project"),
    ):
        if path.exists():
            yield Finding(what, str(path))
        else:
            yield Finding(what, f"there is no {path}", "advice", make)
    folder = _nearest(project.data)
    if os.access(folder, os.W_OK):
        yield Finding("data folder", str(project.data))
    else:
        advice = "let this user write there, or name another folder in MC_DATA"
        yield Finding("data folder", f"{folder} cannot be written", "wrong", advice)


def _machine(project: Project) -> Iterator[Finding]:
    free = shutil.disk_usage(_nearest(project.data)).free
    if free < _LEAST_FREE_BYTES:
        advice = "make room: `mc prune` says what no study needs"
        yield Finding("free disk space", _gigabytes(free), "advice", advice)
    else:
        yield Finding("free disk space", _gigabytes(free))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if memory < _LEAST_MEMORY_BYTES:
        advice = "run with `--workers 1`"
        yield Finding("memory", _gigabytes(memory), "advice", advice)
    else:
        yield Finding("memory", _gigabytes(memory))
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("processors", f"{usable} usable, {platform.machine()}")


def _clock(project: Project) -> Finding:
    """Whether time runs backwards: what was written last is dated later than now."""
    now = time.time()
    newest = max(
        (path.stat().st_mtime for path in project.data.glob("*") if path.exists()), default=now
    )
    text = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if newest > now + _CLOCK_SLACK_SECONDS:
        return Finding(
            "clock",
            f"{text}, but files of the data folder are {newest - now:,.0f} s younger",
            "wrong",
            "set the clock: schedules and newest dates go by it",
        )
    return Finding("clock", text)


def _kernels() -> Finding:
    from engine.compiled.cache import cache_folder, cache_problem

    folder = cache_folder()
    problem = cache_problem(folder)
    if problem:
        return Finding(
            "kernel cache", f"{folder} {problem}", "advice", "until then no process keeps kernels"
        )
    files = list(folder.glob("*/*.kernel"))
    size = sum(path.stat().st_size for path in files)
    if not files:
        return Finding("kernel cache", f"{folder} is empty: the first run compiles")
    return Finding("kernel cache", f"{len(files):,} kernels, {_gigabytes(size)} in {folder}")


def _keys(project: Project) -> Iterator[Finding]:
    """Whether the keys are set that the providers of the series need."""
    from mc_assets.market_data import load_series
    from mc_assets.providers.registry import get_provider

    if not project.series.exists():
        return
    try:
        series = load_series(project.series).series
    except ValueError as error:
        yield Finding("series", str(error), "wrong", f"mend {project.series}")
        return
    for name in sorted({one.provider for one in series}):
        for variables in get_provider(name).capabilities.keys:
            given = [variable for variable in variables if os.environ.get(variable, "").strip()]
            if given:
                yield Finding(f"key of {name}", f"{given[0]} is set")
            else:
                advice = f"set {' or '.join(variables)}: `mc ingest` of {name} needs it"
                yield Finding(f"key of {name}", "not in the environment", "advice", advice)


def _dagster(project: Project) -> Finding:
    from mc_assets.home_lock import is_in_use

    home = project.dagster_home
    if not home.is_dir():
        return Finding("Dagster's home", f"{home}, made by the first run")
    used = "in use by a command or `mc ui`" if is_in_use(home) else "in use by nobody"
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return Finding("Dagster's home", f"{home}, {_gigabytes(size)}, {used}")


def _nearest(path: Path) -> Path:
    """Return the nearest folder above that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.2f} GB"

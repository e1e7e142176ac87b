"""Fixtures shared by the tests of the Dagster project."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _history_without_waiting() -> Iterator[None]:
    """Let SQLite leave it to the system when Dagster's history reaches the disk.

    A file written in the middle of a loss of power is all that waiting prevents, and no test has
    one; what a kill or a full disk does is the same. It takes half the time of a small run.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def hurry(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture(scope="session", autouse=True)
def _commands_built_once() -> Iterator[None]:
    """Let typer build the fifty commands once in a process, not at each that a test types."""
    import typer.main
    import typer.testing

    once = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", once)
        patch.setattr(typer.testing, "_get_command", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrations_read_once() -> Iterator[None]:
    """Let Dagster read the migrations of its databases once in a process, not at each opening.

    They are files of its package; reading them is a fifth of a small run.
    """
    from alembic.script import ScriptDirectory

    once = functools.cache(ScriptDirectory.from_config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", staticmethod(once))
        yield


@pytest.fixture(autouse=True)
def _output_of_steps_in_files_alone() -> None:
    """Let Dagster start no programs that copy what a step prints from its file to the terminal.

    They are four processes of each step, two of them Python, and a test has no terminal.
    """
    if (logs := sys.modules.get("dagster._core.execution.compute_logs")) is not None:
        vars(logs)["tail_to_stream"] = _not_copied


@contextlib.contextmanager
def _not_copied(_path: str, _stream: object) -> Iterator[tuple[None, None]]:
    yield None, None

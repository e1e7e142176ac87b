"""The command line ``mc``: one file per command, nothing heavy imported until a command runs."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from engine.jobs.errors import StudyFailed
from mc_assets.cli.command_groups import command_groups

__all__ = ["app", "command_groups", "main"]

_INTERRUPTED = 130


class _Commands(TyperGroup):
    """All commands; one that is stopped says so."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what Typer would end in silence has a sentence."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            _say_stopped(str(stop))
            raise typer.Exit(_INTERRUPTED) from None


def _say_stopped(how: str = "") -> None:
    typer.secho(f"mc: {how or 'stopped'}", fg="yellow", err=True)


app = typer.Typer(
    name="mc",
    cls=_Commands,
    help="Monte Carlo laboratory for trading strategies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mc-lab {version('mc-lab')}")
        raise typer.Exit


@app.callback()
def _open_data_folder(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Monte Carlo laboratory for trading strategies."""
    from engine.home import data_address
    from mc_assets.answers.data_layout import bring_up_to_date
    from mc_assets.project import Project

    if data_address() is not None:
        return
    count = bring_up_to_date(Project.from_environment())
    if count:
        typer.secho(
            f"mc: {count:,} files of an earlier version were given checksums; what another version "
            "of the engine computed is computed once more where it is asked",
            err=True,
        )


class _RunsByDefault(TyperGroup):
    """Commands of two words, of which the second is `run` where it names no other."""

    by_default = "run"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take what is no command, such as a study, for what `run` is given."""
        if args[0] not in self.commands and args[0][:1] != "-":
            args = [self.by_default, *args]
        return super().resolve_command(ctx, args)


_GROUPS = {"paper": _RunsByDefault}


def _add_commands() -> None:
    families: dict[str, typer.Typer] = {"": app}
    for group, commands in command_groups().items():
        for command in commands:
            family, _, name = command.name.rpartition(" ")
            if family not in families:
                families[family] = typer.Typer(
                    cls=_GROUPS.get(family, TyperGroup), no_args_is_help=True
                )
                app.add_typer(
                    families[family], name=family, help=command.help, rich_help_panel=group
                )
            families[family].command(name, rich_help_panel=group)(command.function)


_add_commands()


def main() -> None:
    """Run the command line.

    What the library says to its user becomes one line on standard error: a `ValueError` or
    `OSError` with exit code 2, a study in which too many simulations failed with exit code 1.
    Anything else is a bug and keeps its traceback. Ctrl-C and SIGTERM end the process with
    exit code 130.
    """
    asked = _watch_stops()
    # Looking for garbage in what a command imports took a tenth of a short one's time.
    gc.set_threshold(200_000, 20, 100)
    try:
        app()
    except SystemExit as end:
        if end.code != _INTERRUPTED:
            raise
    except BaseException as error:
        # Ctrl-C during an import may surface as any other error.
        if not asked:
            failed = isinstance(error, StudyFailed)
            if not (failed or isinstance(error, ValueError | OSError)):
                raise
            typer.secho(f"mc: {error}", fg="red", err=True)
            sys.exit(1 if failed else 2)
        _say_stopped()
    _leave()


def _watch_stops() -> list[int]:
    """Return a list of the signals that ask to stop; each raises `KeyboardInterrupt` besides."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.default_int_handler(number, frame)

    # A shell makes its background jobs ignore Ctrl-C; leave that as it is.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, note)
    return asked


def _leave() -> None:
    """End the process without waiting for threads that are still inside a compiled kernel."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(_INTERRUPTED)

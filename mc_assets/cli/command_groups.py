"""The commands of ``mc`` in groups, as `mc --help` and the architecture page show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from mc_assets.cli.audit import audit
from mc_assets.cli.calibrate import calibrate
from mc_assets.cli.compare import compare
from mc_assets.cli.ingest import ingest
from mc_assets.cli.init import init
from mc_assets.cli.judge import judge
from mc_assets.cli.panel import panel
from mc_assets.cli.plot import plot
from mc_assets.cli.prune import prune
from mc_assets.cli.quality import quality
from mc_assets.cli.replay import replay
from mc_assets.cli.report import report
from mc_assets.cli.resample import resample
from mc_assets.cli.run import run
from mc_assets.cli.runs import runs
from mc_assets.cli.schema import schema
from mc_assets.cli.seeds import seeds
from mc_assets.cli.show import show
from mc_assets.cli.sql import sql
from mc_assets.cli.studies import studies
from mc_assets.cli.trials import trials
from mc_assets.cli.ui import ui
from mc_assets.cli.verify import verify

__all__ = ["GROUPS", "Command", "command_groups"]

#: Functions of the commands by group, in the order of `mc --help`. A new command goes here.
GROUPS: Final = MappingProxyType(
    {
        "Data": (ingest, calibrate),
        "Studies": (run, runs, studies, seeds, schema),
        "Results": (show, compare, replay, plot, report, trials, sql),
        "Checks": (quality, audit, judge, panel, resample, verify),
        "System": (init, ui, prune),
    }
)


@dataclass(frozen=True)
class Command:
    """A command of ``mc``.

    Parameters
    ----------
    name : str
        As it is typed after ``mc``.
    help : str
        What it does, in a sentence.
    function : callable
        What typer calls.
    """

    name: str
    help: str
    function: Callable[..., Any]


def command_groups() -> dict[str, tuple[Command, ...]]:
    """Return every command by group, in the order of `mc --help`."""
    return {group: tuple(_commands(functions)) for group, functions in GROUPS.items()}


def _commands(functions: tuple[Callable[..., Any], ...]) -> Iterator[Command]:
    for function in functions:
        sentence = (function.__doc__ or "").strip().splitlines()[0]
        yield Command(function.__name__, sentence, function)

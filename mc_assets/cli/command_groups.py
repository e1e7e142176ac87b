"""The commands of ``mc`` in groups, as `mc --help` and the architecture page show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from mc_assets.cli.audit import audit
from mc_assets.cli.backfill import backfill_calibrations
from mc_assets.cli.calibrate import calibrate
from mc_assets.cli.compare import compare
from mc_assets.cli.cross_validate import cross_validate
from mc_assets.cli.doctor import doctor
from mc_assets.cli.experiments import experiments
from mc_assets.cli.indicators import indicators
from mc_assets.cli.ingest import ingest
from mc_assets.cli.init import init
from mc_assets.cli.judge import judge
from mc_assets.cli.keys import keys_add, keys_list, keys_remove
from mc_assets.cli.leaderboard import leaderboard
from mc_assets.cli.mcp import mcp
from mc_assets.cli.mv import mv
from mc_assets.cli.new import new
from mc_assets.cli.optimise import optimise_run
from mc_assets.cli.panel import panel
from mc_assets.cli.paper import paper_compare, paper_journal, paper_run, paper_stop
from mc_assets.cli.plot import plot
from mc_assets.cli.policies import policies
from mc_assets.cli.portfolio import portfolio
from mc_assets.cli.prune import prune
from mc_assets.cli.quality import quality
from mc_assets.cli.replay import replay
from mc_assets.cli.report import report
from mc_assets.cli.resample import resample
from mc_assets.cli.rm import rm
from mc_assets.cli.run import run
from mc_assets.cli.runs import runs
from mc_assets.cli.schema import schema
from mc_assets.cli.seeds import seeds
from mc_assets.cli.serve import serve
from mc_assets.cli.show import show
from mc_assets.cli.sql import sql
from mc_assets.cli.status import status
from mc_assets.cli.strategies import strategies
from mc_assets.cli.studies import studies
from mc_assets.cli.ticks_import import ticks_import
from mc_assets.cli.ticks_list import ticks_list
from mc_assets.cli.train import train
from mc_assets.cli.trials import trials
from mc_assets.cli.ui import ui
from mc_assets.cli.verify import verify
from mc_assets.cli.walk_forward import walk_forward

__all__ = ["FAMILIES", "GROUPS", "Command", "command_groups", "typed_name"]

#: Functions of the commands by group, in the order of `mc --help`. A new command goes here; one
#: of two words is a function whose name begins with one of `FAMILIES` and an underscore.
GROUPS: Final = MappingProxyType(
    {
        "Data": (ingest, ticks_import, ticks_list, calibrate, backfill_calibrations),
        "Studies": (run, runs, studies, new, mv, rm, strategies, indicators, seeds, schema),
        "Searches": (
            optimise_run,
            walk_forward,
            cross_validate,
            portfolio,
            experiments,
            leaderboard,
        ),
        "Learning": (train, policies),
        "Results": (show, compare, replay, plot, report, trials, sql),
        "Checks": (quality, audit, judge, panel, resample, verify),
        "System": (
            init,
            ui,
            serve,
            keys_add,
            keys_list,
            keys_remove,
            mcp,
            status,
            doctor,
            prune,
        ),
        # Last, as the help has it: it lists what has two words alone after everything else.
        "Paper trading": (paper_run, paper_stop, paper_journal, paper_compare),
    }
)


#: First words of commands of two words, such as ``optimise run``.
FAMILIES: Final = ("backfill", "keys", "optimise", "paper", "ticks")


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
        yield Command(typed_name(function), sentence, function)


def typed_name(function: Callable[..., Any]) -> str:
    """Return the words after ``mc`` that call a function.

    Examples
    --------
    >>> from mc_assets.cli.optimise import optimise_run
    >>> from mc_assets.cli.walk_forward import walk_forward
    >>> typed_name(optimise_run), typed_name(walk_forward)
    ('optimise run', 'walk-forward')
    """
    first, _, rest = function.__name__.partition("_")
    if first in FAMILIES:
        return f"{first} {rest}".replace("_", "-")
    return function.__name__.replace("_", "-")

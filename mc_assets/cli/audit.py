"""``mc audit``: whether a strategy looks ahead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json
from mc_assets.cli.problems import print_problems

if TYPE_CHECKING:
    from mc_assets.answers.audits import StrategyAudit

_SHOWN = 8  # reasons of a failure


def audit(
    strategy: str = typer.Argument(help="Name of a strategy, or `all`."),
    file: Path | None = typer.Option(
        None, "--file", help="Python file or folder with your own strategies."
    ),
    symbol_count: int = typer.Option(1, "--symbols", min=1, help="How many symbols it trades."),
    cuts: int = typer.Option(
        500, "--cuts", min=1, help="Bars of a path after which the future is replaced."
    ),
    seed: int = typer.Option(1, "--seed", help="Seed of the cuts and the paths."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON, a line per strategy."),
) -> None:
    """Rerun a strategy with other futures: fails if any earlier decision changes."""
    from mc_assets.answers.audits import audit_strategies
    from mc_assets.project import Project

    answer = audit_strategies(
        Project.from_environment(),
        strategy,
        file=file,
        symbol_count=symbol_count,
        cuts=cuts,
        seed=seed,
        progress=print_json if as_json else _print_audit,
    )
    print_problems(answer.problems)
    if not answer.passed:
        raise typer.Exit(1)


def _print_audit(audit: StrategyAudit) -> None:
    found = audit.report
    word = "passed" if found.passed else "FAILED"
    typer.echo(
        f"{found.strategy}: {word}; {found.paths} paths, other futures after {found.cuts} bars of "
        f"each, {found.orders} orders"
    )
    for reason in found.reasons[:_SHOWN]:
        typer.echo(f"  {reason}")
    if len(found.reasons) > _SHOWN:
        typer.echo(f"  and {len(found.reasons) - _SHOWN} more; --json prints them all")

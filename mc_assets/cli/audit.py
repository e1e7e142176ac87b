"""``mc audit``: whether a strategy looks ahead."""

from __future__ import annotations

from pathlib import Path

import typer

from mc_assets.cli.given_study import load_code_of_studies

_SHOWN = 8  # reasons of a failure


def audit(
    strategy: str = typer.Argument(help="Name of a strategy, or `all`."),
    file: Path | None = typer.Option(
        None, "--file", help="Python file or folder with your own strategies."
    ),
    symbols: int = typer.Option(1, "--symbols", min=1, help="Symbols that the strategy trades."),
    cuts: int = typer.Option(
        500, "--cuts", min=1, help="Bars of a path after which the future is replaced."
    ),
    seed: int = typer.Option(1, "--seed", help="Seed of the cuts and the paths."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Rerun a strategy with other futures: fails if any earlier decision changes."""
    import json

    from engine.strategies import load_user_strategies, strategy_names
    from engine.strategies.audit import audit_strategy
    from mc_assets.project import Project

    if file is not None:
        load_user_strategies(file)
    elif strategy not in strategy_names():
        for sentence in load_code_of_studies(Project.from_environment()):
            typer.secho(f"mc: {sentence}", fg="red", err=True)
    names = strategy_names() if strategy == "all" else [strategy]
    failed = False
    for name in names:
        traded = tuple(f"S{number}" for number in range(symbols))
        report = audit_strategy(name, symbols=traded, cuts=cuts, seed=seed)
        failed |= not report.passed
        if as_json:
            row = {
                "strategy": name,
                "passed": report.passed,
                "orders": report.orders,
                "reasons": report.reasons,
                "alone_differs": report.alone_differs,
                "repeat_differs": report.repeat_differs,
                "findings": [vars(finding) for finding in report.findings],
            }
            typer.echo(json.dumps(row))
            continue
        word = "passed" if report.passed else "FAILED"
        typer.echo(
            f"{name}: {word}; {report.paths} paths, other futures after {report.cuts} bars of "
            f"each, {report.orders} orders"
        )
        for reason in report.reasons[:_SHOWN]:
            typer.echo(f"  {reason}")
        if len(report.reasons) > _SHOWN:
            typer.echo(f"  and {len(report.reasons) - _SHOWN} more; --json prints them all")
    if failed:
        raise typer.Exit(1)

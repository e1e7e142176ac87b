"""``mc portfolio``: split capital over strategies that ran on the same paths."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def portfolio(
    members: list[str] = typer.Argument(
        help="Studies on the same source and seeds; STUDY#2 is one set of a study."
    ),
    rule: str = typer.Option(
        "cvar",
        "--rule",
        help="equal, inverse_volatility, risk_parity, mean_variance, cvar or drawdown.",
    ),
    budget: float = typer.Option(
        None, "--budget", help="Of cvar and drawdown: what the worst paths may lose, as a share."
    ),
    level: float = typer.Option(None, "--level", help="0.95 is the worst 5 % of paths."),
    risk_aversion: float = typer.Option(None, "--risk-aversion", help="Of mean_variance."),
    low: float = typer.Option(None, "--low", help="Least weight of a member."),
    high: float = typer.Option(None, "--high", help="Largest weight of a member."),
    rebalance: int = typer.Option(
        None, "--rebalance", help="Points of equity (60 per path) between rebalancings."
    ),
    cost: float = typer.Option(None, "--cost", help="Of what is moved then, as a share of it."),
    resampled: bool = typer.Option(
        None, "--resampled", help="Take the mean of weights over resampled paths."
    ),
    seeds: str = typer.Option(None, help="Seed set or seed file to use instead."),
    workers: str = typer.Option(None, help="Threads, or auto."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Split capital over strategies that ran on the same paths, and judge that on fresh ones."""
    from mc_assets.answers.portfolio import allocate_studies
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = allocate_studies(
        Project.from_environment(),
        members,
        rule=rule,
        seeds=seeds,
        workers=workers,
        budget=budget,
        level=level,
        risk_aversion=risk_aversion,
        low=low,
        high=high,
        rebalance=rebalance,
        cost=cost,
        resampled=resampled,
    )
    if as_json:
        print_json(found.to_json())
        return
    import polars as pl

    typer.secho(f"{found.sentence}.", bold=True)
    numbers = pl.selectors.float().round_sig_figs(3)
    weights = found.weights.join(
        found.contributions.select("member", "to_return", "to_tail_loss"), on="member"
    ).with_columns(numbers)
    print_frame(weights, weights.select("member", "weight", "to_return", "to_tail_loss"))
    outcome = found.outcome.with_columns(numbers)
    print_frame(outcome, outcome.select("statistic", "claim", "fresh", "over_equal"))
    correlations = found.correlations.with_columns(numbers)
    print_frame(correlations, correlations.select("member", "other", "calm", "crash"))

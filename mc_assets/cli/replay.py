"""``mc replay``: one simulation again, with a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.given_study import study_name

if TYPE_CHECKING:
    from pathlib import Path

    from engine.jobs.replay import Replay


def replay(
    study: str = typer.Argument(..., help="Name of a study that has run."),
    simulation: int = typer.Argument(..., min=0, help="Id of the simulation, from its row."),
    output: str = typer.Option(None, help="PNG to write; default data/replays/STUDY-ID.png."),
    picture: bool = typer.Option(True, help="Draw prices, trades and equity."),
    as_json: bool = typer.Option(False, "--json", help="Print metrics and trades as JSON."),
) -> None:
    """Run one simulation again from its seed; print its trades and draw what happened."""
    import json
    from pathlib import Path

    from engine.studies import load_results
    from mc_assets.cli.summary import json_rows
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project
    from mc_assets.stored_market_data import StoredMarketData

    study = study_name(study)
    project = Project.from_environment()
    results = load_results(project.data, study, market_data=StoredMarketData(project))
    found = results.simulation(simulation)
    path = None
    if picture:
        path = Path(output) if output else project.data / "replays" / f"{study}-{simulation}.png"
        _draw(found, study, path)
    if as_json:
        content = {
            "study": study,
            "simulation": found.simulation,
            "seed": found.seed,
            "path": found.path,
            "parameters": found.parameters,
            "status": found.status,
            "metrics": found.metrics,
            "orders": json_rows(found.orders),
            "trades": json_rows(found.trades),
            "picture": None if path is None else str(path),
        }
        typer.echo(json.dumps(content))
        return
    values = ", ".join(f"{name} = {value}" for name, value in found.parameters.items())
    typer.echo(f"{study} simulation {found.simulation}: seed {found.seed}, {values}")
    if found.status != "ok":
        typer.echo(f"failed: {found.status}")
    for name, value in found.metrics.items():
        typer.echo(f"  {name:<24} {'–' if value is None else format(value, ',.6g')}")
    print_frame(found.orders, title="orders")
    print_frame(found.trades, title="trades")
    if path is not None:
        typer.echo(f"picture: {path}")


def _draw(found: Replay, study: str, path: Path) -> None:
    import textwrap

    import matplotlib
    import polars as pl

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(11, 7), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    for symbol in found.bars["symbol"].unique(maintain_order=True):
        bars = found.bars.filter(found.bars["symbol"] == symbol)
        upper.plot(bars["bar"], bars["close"], linewidth=1, label=symbol, zorder=1)
        upper.fill_between(bars["bar"], bars["low"], bars["high"], alpha=0.2, zorder=0)
    # Fills, not closed trades: what is still open at the end was bought, too.
    fills = found.orders.filter(pl.col("event") == "filled")
    for side, sign, mark, colour in (("bought", 1, "^", "tab:green"), ("sold", -1, "v", "tab:red")):
        own = fills.filter(pl.col("units").sign() == sign)
        label = f"{side}, {own.height:,}"
        upper.scatter(own["bar"], own["price"], marker=mark, c=colour, s=36, zorder=2, label=label)
    values = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in found.parameters.items()
    )
    title = f"{study} · simulation {found.simulation} · seed {found.seed}"
    figure.suptitle("\n".join([title, *textwrap.wrap(values, 110)]), fontsize=11)
    upper.set_ylabel("price")
    upper.legend(loc="best", framealpha=0.6)
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.plot(range(len(found.equity)), found.equity, color="black", linewidth=1)
    lower.set_ylabel("equity")
    lower.set_xlabel("bar")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)

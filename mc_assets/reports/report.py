"""The page of a study: its charts, its numbers with their errors, and where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from engine.files import write_output
from mc_assets.project import Project
from mc_assets.reports.material import Material
from mc_assets.reports.option_charts import option_charts
from mc_assets.reports.tables import (
    all_statistics,
    examples_of,
    lineage_rows,
    note_of,
    summary_table,
    warnings_of,
)
from mc_assets.reports.verdict import verdict_of

if TYPE_CHECKING:
    from engine.plots import Chart

__all__ = ["report_picture", "write_report"]

_NO_EQUITY: Final = (
    '<p class="note">No equity curves were recorded: <code>record: {equity: 100}</code> '
    "in the study keeps 100 points of each.</p>"
)


def write_report(project: Project, study: str, *, output: Path | None = None) -> Path:
    """Write the page of a study that has results and statistics.

    Parameters
    ----------
    project : Project
        Where the results lie.
    study : str
        Name of the study.
    output : Path, optional
        Defaults to ``<data>/reports/STUDY.html``.

    Returns
    -------
    Path
        The page: it needs no network, and is read in the light, in the dark, on a telephone and
        on paper.

    Raises
    ------
    ValueError
        If the study has no results or no statistics yet.
    """
    from engine.plots import page, section

    material = Material.of(project, study)
    text = page(
        material.results.name,
        verdict_of(material, project.data),
        summary_table(material),
        warnings_of(material),
        f'<p class="note">{note_of(material)}</p>',
        *(section(heading, drawn) for heading, drawn in _charts(material).items()),
        section("Simulations to look at", examples_of(material)),
        section("All statistics", all_statistics(material)),
        section("Where these numbers come from", _made_of(material)),
        lead=material.description,
    )
    path = output or project.reports / f"{material.results.name}.html"
    return write_output(path, text.encode())


def _made_of(material: Material) -> str:
    return f'<table class="lineage">{lineage_rows(material)}</table>'


def _charts(material: Material) -> dict[str, str | Chart]:
    """Return the pictures of the page by their headings, or why one is not there."""
    from engine.plots import Chart
    from engine.plots.study import parameter_sensitivity

    if not material.sets:
        return {}
    made = _of_course(material) if material.course is not None else {}
    made |= {} if material.one_path else _of_distributions(material)
    made["Sensitivity to parameters"] = _not_kept("net_pnl")
    if material.has("net_pnl"):
        figure = parameter_sensitivity(material.sensitivity, material.swept)
        made["Sensitivity to parameters"] = Chart(
            "mean net P&L by parameters", figure, id="parameter_sensitivity"
        )
    return made | (option_charts(material) if material.of_options else {})


def _not_kept(metric: str) -> str:
    """Say in place of a figure how to get it."""
    return (
        f'<p class="note">The study does not keep <code>{metric}</code>: add it to '
        "<code>record: {metrics: [...]}</code>, and <code>mc run</code> computes it.</p>"
    )


def _of_course(material: Material) -> dict[str, str | Chart]:
    """Return the pictures of the best set's course on history."""
    from engine.plots import Chart
    from engine.plots.history import equity_and_benchmark, monthly_returns

    course = material.course
    assert course is not None
    times, equity, start, closes = course
    beside = equity_and_benchmark(times, equity, start, closes)
    months = monthly_returns(times, equity, start)
    return {
        "The best set beside buying and holding": Chart("equity", beside, id="history"),
        "Monthly returns, %": Chart("monthly returns", months, id="monthly"),
    }


def _of_distributions(material: Material) -> dict[str, str | Chart]:
    """Return the pictures of how simulations are spread."""
    from engine.plots import Chart
    from engine.plots import study as charts
    from engine.plots.sets import convergence

    labels, sets = material.labels, material.shown
    made: dict[str, str | Chart] = {
        "Equity through time": _NO_EQUITY,
        "Net P&L over simulations": _not_kept("net_pnl"),
        "Maximum drawdown": _not_kept("max_drawdown"),
    }
    if material.has_equity:
        fans = [(labels[s], charts.fan_quantiles(material.curves(s))) for s in sets]
        made["Equity through time"] = Chart("equity", charts.equity_fan(fans), id="equity_fan")
    # A distribution at a time: each may be of millions of simulations.
    if material.has("net_pnl"):
        profits = ((labels[s], material.metric(s, "net_pnl")) for s in sets)
        risk = [material.estimate(s, "value_at_risk_95") for s in sets]
        made["Net P&L over simulations"] = Chart(
            "net P&L", charts.pnl_histogram(profits, risk), id="pnl_histogram"
        )
    if material.has("max_drawdown"):
        falls = ((labels[s], material.metric(s, "max_drawdown")) for s in sets)
        made["Maximum drawdown"] = Chart(
            "maximum drawdown", charts.drawdown_distribution(falls), id="drawdown_distribution"
        )
    of_best = material.metric(sets[0], "net_pnl") if material.has("net_pnl") else pl.Series()
    if len(of_best) > 1:
        note = f"Of {labels[sets[0]]}: the shaded interval is what more seeds shrink."
        figure = convergence(of_best.to_numpy(), "net P&L")
        made["How sure the mean is, by paths"] = Chart("mean", figure, note, id="convergence")
    return made


def report_picture(
    project: Project, study: str, kind: Literal["png", "svg", "pdf"] = "png"
) -> bytes:
    """Draw a still picture of the study's best parameter set by mean net P&L."""
    from engine.plots import study as charts
    from mc_assets.reports.picture import study_picture

    material = Material.of(project, study)
    best = material.sets[0]
    return study_picture(
        f"{material.results.name}: {material.labels[best]}",
        charts.fan_quantiles(material.curves(best)) if material.has_equity else None,
        material.metric(best, "net_pnl") if material.has("net_pnl") else None,
        material.estimate(best, "value_at_risk_95"),
        kind,
    )

"""A chart of a study, saved to a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mc_assets.answers.studies import study_name
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.plots import Chart
    from engine.results import Results

__all__ = ["SavedPlot", "plot_study"]


@dataclass(frozen=True)
class SavedPlot:
    """A chart that was saved.

    Parameters
    ----------
    plot : Path
        The file.
    title : str
        What it shows.
    """

    plot: Path
    title: str


def plot_study(
    project: Project,
    study: str,
    kind: str,
    *,
    parameter_set: int | None = None,
    simulation: int = 0,
    statistic: str = "mean_net_pnl",
    baseline: str | None = None,
    output: Path | None = None,
) -> SavedPlot:
    """Draw a chart of a study and save it.

    Parameters
    ----------
    project : Project
        Where results lie.
    study : str
        Name of a study that has run, or its file.
    kind : str
        One of `engine.results.pictures.KINDS`.
    parameter_set : int, optional
        Of ``fan``, ``pnl``, ``drawdown`` and ``convergence``.
    simulation : int
        Of ``simulation`` and ``monthly``.
    statistic : str
        Of ``sensitivity``, ``heatmap`` and ``compare``.
    baseline : str, optional
        The other study of ``compare``.
    output : Path, optional
        HTML, PNG, SVG or PDF by its ending; by default ``<data>/plots/STUDY-KIND.html``.

    Raises
    ------
    Refusal
        If there is no such study, kind, set or simulation, or the ending cannot be written.
    """
    from engine.errors import Refusal
    from engine.results.pictures import KINDS
    from engine.studies import load_results
    from mc_assets.stored_market_data import StoredMarketData

    if kind not in KINDS:
        raise Refusal("kind", repr(kind), ", ".join(KINDS))
    market_data = StoredMarketData(project)

    def opened(name: str) -> Results:
        return load_results(project.data, study_name(project, name), market_data=market_data)

    results = opened(study)
    options: dict[str, Any] = {}
    if kind in ("fan", "pnl", "drawdown", "convergence"):
        options["parameter_set"] = parameter_set
    elif kind in ("sensitivity", "heatmap"):
        options["statistic"] = statistic
    elif kind == "monthly":
        options["simulation"] = simulation
    elif kind == "compare":
        if baseline is None:
            raise Refusal(
                "baseline", "is missing", hint=f"`mc plot {study} compare --baseline OTHER_STUDY`"
            )
        options = {"statistic": statistic, "baseline": opened(baseline)}
    chart: Chart = (
        results.simulation(simulation).plot()
        if kind == "simulation"
        else getattr(results.plot, kind)(**options)
    )
    path = output or project.data / "plots" / f"{results.name}-{kind}.html"
    return SavedPlot(chart.save(path), chart.title)

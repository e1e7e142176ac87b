"""The page of a study: its charts, its numbers with their errors, and where they come from."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import polars as pl

from engine.jobs.lineage import CalibrationLineage
from engine.results import Results
from engine.results.definitions import statistics_of
from engine.studies import load_results
from mc_assets.answers.choice import best_set_of
from mc_assets.estimate_text import interval_pair
from mc_assets.headlines import ERROR_KINDS, Headline, headlines_in, with_all_errors
from mc_assets.project import Project
from mc_assets.study_tables import read_error_budget, read_statistics

__all__ = ["report_picture", "write_report"]

_TEMPLATE = Path(__file__).with_name("page.html")


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
        The page.

    Raises
    ------
    ValueError
        If the study has no results or no statistics yet.
    """
    from plotly.offline import get_plotlyjs

    from mc_assets.reports import charts

    material = _Material.of(project, study)
    labels = material.labels
    figures = {
        "equity_fan": _figure(material, charts.equity_fan, labels),
        "pnl_histogram": charts.pnl_histogram(
            [(labels[s], material.metric(s, "net_pnl")) for s in material.sets],
            [material.estimate(s, "value_at_risk_95") for s in material.sets],
        )
        if material.has("net_pnl")
        else _not_kept("net_pnl"),
        "drawdown_distribution": charts.drawdown_distribution(
            [(labels[s], material.metric(s, "max_drawdown")) for s in material.sets]
        )
        if material.has("max_drawdown")
        else _not_kept("max_drawdown"),
        "parameter_sensitivity": charts.parameter_sensitivity(material.sensitivity, material.swept)
        if material.has("net_pnl")
        else _not_kept("net_pnl"),
    }
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(material.results.name),
        description=html.escape(material.description),
        plotly=get_plotlyjs(),
        table=_summary_table(material),
        note=_note(material),
        choice=_choice(material, project.data),
        warnings=_warnings(material),
        lineage=_lineage(material),
        **{
            name: figure
            if isinstance(figure, str)
            else figure.to_html(
                full_html=False,
                include_plotlyjs=False,
                div_id=name,
                # The tool bar would cover the menu of parameter sets.
                config={"displayModeBar": False, "responsive": True},
            )
            for name, figure in figures.items()
        },
    )
    path = output or project.reports / f"{material.results.name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(page, encoding="utf-8")
    os.replace(temporary, path)
    return path


def report_picture(project: Project, study: str) -> bytes:
    """Draw a PNG of the study's best parameter set by mean net P&L."""
    from mc_assets.reports import charts
    from mc_assets.reports.picture import study_picture

    material = _Material.of(project, study)
    best = material.sets[0]
    return study_picture(
        f"{material.results.name}: {material.labels[best]}",
        charts.fan_quantiles(material.curves(best)) if material.has_equity else None,
        material.metric(best, "net_pnl") if material.has("net_pnl") else None,
        material.estimate(best, "value_at_risk_95"),
    )


@dataclass(frozen=True)
class _Material:
    """Everything a page shows, parameter sets ordered by mean net P&L, best first.

    Rows without net P&L are in the order of the study's sets.
    """

    results: Results
    statistics: pl.DataFrame

    @classmethod
    def of(cls, project: Project, study: str) -> _Material:
        statistics = read_statistics(project.data, study)
        budget = read_error_budget(project.data, study)
        return cls(load_results(project.data, study), with_all_errors(statistics, budget))

    @cached_property
    def sets(self) -> list[int]:
        if not self.has("net_pnl"):
            return sorted(self.parameters)
        ordered = self.statistics.filter(pl.col("statistic") == "mean_net_pnl").sort(
            "supported", "estimate", descending=True, nulls_last=True, maintain_order=True
        )
        return ordered["parameter_set"].to_list()

    @cached_property
    def parameters(self) -> dict[int, dict[str, Any]]:
        names = list(self.results.parameters)
        sets = self.results.lazy.group_by("parameter_set").agg(pl.col(names).first()).collect()
        return {
            row["parameter_set"]: {name: row[name] for name in names}
            for row in sets.sort("parameter_set").iter_rows(named=True)
        }

    @cached_property
    def swept(self) -> list[str]:
        """Parameters that take more than one value."""
        names = list(next(iter(self.parameters.values()), {}))
        return [n for n in names if len({str(p[n]) for p in self.parameters.values()}) > 1]

    @cached_property
    def labels(self) -> dict[int, str]:
        return {
            number: ", ".join(f"{n} {values[n]}" for n in self.swept) or "the only parameter set"
            for number, values in self.parameters.items()
        }

    @cached_property
    def sensitivity(self) -> pl.DataFrame:
        table = self.statistics.filter(pl.col("statistic") == "mean_net_pnl")
        for name in self.swept:
            values = [self.parameters[number][name] for number in table["parameter_set"]]
            table = table.with_columns(pl.Series(name, values, strict=False))
        return table

    @cached_property
    def rows(self) -> pl.DataFrame:
        drawn = [name for name in ("net_pnl", "max_drawdown") if self.has(name)]
        return self.results.lazy.select("parameter_set", "status", *drawn).collect()

    def has(self, metric: str) -> bool:
        """Whether the rows hold a metric."""
        return metric in self.results.metrics

    @property
    def has_equity(self) -> bool:
        return self.results.equity_lazy is not None

    @property
    def description(self) -> str:
        return self.results.summary.description

    def metric(self, parameter_set: int, name: str) -> pl.Series:
        chosen = (pl.col("parameter_set") == parameter_set) & (pl.col("status") == "ok")
        return self.rows.filter(chosen)[name]

    def statistic(self, parameter_set: int, name: str) -> dict[str, Any]:
        """Row of the table of statistics."""
        return self._by_set[parameter_set, name]

    @cached_property
    def _by_set(self) -> dict[tuple[int, str], dict[str, Any]]:
        rows = self.statistics.iter_rows(named=True)
        return {(row["parameter_set"], row["statistic"]): row for row in rows}

    def estimate(self, parameter_set: int, statistic: str) -> float:
        row = self._by_set.get((parameter_set, statistic))
        found = None if row is None else row["estimate"]
        return float("nan") if found is None else float(found)

    def curves(self, parameter_set: int) -> pl.DataFrame:
        """Stack the sampled equity of a parameter set: ``bar`` and ``equity``, a row per sample."""
        assert self.results.equity_lazy is not None
        curves = (
            self.results.equity_lazy.filter(pl.col("parameter_set") == parameter_set)
            .select("equity")
            .collect()["equity"]
            .to_numpy()
        )
        samples = curves.shape[1]
        steps = self.results.summary.steps
        bars = np.floor((np.arange(samples) + 1) * steps / samples).astype(np.int64)
        return pl.DataFrame({"bar": np.tile(bars, len(curves)), "equity": curves.ravel()})


def _figure(material: _Material, draw: Any, labels: dict[int, str]) -> Any:
    from mc_assets.reports import charts

    if not material.has_equity:
        return (
            '<p class="note">No equity curves were recorded: <code>record: {equity: 100}</code> '
            "in the study keeps 100 points of each.</p>"
        )
    fans = [(labels[s], charts.fan_quantiles(material.curves(s))) for s in material.sets]
    return draw(fans)


def _not_kept(metric: str) -> str:
    """Say in place of a figure how to get it."""
    return (
        f'<p class="note">The study does not keep <code>{metric}</code>: add it to '
        "<code>record: {metrics: [...]}</code>, and <code>mc run</code> computes it.</p>"
    )


def _summary_table(material: _Material) -> str:
    headlines = headlines_in(material.statistics)
    if not headlines:
        return '<p class="note">The study keeps no metric that a statistic is made of.</p>'
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in material.swept)
    heads += "".join(f"<th>{html.escape(_title(known))}</th>" for known in headlines)
    heads += "<th>n</th><th>idle, %</th>"
    lines = []
    for number in material.sets:
        values = material.parameters[number]
        cells = "".join(f"<td>{html.escape(str(values[name]))}</td>" for name in material.swept)
        row: dict[str, Any] = {}
        for known in headlines:
            row = material.statistic(number, known.statistic)
            ends = (row["std_error"], row["ci_low"], row["ci_high"])
            estimate, interval = interval_pair(row["estimate"], *ends, known.unit)
            shown = row["method"] if row["ci_low"] is None else interval
            cells += f'<td>{estimate}<span class="error">{html.escape(shown)}</span></td>'
        idle = "–" if row["idle_share"] is None else f"{100.0 * row['idle_share']:.0f}"
        cells += f"<td>{row['n']:,}</td><td>{idle}</td>"
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><tr>{heads}</tr>{"".join(lines)}</table></div>'


def _title(headline: Headline) -> str:
    return f"{headline.title}, %" if headline.unit == "share" else headline.title


def _note(material: _Material) -> str:
    count = len(material.results)
    failed = int((material.rows["status"] == "failed").sum())
    single = material.results.summary.record.precision == "float32"
    rounded = " Metrics are stored in float32: each is rounded to 6e-8 of itself." if single else ""
    return (
        f"{count:,} simulations, {failed:,} failed. Below each number stands its 95&nbsp;% "
        f"interval, of every error that the study can tell. {_errors(material)}The Sharpe ratio "
        "is that of all returns of all n paths of a set together; idle is the share of paths that "
        "never held a position, which count with 0. The 95&nbsp;% VaR is the loss of net P&amp;L "
        "that one simulation in twenty exceeds. Max drawdown is the mean over simulations."
        f"{rounded}"
    )


def _errors(material: _Material) -> str:
    """Name the largest kinds of error of the first headline, and what shrinks them."""
    first = [headline.statistic for headline in headlines_in(material.statistics)[:1]]
    rows = material.statistics.filter(pl.col("statistic").is_in(first))
    said = dict(rows.select("what_to_run", "dominant").iter_rows())
    return "".join(
        f"Largest part, {ERROR_KINDS[kind]}: {html.escape(words)}. "
        for words, kind in said.items()
        if words is not None
    )


def _choice(material: _Material, data: Path) -> str:
    """Say what the search over parameter sets explains of the best Sharpe ratio."""
    if "sharpe" not in statistics_of(material.results):
        return ""
    best = best_set_of(material.results, "sharpe", data)
    if best is None:
        return ""
    said = ". ".join(text[0].upper() + text[1:] for text in best.sentences)
    return f'<p class="choice">{html.escape(said)}.</p>'


def _warnings(material: _Material) -> str:
    """List what should be known before the numbers are believed."""
    sentences = material.results.warnings()["sentence"].to_list()
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="warnings">{items}</ul>' if items else ""


def _lineage(material: _Material) -> str:
    summary = material.results.summary
    written = summary.definition or {}
    rows = {
        "study": material.results.name,
        "fingerprint": material.results.fingerprint,
        "world": summary.world,
        "source": _words(written.get("source") or summary.source),
        "strategy": _words(written.get("strategy") or summary.strategy),
        "constraint": "; ".join(map(str, written.get("constraint") or [])),
        "execution": _words(written.get("execution")),
        "seeds": f"{summary.seeds:,} ({_words(written.get('seeds'))})",
        "horizon": f"{summary.steps:,} bars of {summary.timeframe} on {summary.exchange}",
        "year": summary.year,
        "parameter sets": f"{summary.parameter_sets:,}",
        "bars": ", ".join(
            f"{bars.symbol}@{bars.timeframe} to {bars.last_bar}, history {bars.history_hash}"
            for bars in summary.lineage.bars
        ),
        "calibration": _calibration(summary.lineage.calibration),
        "engine version": summary.engine_version,
    }
    return "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in rows.items()
        if value
    )


def _calibration(made_of: CalibrationLineage | None) -> str:
    if made_of is None:
        return ""
    return f"{made_of.model} as of {made_of.as_of}, {made_of.calibration_hash}"


def _words(value: Any) -> str:
    """Write settings as ``name value, name value``, leaving out what was not set."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if v not in (None, {}, [], "")}
        return ", ".join(f"{name} {_words(entry)}" for name, entry in kept.items())
    if isinstance(value, list):
        return "[" + ", ".join(_words(entry) for entry in value[:20]) + "]"
    return str(value)

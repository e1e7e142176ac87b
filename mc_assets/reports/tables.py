"""Tables of the page of a study, and what is said around them."""

from __future__ import annotations

import datetime
import html
from typing import Any

import polars as pl

from engine.jobs.lineage import CalibrationLineage
from engine.plots.page import table
from mc_assets.estimate_text import interval_pair
from mc_assets.headlines import ERROR_KINDS, Headline, headlines_in, saved_sentence
from mc_assets.reports.material import Material
from mc_assets.warning_sentences import warning_sentences

__all__ = [
    "all_statistics",
    "examples_of",
    "lineage_rows",
    "note_of",
    "summary_table",
    "warnings_of",
]


def summary_table(material: Material) -> str:
    """Return the headline statistics of every set with their intervals."""
    headlines = headlines_in(material.statistics)
    if not headlines:
        return '<p class="note">The study keeps no metric that a statistic is made of.</p>'
    heads = "".join(_head(name) for name in material.swept)
    heads += "".join(_head(_title(known)) for known in headlines)
    heads += _head("n") + _head("idle, %")
    lines = []
    for number in material.shown:
        values = (material.value(number, name) for name in material.swept)
        cells = "".join(f"<td>{html.escape(value)}</td>" for value in values)
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
    return (
        f"{_left_out(material)}"
        f'<div class="wide"><table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _left_out(material: Material) -> str:
    """Say how many sets a table leaves out, and where they are."""
    shown, count = len(material.shown), len(material.sets)
    if shown == count:
        return ""
    study = html.escape(material.results.name)
    return (
        f'<p class="note">The best {shown} of {count:,} parameter sets by mean net P&amp;L; '
        f"<code>mc show {study} --limit {count}</code> prints all of them.</p>"
    )


def _head(name: str) -> str:
    return f'<th scope="col"><button>{html.escape(name)}</button></th>'


def examples_of(material: Material) -> str:
    """Return the worst, the median and the best simulation of the best set, with the command."""
    if not material.sets or not material.has("net_pnl"):
        return ""
    some = material.ranked(material.sets[0], [0.0, 0.5, 1.0])
    if some.is_empty():
        return ""
    names = ["worst", "median", "best"]
    distinct = some["simulation"].n_unique()
    if distinct < 3:
        names, some = ["the only" if distinct == 1 else "worst"], some[:1]
    columns: dict[str, Any] = {"": names, "seed": some["seed"]}
    for name, title, scale, form in (
        ("net_pnl", "net P&L", 1.0, ",.0f"),
        ("max_drawdown", "max drawdown, %", 100.0, ".1f"),
        ("trades", "trades", 1.0, ",.0f"),
    ):
        if name in some.columns:
            columns[title] = [format(scale * value, form) for value in some[name]]
    study = material.results.name
    columns["looked at by"] = [f"mc replay {study} {number}" for number in some["simulation"]]
    shown = pl.DataFrame(columns)
    label = html.escape(material.labels[material.sets[0]])
    return f'<p class="note">Of {label}, by net P&amp;L.</p>' + table(
        shown, text=("", "looked at by")
    )


def all_statistics(material: Material) -> str:
    """Return every statistic of every set as a table that a click on a heading sorts."""
    rows = material.statistics.filter(pl.col("parameter_set").is_in(material.shown))
    rows = rows.sort("statistic", "parameter_set")
    names = [material.labels[number] for number in rows["parameter_set"]]
    number = [
        "–" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
        for name in ("estimate", "std_error", "ci_low", "ci_high")
        for value in rows[name]
    ]
    count = len(rows)
    shown = pl.DataFrame(
        {
            "statistic": rows["statistic"],
            "set": names,
            "estimate": number[:count],
            "std. error": number[count : 2 * count],
            "from": number[2 * count : 3 * count],
            "to": number[3 * count :],
            "n": rows["n"],
            "interval by": rows["method"],
        }
    )
    body = table(shown, text=("statistic", "set", "interval by"))
    left_out = _left_out(material)
    return f"<details><summary>{count:,} rows</summary>{left_out}{body}</details>"


def _title(headline: Headline) -> str:
    return f"{headline.title}, %" if headline.unit == "share" else headline.title


def note_of(material: Material) -> str:
    """Say how the numbers of the table are to be read."""
    count = len(material.results)
    failed = len(material.results.failures)
    single = material.results.summary.record.precision == "float32"
    rounded = " Metrics are stored in float32: each is rounded to 6e-8 of itself." if single else ""
    return (
        f"{count:,} simulations, {failed:,} failed. Below each number stands its 95&nbsp;% "
        f"interval, of every error that the study can tell. {_errors(material)}The Sharpe ratio "
        "is that of all returns of all n paths of a set together; idle is the share of paths that "
        f"never held a position, which count with 0. {_assumption(material)}The "
        "95&nbsp;% VaR is the loss of net P&amp;L that one simulation in twenty exceeds. Max "
        "drawdown is the mean over simulations."
        f"{rounded}"
    )


def _assumption(material: Material) -> str:
    """Say of a study of options what decides its result."""
    summary = material.results.summary
    if not summary.engine_version.startswith("options-"):
        return ""
    options = (summary.definition or {}).get("options") or {}
    volatility = html.escape(_words(options.get("volatility", "model")))
    return (
        f"Options are priced at the volatility “{volatility}”, an assumption that decides the "
        "result: what is sold at the model’s own volatility earns minus its costs. "
    )


def _errors(material: Material) -> str:
    """Name the largest kinds of error of the first headline, and what shrinks them."""
    first = [headline.statistic for headline in headlines_in(material.statistics)[:1]]
    rows = material.statistics.filter(pl.col("statistic").is_in(first))
    said = dict(rows.select("what_to_run", "dominant").iter_rows())
    sentences = [
        f"Largest part, {ERROR_KINDS[kind]}: {html.escape(words)}. "
        for words, kind in said.items()
        if words is not None
    ]
    saved = saved_sentence(material.statistics)
    return "".join([*sentences, f"{saved[0].upper()}{saved[1:]}. " if saved else ""])


def warnings_of(material: Material) -> str:
    """List what should be known before the numbers are believed."""
    sentences = warning_sentences(material.results.warnings())
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="warnings">{items}</ul>' if items else ""


def lineage_rows(material: Material) -> str:
    """Return the rows of where the numbers come from."""
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
        "page written": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
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

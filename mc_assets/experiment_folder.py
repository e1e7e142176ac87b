"""The folder of an experiment: what was asked, every trial, what came out."""

from __future__ import annotations

import html
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.files import write_json, write_parquet, write_whole

if TYPE_CHECKING:
    from engine.search import SearchOutcome

__all__ = ["SUMMARY", "code_version", "write_experiment"]

#: The summary of an experiment, in its folder.
SUMMARY = "summary.json"


def write_experiment(
    folder: Path, name: str, question: str, settings: Mapping[str, Any], found: SearchOutcome
) -> None:
    """Write what an experiment was asked and what it came to.

    Parameters
    ----------
    folder : Path
        Its folder.
    name : str
        Of the experiment.
    question : str
        The input as YAML: ``input.yaml``.
    settings : mapping
        The settings of the search.
    found : SearchOutcome
        ``resolved.json`` says what was searched and by what code on what data, ``trials.parquet``
        and ``trials.csv`` hold a row per trial, ``leaderboard.csv`` the leaders on fresh paths,
        ``moves.csv`` what they lose a step away, ``regimes.csv`` what they come to by the market's
        volatility, ``summary.json`` and ``summary.md`` the outcome,
        ``figures/`` the pictures, ``report.html`` all of them on a page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "input.yaml", question.encode())
    write_json(folder / "resolved.json", _resolved(name, settings, found))
    write_parquet(found.trials, folder / "trials.parquet")
    for file, frame in (
        ("trials.csv", found.trials),
        ("leaderboard.csv", found.leaders),
        ("moves.csv", found.moves),
        ("regimes.csv", found.regimes),
    ):
        write_whole(folder / file, frame.write_csv().encode())
    _write_figures(folder, name, found)
    write_whole(folder / "summary.md", _markdown(name, found).encode())
    # Last: an experiment with a summary is whole.
    summary = {"experiment": name, **_identity(found), **found.to_json()}
    write_json(folder / SUMMARY, json.loads(json.dumps(summary, default=str)))


def code_version(root: Path) -> dict[str, Any]:
    """Return the version of the package, and the commit of a checkout with what differs from it.

    Parameters
    ----------
    root : Path
        A folder of the checkout.
    """
    found: dict[str, Any] = {"version": version("mc-lab"), "commit": None, "dirty": None}
    try:
        commit = _git(root, "rev-parse", "HEAD")
        found |= {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        pass  # no checkout, or no git
    return found


def _git(root: Path, *words: str) -> str:
    ran = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, check=True
    )
    return ran.stdout.strip()


def _identity(found: SearchOutcome) -> dict[str, Any]:
    return {name: found.made_of[name] for name in ("strategy", "data", "series", "world")}


def _resolved(name: str, settings: Mapping[str, Any], found: SearchOutcome) -> dict[str, Any]:
    content = {
        "experiment": name,
        "space": [
            {"name": item.name, "kind": item.values.kind, "arguments": list(item.values.arguments)}
            for item in found.space.dimensions
        ],
        "settings": dict(settings),
        "made_of": found.made_of,
        "code": code_version(Path(__file__).parent),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "numba", "polars")},
    }
    plain: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return plain


def _markdown(name: str, found: SearchOutcome) -> str:
    objective = found.table.objectives[0]
    # Markdown passes HTML on.
    title = html.escape(name, quote=False)
    lines = [f"# {title}", "", f"{found.sentence}.", ""]
    lines += [f"- {one}" for one in (*found.table.objectives, *found.table.requirements)]
    on = html.escape(found.made_of["series"] or found.study, quote=False)
    lines += [f"- {found.made_of['strategy']} on {on}", ""]
    columns = ["role", *found.table.parameters, "claim", "fresh", "fresh_low", "fresh_high"]
    columns += ["plateau", "cluster"]
    lines += ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in found.leaders.iter_rows(named=True):
        lines.append("| " + " | ".join(_cell(row[column]) for column in columns) + " |")
    lines += [
        "",
        f"`claim` is the {objective.statistic} that the search chose by, `fresh` the same on "
        f"{found.unseen}, with its 95 % interval where it has one.",
        "",
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _write_figures(folder: Path, name: str, found: SearchOutcome) -> None:
    from engine.plots import Chart, page, section
    from engine.plots.page import table
    from engine.plots.search import claim_and_fresh, parameter_maps, search_course

    objective = found.table.objectives[0]
    course = search_course(found.trials, objective.statistic, maximise=objective.maximise)
    charts = [Chart("How the search went", course, id="course")]
    if len(found.leaders):
        claimed = claim_and_fresh(found.leaders, objective.statistic)
        note = "A point below its diamond is what the choice by luck had added."
        charts.append(Chart("What was claimed, and what held", claimed, note, id="fresh"))
        log = [item.name for item in found.space.dimensions if item.values.kind.startswith("log_")]
        maps = parameter_maps(found.robust, found.table.parameters, objective.statistic, log)
        charts += [
            Chart(title, figure, id=f"map{number}")
            for number, (title, figure) in enumerate(maps, start=1)
        ]
    (folder / "figures").mkdir(exist_ok=True)
    for chart in charts:
        write_whole(folder / "figures" / f"{chart.id}.html", chart.to_html().encode())
    parts = [section(chart.title, chart) for chart in charts]
    parts.append(section("Leaders", table(_as_text(found.leaders), text=("role",))))
    write_whole(folder / "report.html", page(name, *parts, lead=f"{found.sentence}.").encode())


def _as_text(leaders: pl.DataFrame) -> pl.DataFrame:
    columns = [
        name
        for name in leaders.columns
        if name not in ("trial", "set_id") and leaders[name].null_count() < len(leaders)
    ]
    rows = [[_cell(value) or None for value in row] for row in leaders.select(columns).iter_rows()]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")

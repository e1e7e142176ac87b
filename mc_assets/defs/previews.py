"""What an asset's page shows of a study: a table with rounded numbers, and a picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
import polars as pl

from engine.jobs.parameter_text import parameter_text
from mc_assets.estimate_text import estimate_text, rounded_pair
from mc_assets.headlines import HEADLINES

if TYPE_CHECKING:
    from mc_assets.project import Project

__all__ = [
    "best_metadata",
    "headline_preview",
    "markdown_table",
    "rows_preview",
    "study_picture_of",
]

_RANKED_BY: Final = "mean_net_pnl"
_SETS: Final = 10
_SHOWN: Final = 3
_ROWS: Final = 8
# Columns that a person looks at first.
_FIRST: Final = ("seed", "status", "net_pnl", "total_return", "max_drawdown", "sharpe", "trades")


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    r"""Return a table as Markdown, the first column to the left.

    Examples
    --------
    >>> print(markdown_table(["set", "P&L"], [["a|b", "1"]]))
    | set | P&L |
    |---|---:|
    | a\|b | 1 |
    """
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    shown = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    texts = ["| " + " | ".join(line) + " |" for line in shown]
    texts[1] = "|" + "|".join(lines[1]) + "|"
    return "\n".join(texts)


def headline_preview(statistics: pl.DataFrame) -> str:
    """Return the best sets of a table of statistics with their headlines, each ± its error."""
    ranked = (
        statistics.filter(pl.col("statistic") == _RANKED_BY)
        .sort(pl.col("supported"), pl.col("estimate"), descending=True, nulls_last=True)
        .head(_SETS)
    )
    sets = ranked if len(ranked) else statistics.unique("parameter_set").head(_SETS)
    by_place = {
        (row["parameter_set"], row["statistic"]): row for row in statistics.iter_rows(named=True)
    }
    # A page has room for three beside the parameters; the report has all.
    shown = [one for one in HEADLINES if one.statistic in set(statistics["statistic"])][:_SHOWN]
    rows = []
    for number, parameters in sets.select("parameter_set", "parameters").iter_rows():
        cells = [_set_text(parameters)]
        for headline in shown:
            row = by_place.get((number, headline.statistic))
            text = estimate_text(row["estimate"], row["std_error"], headline.unit) if row else "–"
            # A number and its error stay on one line.
            cells.append(text.replace(" ", "\N{NO-BREAK SPACE}"))
        rows.append(cells)
    return markdown_table(["parameters", *(one.title for one in shown)], rows)


def best_metadata(statistics: pl.DataFrame) -> dict[str, Any]:
    """Return the best set by mean net P&L: a sentence, and numbers that become plots through time.

    Numbers are rounded to two digits of their error; empty of rows without net P&L.
    """
    ranked = statistics.filter(pl.col("statistic") == _RANKED_BY)
    best = ranked.sort("supported", "estimate", nulls_last=False).tail(1)
    if best.is_empty():
        return {}
    row = best.row(0, named=True)
    estimate, error = row["estimate"], row["std_error"]
    text = estimate_text(estimate, error, "money")
    numbers = {
        f"best_{_RANKED_BY}": _number(rounded_pair(estimate, error, "money")[0]),
        f"best_{_RANKED_BY}_std_error": _number(rounded_pair(estimate, error, "money")[1]),
    }
    said = {"best": f"{text} with {_set_text(row['parameters'])}"}
    return said | {name: value for name, value in numbers.items() if value is not None}


def rows_preview(rows: pl.DataFrame, title: str) -> dict[str, Any]:
    """Return the first rows of a part and a histogram of its outcomes, as metadata.

    Parameters
    ----------
    rows : polars.DataFrame
        Simulations.
    title : str
        What they are.
    """
    columns: list[str] = [name for name in _FIRST if name in rows.columns]
    shown = [
        [_cell(value) for value in row] for row in rows.select(columns).head(_ROWS).iter_rows()
    ]
    found: dict[str, Any] = {"first_rows": dg.MetadataValue.md(markdown_table(columns, shown))}
    if "net_pnl" in rows.columns and len(rows):
        from mc_assets.reports.picture import as_markdown, outcomes_picture

        picture = outcomes_picture(title, rows["net_pnl"])
        found["picture"] = dg.MetadataValue.md(as_markdown([(title, picture)]))
    return found


def study_picture_of(project: Project, study: str) -> dg.MetadataValue[Any]:
    """Return the still picture of a study's best set."""
    from mc_assets.reports import report_picture
    from mc_assets.reports.picture import as_markdown

    return dg.MetadataValue.md(as_markdown([(study, report_picture(project, study))]))


def _set_text(parameters: str) -> str:
    """Return a parameter set as a person writes it: ``fast 5, slow 50``."""
    pairs = json.loads(parameters).items()
    return (
        ", ".join(f"{name}\N{NO-BREAK SPACE}{parameter_text(value)}" for name, value in pairs)
        or "–"
    )


def _cell(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("−", "-"))
    except ValueError:
        return None

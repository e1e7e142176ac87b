"""The headline statistics of a study, declared once for tables, pages, reports and SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mc_assets.estimate_text import Unit

if TYPE_CHECKING:
    import polars as pl

    from engine.results import Results

__all__ = [
    "ADVICE",
    "ENDINGS",
    "ERROR_KINDS",
    "HEADLINES",
    "HEADLINE_NAMES",
    "Headline",
    "headline_names",
    "headline_sql",
    "headlines_in",
    "saved_sentence",
    "with_all_errors",
]


@dataclass(frozen=True)
class Headline:
    """A statistic that one looks at first.

    Parameters
    ----------
    title : str
        Heading of its column.
    statistic : str
        Its name in `engine.results.STATISTICS`.
    unit : {"money", "ratio", "share"}
        How it is written (`mc_assets.estimate_text`).
    """

    title: str
    statistic: str
    unit: Unit


HEADLINES = (
    Headline("mean net P&L", "mean_net_pnl", "money"),
    Headline("profit probability", "profit_probability", "share"),
    Headline("Sharpe", "sharpe", "ratio"),
    Headline("95 % VaR", "value_at_risk_95", "money"),
    Headline("max drawdown", "max_drawdown", "share"),
)

HEADLINE_NAMES = tuple(headline.statistic for headline in HEADLINES)


#: Columns of ``parameter_sets`` per headline: of the estimate, and with these endings of the rest.
ENDINGS = {
    "estimate": "",
    "std_error": "_std_error",
    "ci_low": "_ci_low",
    "ci_high": "_ci_high",
    "method": "_method",
}


#: What the kinds of error of ``error_budget`` are called in a table.
ERROR_KINDS = {
    "monte_carlo": "Monte Carlo",
    "history": "history",
    "parameters": "parameters",
    "none": "not known",
}


def headline_names(results: Results) -> tuple[str, ...]:
    """Names of the headline statistics that results have; without any, of their first five."""
    from engine.results.definitions import statistics_of

    known = statistics_of(results)
    shown = tuple(name for name in HEADLINE_NAMES if name in known)
    return shown or tuple(known)[: len(HEADLINES)]


#: Columns behind the errors of `with_all_errors`.
ADVICE: Final = ("dominant", "what_to_run", "variance_saved")


def headlines_in(statistics: pl.DataFrame) -> tuple[Headline, ...]:
    """Return the headlines among the statistics of a table; without any, its first five."""
    found = statistics["statistic"].unique(maintain_order=True).to_list()
    shown = tuple(headline for headline in HEADLINES if headline.statistic in found)
    return shown or tuple(Headline(name, name, "ratio") for name in found[: len(HEADLINES)])


def headline_sql() -> str:
    """Write the columns of each headline over rows of ``statistics`` with all their errors."""
    columns = [
        f"max({value}) FILTER (statistic = '{name}') AS {name}{ending}"
        for name in HEADLINE_NAMES
        for value, ending in ENDINGS.items()
    ]
    first = HEADLINE_NAMES[0]
    columns += [
        f"max({name}) FILTER (statistic = '{first}') AS {name}"
        for name in ("dominant", "what_to_run")
    ]
    return ",\n    ".join(columns)


def saved_sentence(statistics: pl.DataFrame) -> str:
    """Say what part of the variance dependent paths saved, by the first headline of a table.

    Parameters
    ----------
    statistics : polars.DataFrame
        As of `with_all_errors`.

    Returns
    -------
    str
        Empty where paths are independent.
    """
    import polars as pl

    first = [headline.statistic for headline in headlines_in(statistics)[:1]]
    saved = statistics.filter(pl.col("statistic").is_in(first))["variance_saved"].drop_nulls()
    if saved.is_empty():
        return ""
    ascending = saved.sort().to_list()
    least, most = (f"{100 * value:.0f} %" for value in (ascending[0], ascending[-1]))
    share = least if least == most else f"{least} to {most}"
    return f"paths that balance one another save {share} of the variance of independent ones"


def with_all_errors(statistics: pl.DataFrame, budget: pl.DataFrame) -> pl.DataFrame:
    """Give estimates the error and the interval of everything that the study can tell.

    Parameters
    ----------
    statistics : polars.DataFrame
        One row per parameter set and statistic (`engine.results.study_statistics`), whose errors
        are those of Monte Carlo alone.
    budget : polars.DataFrame
        Of the same statistics (`engine.results.study_error_budget`).

    Returns
    -------
    polars.DataFrame
        The same rows, with ``std_error``, ``ci_low``, ``ci_high`` and ``method`` of all errors,
        and ``dominant``, ``what_to_run`` and ``variance_saved`` behind them.
    """
    import polars as pl

    keys = ["parameter_set", "statistic"]
    others = {"total": "std_error", "ci_low": "ci_low", "ci_high": "ci_high", "method": "method"}
    found = budget.select(
        *keys,
        *(pl.col(name).alias(f"_{column}") for name, column in others.items()),
        *ADVICE,
    )
    return (
        statistics.join(found, on=keys, how="left", maintain_order="left")
        .with_columns(pl.col(f"_{column}").alias(column) for column in others.values())
        .drop(f"_{column}" for column in others.values())
    )

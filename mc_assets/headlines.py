"""The headline statistics of a study, declared once for tables, pages, reports and SQL."""

from __future__ import annotations

from dataclasses import dataclass

from mc_assets.estimate_text import Unit

__all__ = ["ENDINGS", "HEADLINES", "HEADLINE_NAMES", "Headline", "headline_sql"]


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


def headline_sql() -> str:
    """Write the columns of each headline over rows of ``statistics``."""
    return ",\n    ".join(
        f"max({value}) FILTER (statistic = '{name}') AS {name}{ending}"
        for name in HEADLINE_NAMES
        for value, ending in ENDINGS.items()
    )

"""Families of statistics: names that are made of a metric, a probability, a level or a bar."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final, cast

from engine.execution.metric_groups import all_metrics
from engine.results.statistic_kinds import (
    Statistic,
    count_of,
    deviation_of,
    kurtosis_of,
    mean_of,
    quantile_of,
    quantile_of_paths,
    share_at_least,
    share_at_most,
    share_of_profits,
    shortfall_of,
    skewness_of,
    value_at_risk,
)
from engine.statistics.tail_risk import TailMethod

__all__ = ["COUNTS", "FAMILIES", "MONEY_AT", "family_member"]

#: Metrics that count events which may be rare.
COUNTS: Final = ("trades", "rejected_orders", "margin_calls")

#: Net P&L at the close of a bar of the path, the first of which is 1; where equity is recorded.
MONEY_AT: Final = re.compile(r"net_pnl_at_bar_([1-9]\d*)")

#: What names of families look like, for whoever reads a refusal or the documentation.
FAMILIES: Final = (
    "mean_METRIC, std_METRIC, skewness_METRIC, kurtosis_METRIC, METRIC_q05, RATIO_of_paths_q05, "
    "value_at_risk_99, expected_shortfall_99, of either ..._normal and ..._cornish_fisher, "
    "probability_METRIC_at_least_X, probability_METRIC_at_most_X, and of net P&L ..._at_bar_N"
)

# A single path has a gain or a loss, not both; losses of a path stand with the other sign. Trades
# of a path have no scatter that a path of one trade could tell.
_NOT_OF_PATHS: Final = ("gain_to_loss", "average_loss", "sqn")
_AT_BAR: Final = r"(?P<at>_at_bar_[1-9]\d*)?"
_MOMENT: Final = re.compile(r"(?P<kind>mean|std|skewness|kurtosis)_(?P<metric>\w+)")
_QUANTILE: Final = re.compile(r"(?P<of>\w+?)(?P<by_path>_of_paths)?_q(?P<p>0[1-9]|[1-9]\d)")
_TAIL: Final = re.compile(
    r"(?P<kind>value_at_risk|expected_shortfall)_(?P<level>5[1-9]|[6-9]\d)"
    r"(?:_(?P<method>historical|normal|cornish_fisher))?" + _AT_BAR
)
_SIDE: Final = re.compile(r"(?P<side>profit|loss)_probability" + _AT_BAR)
_BOUND: Final = re.compile(
    r"probability_(?P<metric>\w+?)_at_(?P<side>least|most)_(?P<bound>-?\d+(?:\.\d+)?)"
)
_MOMENTS: Final[dict[str, Callable[[str], Statistic]]] = {
    "mean": mean_of,
    "std": deviation_of,
    "skewness": skewness_of,
    "kurtosis": kurtosis_of,
}


def family_member(
    name: str, ratios: Collection[str], own_metrics: Collection[str] = ()
) -> Statistic | None:
    """Return the statistic of a name that is made of parts; None if it is of no family.

    Parameters
    ----------
    name : str
        As `FAMILIES` has them.
    ratios : collection of str
        Metrics that are ratios, of which no mean over paths is ever shown.
    own_metrics : collection of str
        Metrics of the study's own.

    Returns
    -------
    Statistic or None
        What the name stands for.

    Examples
    --------
    >>> family_member("value_at_risk_99_normal", ()).needs
    ('net_pnl',)
    >>> family_member("probability_max_drawdown_at_most_-0.2", ()).needs
    ('max_drawdown',)
    >>> family_member("loss_probability_at_bar_126", ()).needs
    ('net_pnl_at_bar_126',)
    """

    def is_metric(of: str) -> bool:
        known = of in own_metrics or (of in all_metrics() and of not in ratios)
        return known or MONEY_AT.fullmatch(of) is not None

    tail, side = _TAIL.fullmatch(name), _SIDE.fullmatch(name)
    if tail is not None:
        make = value_at_risk if tail["kind"] == "value_at_risk" else shortfall_of
        method = cast("TailMethod", tail["method"] or "historical")
        return make(_money(tail["at"]), int(tail["level"]) / 100, method)
    if side is not None:
        money = _money(side["at"])
        return (
            share_of_profits(money) if side["side"] == "profit" else share_of_profits(money, -1.0)
        )
    quantile = _QUANTILE.fullmatch(name)
    if quantile is not None:
        of, probability = quantile["of"], int(quantile["p"]) / 100
        if quantile["by_path"]:
            known = of in ratios and of not in _NOT_OF_PATHS
            return quantile_of_paths(of, probability) if known else None
        return quantile_of(of, probability) if is_metric(of) else None
    bound = _BOUND.fullmatch(name)
    if bound is not None and is_metric(bound["metric"]):
        share = share_at_least if bound["side"] == "least" else share_at_most
        return share(bound["metric"], float(bound["bound"]))
    moment = _MOMENT.fullmatch(name)
    if moment is not None and is_metric(moment["metric"]):
        counted = moment["kind"] == "mean" and moment["metric"] in COUNTS
        return (count_of if counted else _MOMENTS[moment["kind"]])(moment["metric"])
    return None


def _money(at_bar: str | None) -> str:
    return f"net_pnl{at_bar or ''}"

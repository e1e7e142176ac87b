"""Pictures on the page of a study of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from engine.errors import Refusal
from mc_assets.reports.material import Material

if TYPE_CHECKING:
    from engine.plots import Chart

__all__ = ["option_charts"]

# Sets whose profit is drawn by greek: more bars are not told apart.
_MOST_GREEKS: Final = 8
_GREEKS: Final = ("delta", "gamma", "theta", "vega", "rest")
_MAPS: Final = (
    ("What the offsets earn, and how sure that is", "mean net P&L", "mean_net_pnl", "offsets"),
    ("How often they earn", "profit probability", "profit_probability", "offsets_probability"),
)


def option_charts(material: Material) -> dict[str, str | Chart]:
    """Return the pictures of a study of options by their headings, or why one is not there.

    Parameters
    ----------
    material : Material
        Of a study of options.
    """
    made: dict[str, str | Chart] = {}
    if len(material.swept) > 1:
        for heading, title, statistic, name in _MAPS:
            table = material.by_set(statistic)
            if len(table):
                made[heading] = _map(material, table, title, name)
        if material.has("max_margin_use"):
            table = material.means(["max_margin_use"])["max_margin_use"]
            title = "largest margin use"
            made["What they tie up"] = _map(material, table, title, "offsets_margin")
    if material.has("premium") and len(material.by_set("expected_shortfall_95")):
        made["Tail loss against premium"] = _tail(material)
    if material.has("delta_pnl"):
        made["Where the profit comes from"] = _by_greek(material)
    worst = _worst(material)
    if worst is not None:
        made["The worst simulation of the best set"] = worst
    return made


def _map(material: Material, table: pl.DataFrame, title: str, name: str) -> Chart:
    """Return maps of a number over two offsets, beside those of its standard errors."""
    from engine.plots import Chart
    from engine.plots.paired_maps import MOST_PAIRS, paired_maps

    across, down, *within = _axes(material)
    figure = paired_maps(table, across, down, within, title)
    note = "A difference of two means says little until it is several standard errors wide."
    if len(figure.data) == 2 * MOST_PAIRS:
        note += f" At most {MOST_PAIRS} values of {', '.join(within)} together are shown."
    return Chart(f"{title} and its standard error", figure, note, id=name)


def _axes(material: Material) -> list[str]:
    # Offsets of strikes first: built-in strategies and those of users name them so.
    return sorted(material.swept, key=lambda name: not name.endswith("otm"))


def _tail(material: Material) -> Chart:
    from engine.jobs.parameter_text import parameter_text
    from engine.plots import Chart
    from engine.plots.options import tail_against_premium

    names = {"estimate": "premium", "std_error": "premium_error"}
    premium = material.means(["premium"])["premium"].rename(names)
    tail = material.by_set("expected_shortfall_95").select(
        "parameter_set", pl.col("estimate").alias("loss"), pl.col("std_error").alias("loss_error")
    )
    both = premium.join(tail, on="parameter_set").with_columns(
        pl.col("parameter_set").replace_strict(material.labels).alias("label")
    )
    groups = [("", both)]
    others = [name for name in material.swept if not name.endswith("otm")]
    if others and len(others) < len(material.swept):
        parts = both.partition_by(others[0], maintain_order=True, as_dict=True)
        groups = [
            (f"{others[0]} {parameter_text(value)}", part) for (value,), part in parts.items()
        ]
    note = (
        "A point per parameter set with its standard errors: what it takes in over a path, and "
        "the mean loss of the worst twentieth of the paths. Below zero even those earn."
    )
    return Chart(
        "tail loss against premium", tail_against_premium(groups), note, id="tail_against_premium"
    )


def _by_greek(material: Material) -> str | Chart:
    from engine.plots import Chart
    from engine.plots.options import profit_by_greek

    shown = material.sets[:_MOST_GREEKS]
    means = material.means([f"{name}_pnl" for name in _GREEKS])
    place = pl.DataFrame({"parameter_set": shown}, schema={"parameter_set": pl.Int32})
    parts = {
        name: place.join(
            table.select(pl.col("parameter_set").cast(pl.Int32), "estimate", "std_error"),
            on="parameter_set", how="left", maintain_order="left",
        )
        for name, table in zip(_GREEKS, means.values(), strict=True)
    }  # fmt: skip
    if parts["delta"]["estimate"].null_count() == len(shown):
        return (
            '<p class="note">Profit by greek was not asked for: <code>options: {greeks: true}'
            "</code> in the study computes it.</p>"
        )
    labels = [material.labels[number] for number in shown]
    note = "Greeks at each close times the moves to the next; costs are part of the rest."
    if len(material.sets) > len(shown):
        note = f"The best {len(shown)} sets. {note}"
    return Chart("profit by greek", profit_by_greek(labels, parts), note, id="profit_by_greek")


def _worst(material: Material) -> Chart | None:
    """Return the worst simulation of the best set; None where it cannot be run again."""
    from engine.plots import Chart

    if not material.sets or not material.has("net_pnl"):
        return None
    rows = material.ranked(material.sets[0], [0.0])
    if rows.is_empty():
        return None
    number = rows["simulation"].item(0)
    try:
        drawn = material.results.simulation(number).plot()
    except (Refusal, IndexError):
        return None
    note = (
        f"Of {material.labels[material.sets[0]]}: every leg at its strike, from its entry to its "
        f"exit. mc replay {material.results.name} {number} prints them."
    )
    return Chart(drawn.title, drawn.figure, note, id="worst_legs")

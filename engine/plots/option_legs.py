"""Legs of options over the prices of their underlying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import plotly.graph_objects as go
import polars as pl

from engine.plots.style import BLUE, GREEN, RED

__all__ = ["draw_legs", "legs_of"]

_KINDS: Final = (
    ("sold put", "put ", -1.0, RED, "solid"),
    ("sold call", "call ", -1.0, RED, "dot"),
    ("bought put", "put ", 1.0, GREEN, "solid"),
    ("bought call", "call ", 1.0, GREEN, "dot"),
    ("underlying held", "underlying", 1.0, BLUE, "solid"),
    ("underlying sold", "underlying", -1.0, BLUE, "dot"),
)


def legs_of(trades: pl.DataFrame) -> list[tuple[str, str, str, pl.DataFrame]]:
    """Group the closed legs of a simulation of options by what they are.

    Parameters
    ----------
    trades : polars.DataFrame
        A row a leg: ``symbol`` is right, strike and bar of expiry, or ``underlying``.

    Returns
    -------
    list of (str, str, str, polars.DataFrame)
        Name, colour and dash of each group that has legs, and these with ``begin`` and ``end``:
        the strike, or the prices between which the underlying was held.

    Examples
    --------
    >>> sold = {"symbol": ["put 95.0 @21"], "units": [-1.0], "entry_price": [1.2]}
    >>> name, _, _, rows = legs_of(pl.DataFrame(sold | {"exit_price": [0.0]}))[0]
    >>> name, rows["begin"].item()
    ('sold put', 95.0)
    """
    found = []
    for name, right, sign, colour, dash in _KINDS:
        mine = pl.col("symbol").str.starts_with(right) & (pl.col("units").sign() == sign)
        own = trades.filter(mine)
        if own.is_empty():
            continue
        ends = ("entry_price", "exit_price")
        if right != "underlying":
            strike = pl.col("symbol").str.extract(r"^\w+ (\S+) @").cast(pl.Float64)
            levels = [strike.alias("begin"), strike.alias("end")]
        else:
            levels = [pl.col(end).alias(to) for end, to in zip(ends, ("begin", "end"), strict=True)]
        found.append((name, colour, dash, own.with_columns(levels)))
    return found


def draw_legs(figure: go.Figure, trades: pl.DataFrame, place: Mapping[int, object]) -> None:
    """Draw every leg at its strike, from the bar of its entry to that of its exit.

    Parameters
    ----------
    figure : Figure
        Whose first row has the prices.
    trades : polars.DataFrame
        Of a simulation of options: a row a leg.
    place : mapping of int to object
        Where a bar lies on the axis.
    """
    for name, colour, dash, rows in legs_of(trades):
        x: list[object] = []
        y: list[float | None] = []
        told: list[str] = []
        for row in rows.iter_rows(named=True):
            x += [place[row["entry_bar"]], place[row["exit_bar"]], None]
            y += [row["begin"], row["end"], None]
            price = f"{row['entry_price']:,.4g} to {row['exit_price']:,.4g}"
            told += 3 * [f"{row['units']:,.4g} {row['symbol']}: {price}, P&L {row['pnl']:,.0f}"]
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                line={"color": colour, "width": 2, "dash": dash},
                name=f"{name}, {len(rows):,}",
                text=told,
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=1,
        )

"""Colours and layout that all pictures share; a page in the dark redraws text and grid alone."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["ABOVE_BELOW", "BLUE", "GREEN", "GREY", "MIDDLE", "ORANGE", "PALE", "RED", "styled"]

# In the middle between light and dark, so that they stand out on either.
BLUE: Final = "#3a7bd0"
PALE: Final = "rgba(58, 123, 208, 0.18)"
MIDDLE: Final = "rgba(58, 123, 208, 0.32)"
GREEN: Final = "#2f9e62"
RED: Final = "#d0493a"
ORANGE: Final = "#d98a1f"
GREY: Final = "#7d8694"

#: From below zero to above: pale enough that text of either page is read on it.
ABOVE_BELOW: Final = (
    (0.0, "rgba(208, 73, 58, 0.62)"),
    (0.5, "rgba(125, 134, 148, 0.10)"),
    (1.0, "rgba(58, 123, 208, 0.62)"),
)

_FONT: Final = "system-ui, -apple-system, Segoe UI, sans-serif"
_GRID: Final = "rgba(125, 134, 148, 0.22)"


def styled(figure: Any, height: int = 430) -> Any:
    """Give a figure the common layout: no template, whose text is longer than most data."""
    axis = {"gridcolor": _GRID, "zerolinecolor": _GRID, "linecolor": _GRID, "automargin": True}
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 24, "t": 44, "b": 50},
        font={"family": _FONT, "size": 13, "color": "#1f2937"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        paper_bgcolor="rgba(255,255,255,0)",
        plot_bgcolor="rgba(255,255,255,0)",
        hoverlabel={"font": {"family": _FONT, "size": 12}},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(title_standoff=10, **axis)
    return figure

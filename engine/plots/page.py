"""A page of HTML that needs nothing else: its pictures, their data and what draws them are in it.

What draws is the part of Plotly for Cartesian axes, packed; the browser unpacks it. Text, numbers
and tables stand without it, so that the page can be read with scripts forbidden.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Protocol

import polars as pl

__all__ = ["page", "section", "table", "verdict_box"]

_BUNDLE = "plotly-cartesian-4.1.1.min.js.gz"
_TEMPLATE = "page.html"


class Drawn(Protocol):
    """What a page shows of a chart."""

    @property
    def title(self) -> str:
        """What it shows."""

    @property
    def figure(self) -> Any:
        """The figure."""

    @property
    def note(self) -> str:
        """A sentence below it."""

    @property
    def id(self) -> str:
        """Name of its element."""


def page(title: str, *parts: str, lead: str = "") -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Its heading.
    parts : str
        HTML, as `section`, `table` and `verdict_box` return it.
    lead : str
        A sentence below the heading.
    """
    body = "\n".join(parts)
    template = Template(Path(__file__).with_name(_TEMPLATE).read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        lead=f'<p class="lead">{html.escape(lead)}</p>' if lead else "",
        body=body,
        bundle=_bundle() if "application/json" in body else "",
    )


def section(heading: str, *content: str | Drawn) -> str:
    """Return a heading with charts, or HTML of one's own, below it."""
    parts = [f"<h2>{html.escape(heading)}</h2>"] if heading else []
    parts += [text if isinstance(text, str) else _drawn(text) for text in content]
    return f"<section>{''.join(parts)}</section>"


def verdict_box(
    kind: str, word: str, sentence: str, facts: Mapping[str, str | tuple[str, str]], *more: str
) -> str:
    """Return the box that a page opens with.

    Parameters
    ----------
    kind : {"good", "bad", "open"}
        Its colour.
    word : str
        The verdict in a word or two.
    sentence : str
        The verdict in a sentence.
    facts : mapping of str to str, or to a pair of them
        A few numbers with what they are; of a pair the second, its interval, stands below.
    more : str
        What else is said, in smaller letters.
    """
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{_fact(value)}</dd></div>"
        for name, value in facts.items()
    )
    small = "".join(f'<p class="note">{html.escape(text)}</p>' for text in more)
    return (
        f'<div class="verdict {kind}" role="note"><p class="word">{html.escape(word)}</p>'
        f"<p>{html.escape(sentence)}</p><dl>{cells}</dl>{small}</div>"
    )


def _fact(value: str | tuple[str, str]) -> str:
    if isinstance(value, str):
        return html.escape(value)
    return f'{html.escape(value[0])}<span class="error">{html.escape(value[1])}</span>'


def table(frame: pl.DataFrame, *, text: tuple[str, ...] = ()) -> str:
    """Return a table that a click on a heading sorts.

    Parameters
    ----------
    frame : polars.DataFrame
        Its column names are the headings, its values text already or numbers.
    text : tuple of str
        Columns that are set to the left.
    """
    left = [name in text for name in frame.columns]
    heads = "".join(
        f'<th{_left(own)} scope="col"><button>{html.escape(name)}</button></th>'
        for name, own in zip(frame.columns, left, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_left(own)}>{html.escape('–' if value is None else str(value))}</td>"
            for value, own in zip(row, left, strict=True)
        )
        + "</tr>"
        for row in frame.iter_rows()
    )
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _left(own: bool) -> str:
    return ' class="text"' if own else ""


def _drawn(chart: Drawn) -> str:
    height = chart.figure.layout.height or 430
    identity = f' id="{html.escape(chart.id, quote=True)}"' if chart.id else ""
    # A sentence for those who do not see the picture, and for browsers without scripts.
    note = f'<p class="note">{html.escape(chart.note)}</p>' if chart.note else ""
    label = html.escape(chart.title, quote=True)
    return (
        f'<figure{identity}><div class="chart" role="img" aria-label="{label}" '
        f'style="min-height:{height}px"></div><script type="application/json">'
        f"{_safe(chart.figure)}</script>{note}</figure>"
    )


def _safe(figure: Any) -> str:
    """Return a figure as JSON that cannot end its script element."""
    text: str = figure.to_json()
    return text.replace("</", "<\\/")


@cache
def _bundle() -> str:
    packed = Path(__file__).with_name(_BUNDLE).read_bytes()
    return base64.b64encode(packed).decode()

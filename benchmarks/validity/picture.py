"""The picture of the tables of validity: ``python -m benchmarks.validity picture`` draws it anew.

What is drawn is what `benchmarks/RESULTS.md` says, so that the picture and the table agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["draw", "print_tables"]

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS, _PICTURE = _ROOT / "benchmarks/RESULTS.md", _ROOT / "docs/images/validity.svg"

_VERDICTS, _COVERAGE = "| true Sharpe ratio |", "| statistic | world | 50 paths |"
_WIDTH, _HEIGHT, _TOP, _BOTTOM = 960, 360, 70, 300
_BLUE, _GREY, _RED = "#2563eb", "#64748b", "#b91c1c"


def print_tables() -> None:
    """Draw the picture."""
    _PICTURE.write_text(draw(_RESULTS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{_PICTURE.relative_to(_ROOT)} from {_RESULTS.relative_to(_ROOT)}")


def draw(results: str) -> str:
    """Draw how often an edge is found, and how often intervals hold.

    Parameters
    ----------
    results : str
        `benchmarks/RESULTS.md`, with the tables of verdicts and of coverage.

    Returns
    -------
    str
        An SVG.

    Raises
    ------
    ValueError
        If a table is not there.
    """
    verdicts = [(row[0], _number(row[1]), _number(row[2])) for row in _table(results, _VERDICTS)]
    coverage = [[_covered(cell) for cell in row[2:]] for row in _table(results, _COVERAGE)]
    marks = [*_bars(verdicts), *_dots(coverage)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" font-size="13" fill="#1f2937" '
            'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
            "  <title>How often a verdict finds an edge, and how often intervals hold</title>",
            f'  <rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            *(f"  {mark}" for mark in marks),
            "</svg>\n",
        ]
    )


def _bars(verdicts: Sequence[tuple[str, float, float]]) -> list[str]:
    def height(share: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * share / 100.0

    marks = [_text(40, 30, "Edges found by the verdict after a search, %", bold=True)]
    marks += [_text(40, 50, "by true Sharpe ratio; whisker: upper 95 % bound; red: 5 %")]
    for place, (sharpe, found, upper) in enumerate(verdicts):
        x = 80 + 120 * place
        top = height(found)
        marks += [
            f'<rect x="{x}" y="{top:.1f}" width="70" height="{_BOTTOM - top:.1f}" fill="{_BLUE}"/>',
            _line(x + 35, top, x + 35, height(upper), _GREY),
            _line(x + 25, height(upper), x + 45, height(upper), _GREY),
            _text(x + 35, height(upper) - 6, f"{found:g}", middle=True),
            _text(x + 35, _BOTTOM + 20, sharpe, middle=True),
        ]
    return [*marks, _line(60, height(5.0), 420, height(5.0), _RED)]


def _dots(coverage: Sequence[Sequence[float | None]]) -> list[str]:
    def height(share: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (max(share, 85.0) - 85.0) / 15.0

    low, high = height(93.0), height(97.0)
    marks = [
        _text(500, 30, "95 % intervals that hold the truth, %", bold=True),
        _text(500, 50, "a dot per statistic and world; band: 93 to 97"),
        f'<rect x="530" y="{high:.1f}" width="390" height="{low - high:.1f}" fill="#dbeafe"/>',
    ]
    for column, paths in enumerate(("50 paths", "200 paths", "1,000 paths")):
        x = 590 + 130 * column
        marks.append(_text(x, _BOTTOM + 20, paths, middle=True))
        for place, row in enumerate(coverage):
            share = row[column]
            if share is None:
                continue
            aside = x - 40 + 80 * place / max(1, len(coverage) - 1)
            marks.append(
                f'<circle cx="{aside:.1f}" cy="{height(share):.1f}" r="2.5" fill="{_BLUE}"/>'
            )
    for line in (85, 90, 95, 100):
        marks.append(_text(500, height(line) + 4, f"{line}"))
    return marks


def _table(results: str, head: str) -> list[list[str]]:
    """Return the cells of the rows of a table."""
    if head not in results:
        raise ValueError(f"{_RESULTS.name}: found no table {head}")
    rows = results[results.index(head) :].splitlines()[2:]
    end = next((place for place, row in enumerate(rows) if not row.startswith("|")), len(rows))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[:end]]


def _covered(cell: str) -> float | None:
    """Return the share that held; None where fewer than one world in twenty has an interval."""
    stated = re.search(r"\((\d+)\)", cell)
    rare = stated is not None and int(stated[1]) < 5
    return None if cell == "none" or rare else _number(cell)


def _number(cell: str) -> float:
    found = re.match(r"[\d.]+", cell)
    assert found is not None
    return float(found[0])


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<path d="M{x:.1f} {y:.1f} L{to_x:.1f} {to_y:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, *, bold: bool = False, middle: bool = False) -> str:
    style = (' font-weight="bold"' if bold else "") + (' text-anchor="middle"' if middle else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{text}</text>'

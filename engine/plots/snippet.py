"""Small pieces of HTML for notebooks: a table of facts and a line, without any script."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["facts", "sparkline"]

_WIDTH, _HEIGHT, _POINTS = 360, 64, 180


def facts(title: str, rows: Mapping[str, object], *pictures: str) -> str:
    """Return a title, a table of names and values, and pictures below it.

    Values are shown as they are; numbers to four figures.
    """
    lines = "".join(
        f'<tr><th style="text-align:left;padding-right:1em">{html.escape(name)}</th>'
        f'<td style="text-align:right">{html.escape(_shown(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<div><b>{html.escape(title)}</b><table>{lines}</table>{''.join(pictures)}</div>"


def sparkline(*curves: ArrayLike, label: str = "") -> str:
    """Return lines as SVG, all on the same scale.

    Parameters
    ----------
    curves : array_like, shape (bars,)
        Values at equal steps; what is not finite is left out.
    label : str
        What they are, for those who do not see them.
    """
    lines = [_thinned(np.asarray(curve, dtype=np.float64)) for curve in curves]
    seen = np.concatenate([*(y[np.isfinite(y)] for y in lines), np.empty(0)])
    if not len(seen):
        return ""
    low, high = float(seen.min()), float(seen.max())
    scale = (_HEIGHT - 4) / (high - low) if high > low else 0.0
    drawn = "".join(_line(y, low, scale, len(lines)) for y in lines)
    return (
        f'<svg role="img" aria-label="{html.escape(label, quote=True)}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{drawn}</svg>'
    )


def _line(y: np.ndarray, low: float, scale: float, lines: int) -> str:
    x = np.linspace(2.0, _WIDTH - 2.0, len(y)) if len(y) > 1 else np.array([_WIDTH / 2.0])
    down = _HEIGHT - 2.0 - (y - low) * scale
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, down, strict=True) if np.isfinite(b))
    opacity = 1.0 if lines == 1 else 0.55
    return (
        f'<polyline points="{points}" fill="none" stroke="#3a7bd0" stroke-width="1.3" '
        f'stroke-opacity="{opacity}"/>'
    )


def _thinned(y: np.ndarray) -> np.ndarray:
    if len(y) <= _POINTS:
        return y
    return y[np.linspace(0, len(y) - 1, _POINTS).astype(np.int64)]


def _shown(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        value = float(value)
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)

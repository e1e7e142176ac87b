"""The price block: the one boundary between where prices come from and what trades them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS
from engine.errors import Refusal

__all__ = ["PriceBlock"]


@dataclass(frozen=True, eq=False)
class PriceBlock:
    """Bars of many price paths, path-major.

    Bar ``i`` covers the time from ``i * dt`` to ``(i + 1) * dt`` after the start, so the first
    bar opens at the start price and ``close[..., -1]`` is the price at the horizon. Where there
    are bars to warm up on, ``i`` is counted from the bar after them.

    Parameters
    ----------
    values : ndarray of float64, shape (paths, symbols, fields, bars)
        C-contiguous. The first five fields are ``open high low close volume``; a source's own
        states (variance, convenience yield, regime, ...), taken at the bar's close, follow, and
        then, where the source was asked for them, the sub-bars (`sub_bar_fields`).
    seeds : ndarray of uint64, shape (paths,)
        The seed of each path.
    symbols : tuple of str
        Names along the second axis.
    fields : tuple of str
        Names along the third axis.
    dt : float
        Length of a bar in years.
    timestamps : ndarray of int64, shape (bars,), optional
        Opening instants, microseconds since 1970-01-01 UTC, where the source has them.
    warm_up : int
        Bars before the path, on which indicators warm up: the path opens at bar `warm_up`.

    Raises
    ------
    ValueError
        If the shape of `values` does not follow from the names, the seeds and the timestamps.
    """

    values: NDArray[np.float64]
    seeds: NDArray[np.uint64]
    symbols: tuple[str, ...]
    fields: tuple[str, ...]
    dt: float
    timestamps: NDArray[np.int64] | None = None
    warm_up: int = 0

    def __post_init__(self) -> None:
        expected = (len(self.seeds), len(self.symbols), len(self.fields))
        if self.values.ndim != 4 or self.values.shape[:3] != expected:
            raise Refusal(
                "values",
                f"shape {self.values.shape}",
                f"(paths, symbols, fields) = {expected} followed by bars",
            )
        if self.fields[:5] != BAR_FIELDS:
            raise Refusal("fields", str(self.fields), f"{BAR_FIELDS} first")
        if self.timestamps is not None and self.timestamps.shape != self.values.shape[3:]:
            raise Refusal(
                "timestamps", f"shape {self.timestamps.shape}", str(self.values.shape[3:])
            )

    def __len__(self) -> int:
        return len(self.seeds)

    def _repr_html_(self) -> str:
        from engine.plots.snippet import facts, sparkline

        paths, symbols, _, bars = self.values.shape
        closes = self.values[:12, 0, self.fields.index("close"), self.warm_up :]
        shown = {"paths": paths, "bars": bars, "symbols": symbols, "fields": self.fields}
        return facts("Price block", shown, sparkline(*closes, label="closes of a few paths"))

    @property
    def bar_count(self) -> int:
        """Number of bars of each path."""
        count: int = self.values.shape[3]
        return count

    def field(self, name: str) -> NDArray[np.float64]:
        """Return one field, without a copy.

        Parameters
        ----------
        name : str
            One of `fields`.

        Returns
        -------
        ndarray of float64, shape (paths, bars)
            For one symbol; for several, of shape (paths, symbols, bars).

        Raises
        ------
        ValueError
            If there is no such field.
        """
        if name not in self.fields:
            raise Refusal("field", repr(name), ", ".join(self.fields))
        column = self.values[:, :, self.fields.index(name), :]
        return column[:, 0] if len(self.symbols) == 1 else column

    @property
    def open(self) -> NDArray[np.float64]:
        """Opening prices: the field ``open``.

        Returns
        -------
        ndarray of float64, shape (paths, bars)
            For one symbol; for several, of shape (paths, symbols, bars).
        """
        return self.field("open")

    @property
    def high(self) -> NDArray[np.float64]:
        """Highest prices: the field ``high``.

        Returns
        -------
        ndarray of float64, shape (paths, bars)
            For one symbol; for several, of shape (paths, symbols, bars).
        """
        return self.field("high")

    @property
    def low(self) -> NDArray[np.float64]:
        """Lowest prices: the field ``low``.

        Returns
        -------
        ndarray of float64, shape (paths, bars)
            For one symbol; for several, of shape (paths, symbols, bars).
        """
        return self.field("low")

    @property
    def close(self) -> NDArray[np.float64]:
        """Closing prices: the field ``close``.

        Returns
        -------
        ndarray of float64, shape (paths, bars)
            For one symbol; for several, of shape (paths, symbols, bars).
        """
        return self.field("close")

    @property
    def volume(self) -> NDArray[np.float64]:
        """Traded volume: the field ``volume``.

        Returns
        -------
        ndarray of float64, shape (paths, bars)
            For one symbol; for several, of shape (paths, symbols, bars).
        """
        return self.field("volume")

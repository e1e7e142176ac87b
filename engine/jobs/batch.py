"""What a batch of parameter sets came to: arrays, and the rows that a study would have."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.frames import equity_frame, error_at, simulations_frame
from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PartArrays
from engine.jobs.trades import trades_frame

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False)
class _Made:
    """Where a batch comes from."""

    arrays: PartArrays
    prepared: Prepared
    of_set: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Every parameter set of a batch on every path.

    Parameters
    ----------
    set_ids : ndarray of str, shape (sets,)
        Ids of the parameter sets, in the order in which they were asked.
    seeds : ndarray of uint64, shape (seeds,)
        The seeds, in the order in which they were asked; path p is of seed ``p // paths_per_seed``.
    metric_names : tuple of str
        Names along the last axis of `metrics`.
    metrics : ndarray of float64, shape (sets, paths, metrics)
        NaN where a metric is undefined or the simulation failed.
    status : ndarray of int8, shape (sets, paths)
        0 where the simulation succeeded.
    """

    set_ids: NDArray[np.str_]
    seeds: NDArray[np.uint64]
    metric_names: tuple[str, ...]
    metrics: NDArray[np.float64]
    status: NDArray[np.int8]
    _made: _Made = field(repr=False)

    @classmethod
    def of(cls, arrays: PartArrays, prepared: Prepared, of_set: NDArray[np.int64]) -> Batch:
        """Present the arrays of a part; `of_set` is the part's set for each that was asked."""
        failed = arrays.status != 0
        if failed.any():
            arrays.metrics[:, failed] = np.nan
        metrics, status = arrays.metrics.transpose(2, 1, 0), arrays.status.T
        if not np.array_equal(of_set, np.arange(len(status))):
            metrics, status = metrics[of_set], status[of_set]
        ids, names = arrays.part.sets.ids[of_set], arrays.kept
        made = _Made(arrays, prepared, of_set)
        return cls(ids, arrays.part.seeds, names, metrics, status, made)

    def metric(self, name: str) -> NDArray[np.float64]:
        """Return one metric.

        Returns
        -------
        ndarray of float64, shape (sets, paths)
            NaN where it is undefined or the simulation failed.

        Raises
        ------
        Refusal
            If there is no such metric.
        """
        if name not in self.metric_names:
            raise Refusal("metric", repr(name), ", ".join(self.metric_names))
        return self.metrics[:, :, self.metric_names.index(name)]

    def error(self, parameter_set: int, path: int) -> str | None:
        """Say why a simulation failed; None where it did not."""
        made, place = self._made, (path, int(self._made.of_set[parameter_set]))
        return error_at(made.arrays, place, made.prepared) if made.arrays.status[place] else None

    def to_frame(self) -> pl.DataFrame:
        """Return the rows that a study stores of these cells, a set that was asked twice once.

        Returns
        -------
        polars.DataFrame
            ``world``, ``set_id``, ``seed``, ``path``, a column per parameter, ``status``,
            ``error``, a column per metric; all sets on a path before the next path.
        """
        return simulations_frame(self._made.arrays, self._made.prepared)

    def equity(self) -> pl.DataFrame:
        """Return the equity curves that the study records.

        Returns
        -------
        polars.DataFrame
            ``world``, ``set_id``, ``seed``, ``path``, ``equity``.

        Raises
        ------
        Refusal
            If it records none.
        """
        if self._made.arrays.equity is None:
            raise Refusal("record.equity", "0", hint="say how many points the study records")
        return equity_frame(self._made.arrays)

    @property
    def curves(self) -> NDArray[np.float32]:
        """Equity at the points that the study records.

        Returns
        -------
        ndarray of float32, shape (sets, paths, points)
            NaN where the simulation failed.

        Raises
        ------
        Refusal
            If it records none.
        """
        if self._made.arrays.equity is None:
            raise Refusal("record.equity", "0", hint="say how many points the study records")
        return self._made.arrays.equity.transpose(1, 0, 2)[self._made.of_set]

    def trades(self) -> pl.DataFrame:
        """Return the trades that the study records.

        Returns
        -------
        polars.DataFrame
            ``world``, ``set_id``, ``seed``, ``path``, ``trade`` and the columns of a trade:
            ``symbol``, ``units``, ``entry_bar``, ``entry_price``, ``exit_bar``, ``exit_price``,
            ``pnl``, ``commission``, ``mfe``, ``mae`` and more.

        Raises
        ------
        Refusal
            If it records none.
        """
        if not self._made.arrays.part.holds.record.trades:
            raise Refusal("record.trades", "false", hint="let the study record trades")
        return trades_frame(self._made.arrays, self._made.prepared)

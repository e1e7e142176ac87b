"""What a study recorded: its rows, failures, equity curves and trades, as stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics
from engine.jobs.canonical import short_hash
from engine.jobs.errors import StudyFailed, failure_text
from engine.jobs.plan import Piece
from engine.results.export import write_sqlite, write_whole
from engine.results.recorded_columns import not_recorded, recorded_column
from engine.results.rows import Rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RecordedRows"]


@dataclass(frozen=True)
class RecordedRows(Rows):
    """Rows of a study with what was recorded beside them.

    Parameters
    ----------
    lazy : polars.LazyFrame
        The rows (`engine.jobs.frames` documents the columns).
    summary : JobSummary
        The job that made them.
    equity_lazy, trades_lazy : polars.LazyFrame, optional
        Recorded equity curves and trades.
    pieces : tuple of Piece
        Stored cells that they were read from.
    set_ids : ndarray of U16, shape (sets,)
        Ids of the study's parameter sets, in its order.
    seeds : ndarray of uint64, shape (seeds,)
        Its seeds, in its order.
    rare : polars.DataFrame, optional
        Its rare events, as `rare_events` returns them.
    """

    equity_lazy: pl.LazyFrame | None = None
    trades_lazy: pl.LazyFrame | None = None
    pieces: tuple[Piece, ...] = ()
    set_ids: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, "U16"), repr=False)
    seeds: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64), repr=False)
    rare: pl.DataFrame | None = field(default=None, repr=False)

    def can_add(self, column: str) -> bool:
        """Whether a column follows from the recorded trades or equity curves."""
        return recorded_column(column, self) is not None

    def with_recorded(self, columns: Sequence[str]) -> RecordedRows:
        """Return the rows with those of some columns that follow from what is recorded."""
        stored, lazy = set(self.columns), self.lazy
        for name in columns:
            added = None if name in stored else recorded_column(name, self)
            if added is not None:
                lazy = lazy.join(added.column, on="simulation", how="left", maintain_order="left")
                if added.otherwise is not None:
                    lazy = lazy.with_columns(pl.col(name).fill_null(added.otherwise))
        return replace(self, lazy=lazy)

    def not_stored(self, field: str, *metrics: str) -> Refusal:
        """Say that the rows lack columns, and what of `record` they follow from."""
        return not_recorded(field, metrics, self) or super().not_stored(field, *metrics)

    @property
    def frame(self) -> pl.DataFrame:
        """All rows, in memory, in the order of their simulation numbers.

        Returns
        -------
        polars.DataFrame
            One row per simulation: ``study``, ``simulation``, ``parameter_set``, ``world``,
            ``set_id``, ``seed``, ``path``, a column per parameter, ``status``, ``error``, a
            column per metric.
        """
        return self._collected(self.lazy.sort("simulation"))

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows for pandas.

        Returns
        -------
        pandas.DataFrame
            The columns of `frame`.
        """
        return self.frame.to_pandas()

    @property
    def stopped(self) -> str | None:
        """Why a study with ``until`` stopped adding seeds."""
        return self.summary.stopped

    @property
    def missing(self) -> int:
        """Simulations of the study that have not run yet."""
        there = sum(piece.cells for piece in self.pieces) * self.summary.paths_per_seed
        return self.summary.simulations - there

    @property
    def partial(self) -> bool:
        """Whether the study has simulations that have not run yet: its numbers will change."""
        return self.missing > 0

    @property
    def data_version(self) -> str:
        """Hash of the rows: equal exactly when the same cells have the same numbers."""
        parts = {piece.manifest.part: piece.manifest.files for piece in self.pieces}
        checksums = [
            [part, table, entry.get("sha256")]
            for part, files in sorted(parts.items())
            for table, entry in sorted(files.items())
        ]
        return short_hash([self.fingerprint, checksums])

    def check_failures(self) -> None:
        """Raise if more simulations failed than the study allows.

        Raises
        ------
        StudyFailed
            With the first error; rows stay as they are.
        """
        failures = self.failures
        rows, allowance = len(self), self.summary.failure_allowance
        if len(failures) > allowance * rows:
            error = str(failures["error"][0])
            raise StudyFailed(failure_text(self.name, len(failures), rows, allowance, error))

    def sql(self, query: str) -> pl.DataFrame:
        """Answer an SQL query over the tables `simulations`, `equity` and `trades`.

        Returns
        -------
        polars.DataFrame
            The answer's columns.

        Raises
        ------
        Refusal
            If the query cannot be read.
        """
        tables = {"simulations": self.lazy, "equity": self.equity_lazy, "trades": self.trades_lazy}
        present = {name: lazy for name, lazy in tables.items() if lazy is not None}
        try:
            return pl.SQLContext(present).execute(self._quoted(query), eager=True)
        except pl.exceptions.PolarsError as error:
            text = str(error).splitlines()[0]
            raise Refusal(
                "query", f"{query!r} ({text})", f"SQL over {', '.join(present)}"
            ) from None

    def __len__(self) -> int:
        if self.stored is not None:
            return self.stored.simulations
        return int(self.lazy.select(pl.len()).collect().item())

    @property
    def failures(self) -> pl.DataFrame:
        """Failed simulations with their errors.

        Returns
        -------
        polars.DataFrame
            ``simulation``, ``parameter_set``, ``seed``, ``path``, a column per parameter,
            ``error``.
        """
        keys = ["simulation", "parameter_set", "seed", "path", *self.parameters, "error"]
        failed = self.lazy.filter(pl.col("status") == "failed").select(keys).sort("simulation")
        if self.stored is not None and not self.stored.failed:
            # The manifests say that there are none.
            return pl.DataFrame(schema=failed.collect_schema())
        return failed.collect()

    def equity(self) -> pl.DataFrame:
        """Return sampled equity curves.

        Returns
        -------
        polars.DataFrame
            One row per simulation: ``study``, ``simulation``, ``parameter_set``, ``seed``,
            ``equity`` (an array of 32-bit floats, one per sample, in account currency).

        Raises
        ------
        Refusal
            If the study did not record them.
        """
        if self.equity_lazy is None:
            raise Refusal("record.equity", "0", "a number of points to record")
        return self._collected(self.equity_lazy.sort("simulation"))

    def trades(self) -> pl.DataFrame:
        """Every trade of every simulation.

        Returns
        -------
        polars.DataFrame
            One row per closed lot: ``study``, ``simulation``, ``parameter_set``, ``seed``,
            ``trade``, ``symbol``, ``units``, ``entry_bar``, ``entry_price``, ``exit_bar``,
            ``exit_price``, ``pnl``, ``commission``, ``mfe``, ``mae``, ``entry_tag``, ``exit_tag``.

        Raises
        ------
        Refusal
            If the study did not record them.
        """
        if self.trades_lazy is None:
            raise Refusal("record.trades", "false", "true")
        return self._collected(self.trades_lazy.sort("simulation", "trade"))

    def rare_events(self) -> pl.DataFrame:
        """Return the probabilities of the rare events that the study asks for.

        Returns
        -------
        polars.DataFrame
            One row per parameter set and event: ``parameter_set``, ``event``, ``probability``,
            ``std_error``, ``ci_low``, ``ci_high``, ``paths``, ``seen``, ``plain_paths`` and more
            (`engine.jobs.rare_events.rare_event_table`).

        Raises
        ------
        Refusal
            If it asks for none.
        """
        if self.rare is None:
            raise Refusal(
                "rare_events",
                f"{self.name} asks for none",
                hint="add `rare_events: {events: [...], sampled: {mu: ...}}` to the study, and "
                f"`mc run {self.name}`",
            )
        return self.rare

    def to_parquet(self, path: str | Path) -> Path:
        """Write all rows to one Parquet file."""
        return write_whole(path, lambda to: self._ordered.sink_parquet(to, compression="zstd"))

    def to_csv(self, path: str | Path) -> Path:
        """Write all rows to a CSV file."""
        return write_whole(path, self._ordered.sink_csv)

    def to_sqlite(self, path: str | Path) -> Path:
        """Write all rows to the table ``simulations`` of a new SQLite file."""
        return write_whole(path, lambda to: write_sqlite(self._ordered, to))

    def _collected(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        """Read rows.

        Raises
        ------
        Refusal
            If the files are no longer those that were opened.
        """
        try:
            return lazy.collect()
        except (pl.exceptions.SchemaError, FileNotFoundError):
            raise Refusal(
                "results",
                f"stored parts of {self.name} were computed anew or removed since they were opened",
                hint=f"`engine.load_results(root, {self.name!r})` opens what is there now",
            ) from None

    @property
    def _ordered(self) -> pl.LazyFrame:
        return self.lazy.sort("simulation")

    def _expression(self, given: str | pl.Expr, field: str) -> tuple[pl.Expr, pl.DataType]:
        """Return an expression over the columns, and of what type its values are."""
        if not isinstance(given, str | pl.Expr):
            raise Refusal(field, repr(given), "SQL text or a Polars expression")
        try:
            expression = given if isinstance(given, pl.Expr) else pl.sql_expr(self._quoted(given))
            # Only a row shows what cannot be computed; types do not.
            (kind,) = self.lazy.head(1).select(expression).collect().dtypes
        except pl.exceptions.PolarsError as error:
            if isinstance(error, pl.exceptions.ColumnNotFoundError):
                stored = set(self.columns)
                for name in expression.meta.root_names():
                    if name in all_metrics() and name not in stored:
                        raise self.not_stored(field, name) from None
            text = str(error).splitlines()[0].split("; valid columns")[0]
            raise Refusal(
                field,
                f"{str(given)!r} ({text})",
                "an SQL expression over " + ", ".join(self.columns),
            ) from None
        return expression, kind

    def _quoted(self, text: str) -> str:
        """Quote source parameters, so that SQL takes ``model.kappa`` for a column."""
        names = [re.escape(name) for name in self.parameters if "." in name]
        return (
            re.sub(rf"(?<![\w.\"])({'|'.join(names)})(?![\w\"])", r'"\1"', text) if names else text
        )

"""Rows of a study, one per simulation, with what is known of the job that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from engine.errors import Refusal
from engine.execution.metric_groups import asked_metrics
from engine.jobs.summary import JobSummary
from engine.results.stored_columns import StoredColumns

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """What statistics and comparisons read.

    Parameters
    ----------
    lazy : polars.LazyFrame
        The rows (`engine.jobs.frames` documents the columns).
    summary : JobSummary
        The job that made them.
    stored_as : StoredColumns, optional
        The columns of the rows that were opened, by parameter set.
    """

    lazy: pl.LazyFrame
    summary: JobSummary
    stored_as: StoredColumns | None = field(default=None, repr=False)

    @property
    def stored(self) -> StoredColumns | None:
        """The columns of these rows as they are stored; None once rows were chosen or changed."""
        known = self.stored_as
        return known if known is not None and known.lazy is self.lazy else None

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.summary.study

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the job."""
        return self.summary.fingerprint

    @property
    def parameters(self) -> list[str]:
        """Columns that hold parameters."""
        return list(self.summary.parameters)

    @property
    def metrics(self) -> list[str]:
        """Columns that hold metrics."""
        return list(self.summary.metrics)

    @property
    def columns(self) -> list[str]:
        """All columns."""
        return self.lazy.collect_schema().names()

    @property
    def paths_per_unit(self) -> int:
        """How many paths in a row depend on each other."""
        return self.summary.paths_per_unit

    def unit(self, paths: int | None = None) -> pl.Expr:
        """Return the number of the independent unit of each simulation: some paths in a row.

        Parameters
        ----------
        paths : int, optional
            How many; by default as many as depend on each other.
        """
        per_unit = self.summary.parameter_sets * (paths or self.paths_per_unit)
        return pl.col("simulation") // per_unit

    def lacks(self, columns: Sequence[str]) -> list[str]:
        """Name the columns that the rows neither hold nor can be given (`with_recorded`)."""
        stored = set(self.columns)
        return [name for name in columns if name not in stored and not self.can_add(name)]

    def can_add(self, column: str) -> bool:
        """Whether a column follows from what the study recorded beside its rows."""
        return False

    def with_recorded(self, columns: Sequence[str]) -> Rows:
        """Return the rows with those of some columns that follow from what is recorded."""
        return self

    def not_stored(self, field: str, *metrics: str) -> Refusal:
        """Say that the rows lack metrics, not recorded or newer than the rows, and what helps.

        Parameters
        ----------
        field : str
            What asks for them.
        metrics : str
            Their names.
        """
        lacking, run = ", ".join(metrics), f"`mc run {self.name}` computes it"
        if not {*asked_metrics(self.summary.record.metrics, "record.metrics")} >= {*metrics}:
            run = f"add {lacking} to `record: {{metrics: [...]}}` of the study, and {run}"
        return Refusal(
            field,
            f"the stored results of {self.name} have no column {metrics[0]!r}"
            if len(metrics) == 1
            else f"the stored results of {self.name} have no columns {lacking}",
            hint=run,
        )

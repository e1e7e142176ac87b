"""Calibrations on disk, and the one that a study asks for."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import polars as pl

from engine.calibration import Calibration, parameter_jumps
from engine.calibration.versions import ESTIMATOR_VERSIONS, estimator_version
from engine.errors import Refusal
from mc_assets.as_of_table import AsOfTable

__all__ = ["CALIBRATION_SCHEMA", "CalibrationStore"]

CALIBRATION_SCHEMA = pl.Schema(
    {
        "symbol": pl.String,
        "timeframe": pl.String,
        "as_of": pl.Date,
        "model": pl.String,
        "estimator_version": pl.String,
        "parameter": pl.String,
        "estimate": pl.Float64,
        "std_error": pl.Float64,
        "ci_low": pl.Float64,
        "ci_high": pl.Float64,
        "method": pl.String,
        "log_likelihood": pl.Float64,
        "aic": pl.Float64,
        "bic": pl.Float64,
        "n": pl.Int64,
        "window": pl.String,
        "status": pl.String,
        "reason": pl.String,
        "covariance": pl.String,
        "start_state": pl.String,
        "state_errors": pl.String,
        "diagnostics": pl.String,
        "calibration_hash": pl.String,
        "history_hash": pl.String,
    }
)


class CalibrationStore:
    """Calibrations under ``<data>/calibrations``.

    One whose estimator has another version by now counts as missing until it is made anew.

    Parameters
    ----------
    data : Path
        The data folder.
    """

    def __init__(self, data: Path) -> None:
        self.table = AsOfTable(data, "calibrations", CALIBRATION_SCHEMA)

    def write(self, calibrations: Iterable[Calibration]) -> int:
        """Add calibrations, replacing those of the same series, date and model; return rows."""
        return self.table.write([row for c in calibrations for row in c.to_rows()])

    def read(self, symbol: str, timeframe: str, *, allow_damaged: bool = False) -> pl.DataFrame:
        """Return the calibrations of a series in `CALIBRATION_SCHEMA`, oldest first.

        `AsOfTable.read` says what `allow_damaged` does.
        """
        table = self.table.read(symbol, timeframe, allow_damaged=allow_damaged)
        return table.filter(_is_current(table))

    def outdated(self, symbol: str, timeframe: str, models: Iterable[str]) -> list[datetime.date]:
        """Return the dates on which the estimates of any of `models` are of an earlier version."""
        table = self.table.read(symbol, timeframe, allow_damaged=True)
        table = table.filter(pl.col("model").is_in(list(models)))
        return table.filter(~_is_current(table))["as_of"].unique().sort().to_list()

    def complete(self, symbol: str, timeframe: str, models: Iterable[str]) -> set[datetime.date]:
        """Return the dates on which every one of `models` has an estimate of today's version."""
        wanted = set(models)
        table = self.read(symbol, timeframe, allow_damaged=True)
        table = table.filter(pl.col("model").is_in(list(wanted)))
        per_day = table.group_by("as_of").agg(pl.col("model").n_unique())
        return set(per_day.filter(pl.col("model") == len(wanted))["as_of"])

    def find(
        self, symbol: str, timeframe: str, model: str, as_of: Literal["latest"] | datetime.date
    ) -> Calibration:
        """Calibration of a model: the newest one that succeeded, or the one as of a date.

        Raises
        ------
        ValueError
            If there is none, or the one of the date failed.
        DamagedFile
            If a file of the series is not what was written.
        """
        table = self.table.read(symbol, timeframe).filter(pl.col("model") == model)
        series = f"{symbol}@{timeframe}"
        if as_of == "latest":
            table = table.filter(pl.col("status") != "failed")
            if table.is_empty():
                raise Refusal(
                    f"calibration of {model} on {series}",
                    "there is none",
                    hint=f"`mc calibrate {series}` makes one",
                )
            table = table.filter(pl.col("as_of") == pl.col("as_of").max())
        else:
            available = table["as_of"].unique().sort()
            table = table.filter(pl.col("as_of") == as_of)
            if table.is_empty():
                span = f"{available[0]} … {available[-1]}" if len(available) else "none yet"
                raise Refusal(
                    f"calibration of {model} on {series}",
                    f"none as of {as_of}",
                    f"one of {len(available)} dates ({span})",
                )
        if table.filter(_is_current(table)).is_empty():
            found = table["estimator_version"][0]
            raise Refusal(
                f"calibration of {model} on {series} as of {table['as_of'][0]}",
                f"estimator version {found}" if found else "no estimator version",
                estimator_version(model),
                hint=f"`mc calibrate {series} --as-of {table['as_of'][0]}` makes it anew",
            )
        calibration = Calibration.from_rows(table.to_dicts())
        if not calibration.ok:
            raise Refusal(
                f"calibration of {model} on {series} as of {calibration.as_of}",
                f"the estimate failed: {calibration.reason}",
            )
        return calibration

    def on(self, symbol: str, timeframe: str, day: datetime.date) -> list[Calibration]:
        """Return every calibration of a series as of a date, failed ones too."""
        table = self.read(symbol, timeframe).filter(pl.col("as_of") == day)
        models = table.partition_by("model", maintain_order=True)
        return [Calibration.from_rows(rows.to_dicts()) for rows in models]

    def jumps(self, symbol: str, timeframe: str, dates: Iterable[datetime.date]) -> list[str]:
        """Say which parameters moved too far from the stored date before each of `dates`.

        `engine.calibration.parameter_jumps` says what is too far.
        """
        table = self.read(symbol, timeframe, allow_damaged=True).filter(
            pl.col("status") != "failed"
        )
        wanted = set(dates)
        found = []
        for (model,), history in table.group_by("model", maintain_order=True):
            pairs = [
                (earlier, day)
                for earlier, day in pairwise(history["as_of"].unique().sort())
                if day in wanted
            ]
            # A backfill asks again and again about few dates of a history that grows.
            needed = history.filter(pl.col("as_of").is_in({day for pair in pairs for day in pair}))
            by_day = {
                day: part.to_dicts()
                for (day,), part in needed.partition_by("as_of", as_dict=True).items()
            }
            read = cache(lambda day, by_day=by_day: Calibration.from_rows(by_day[day]))
            for earlier, day in pairs:
                now, before = read(day), read(earlier)
                found += [
                    f"{symbol}@{timeframe} {day} {model} {jump}, since {earlier}"
                    for jump in parameter_jumps(now, before)
                ]
        return found


def _is_current(table: pl.DataFrame) -> pl.Expr:
    """Whether a row's estimator still has the version that made it."""
    made_with = pl.col("estimator_version").fill_null("")
    versions = {model: estimator_version(model) for model in table["model"].unique()}
    # A user's model whose file is not loaded here cannot be judged.
    known = ESTIMATOR_VERSIONS | {model: found for model, found in versions.items() if found}
    return made_with == pl.col("model").replace_strict(known, default=made_with)

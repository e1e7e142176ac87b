"""What a quality check found: one finding per check, one row per place."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import polars as pl
from polars._typing import PolarsDataType

from mc_assets.market_data.severities import QualityConfig, Severity

__all__ = ["QUALITY_SCHEMA", "QualityFinding", "finding", "quality_rows"]

QUALITY_SCHEMA: Final[MappingProxyType[str, PolarsDataType]] = MappingProxyType(
    {
        "symbol": pl.String,
        "timeframe": pl.String,
        "year": pl.Int32,
        "check": pl.String,
        "severity": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "value": pl.Float64,
        "message": pl.String,
    }
)

_NOTHING: Final = pl.DataFrame(
    schema={"timestamp": pl.Datetime("us", "UTC"), "value": pl.Float64, "message": pl.String}
)
# Limits the size of the quality table when a check fails for every bar of a minute series.
_ROWS_KEPT: Final = 1000


@dataclass(frozen=True)
class QualityFinding:
    """Outcome of one check on one series' year.

    Parameters
    ----------
    check : str
        Name of the check, a key of `severities.DEFAULT_SEVERITIES`.
    severity : {"ignore", "warn", "error"}
        As configured for the series.
    count : int
        Places that fail; 0 means the check passed.
    message : str
        One sentence: the first place, and how many more.
    rows : polars.DataFrame
        ``timestamp``, ``value`` and ``message`` of the failing places, at most 1,000.
    """

    check: str
    severity: Severity
    count: int
    message: str
    rows: pl.DataFrame = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, or the check is ignored."""
        return self.count == 0 or self.severity == "ignore"


def finding(
    check: str,
    quality: QualityConfig,
    rows: pl.DataFrame | None = None,
    count: int | None = None,
) -> QualityFinding:
    """Make a finding of the failing places.

    Parameters
    ----------
    check : str
        Name of the check.
    quality : QualityConfig
        Gives the severity.
    rows : polars.DataFrame, optional
        Columns ``timestamp`` (UTC or null), ``value`` (Float64 or null), ``message``; None where
        nothing fails.
    count : int, optional
        Places that fail, where one row stands for several.
    """
    rows = _NOTHING if rows is None else rows
    total = rows.height if count is None else count
    if rows.is_empty():
        message = "nothing found"
    else:
        more = f" (and {total - 1} more)" if total > 1 else ""
        message = f"{rows['message'][0]}{more}"
    return QualityFinding(check, quality.severity(check), total, message, rows.head(_ROWS_KEPT))


def quality_rows(
    findings: list[QualityFinding], symbol: str, timeframe: str, year: int
) -> pl.DataFrame:
    """Rows of all findings in `QUALITY_SCHEMA`; ignored checks leave none."""
    frames = [
        item.rows.select(
            symbol=pl.lit(symbol),
            timeframe=pl.lit(timeframe),
            year=pl.lit(year, dtype=pl.Int32),
            check=pl.lit(item.check),
            severity=pl.lit(item.severity, dtype=pl.String),
            timestamp=pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
            value=pl.col("value").cast(pl.Float64),
            message=pl.col("message"),
        )
        for item in findings
        if item.count and item.severity != "ignore"
    ]
    nothing = pl.DataFrame(schema=dict(QUALITY_SCHEMA))
    return pl.concat([nothing, *frames], rechunk=True)

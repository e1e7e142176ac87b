"""Columns of the Parquet files behind the warehouse: what a table has before it has rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from engine.files import write_parquet

__all__ = ["STORED", "empty_file"]

Schema = Mapping[str, Any]


def empty_file(folder: Path, dataset: str) -> Path:
    """Return a Parquet file without rows that has the columns of a dataset.

    Parameters
    ----------
    folder : Path
        Where such files are kept: views read them as long as there is nothing else.
    dataset : str
        One of `STORED`.
    """
    path = folder / f"{dataset}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(pl.DataFrame(schema=dict(STORED[dataset]())), path, sealed=False)
    return path


def _cells() -> Schema:
    return {"world": pl.String, "set_id": pl.String, "seed": pl.UInt64, "path": pl.Int32}


def _simulations() -> Schema:
    from engine.execution.metric_groups import all_metrics

    outcome = {"status": pl.String, "error": pl.String}
    return {**_cells(), **outcome, **dict.fromkeys(all_metrics(), pl.Float64)}


def _trades() -> Schema:
    whole, text = dict.fromkeys(("trade", "entry_bar", "exit_bar"), pl.Int32), {"symbol": pl.String}
    from engine.execution.layout import TRADE_COLUMNS

    columns = {name: (text | whole).get(name, pl.Float64) for name in TRADE_COLUMNS}
    return {**_cells(), "trade": pl.Int32, **columns}


def _equity() -> Schema:
    return {**_cells(), "equity": pl.List(pl.Float32)}


def _statistics() -> Schema:
    from engine.results.statistics import COLUMNS

    keys = {"study": pl.String, "world": pl.String, "parameter_set": pl.Int32, "set_id": pl.String}
    return {**keys, "parameters": pl.String, **COLUMNS}


def _nightly_statistics() -> Schema:
    return {"as_of": pl.Date, **_statistics()}


def _error_budget() -> Schema:
    from engine.results.error_budget import SCHEMA

    return SCHEMA


def _attribution() -> Schema:
    from engine.results.attribution import SCHEMA

    return SCHEMA


def _rare_events() -> Schema:
    from engine.jobs.rare_events import SCHEMA

    return SCHEMA


def _overfitting() -> Schema:
    from engine.results.overfitting import SCHEMA

    return SCHEMA


def _panel() -> Schema:
    from mc_assets.panel_schema import PANEL_SCHEMA

    return PANEL_SCHEMA


def _study_warnings() -> Schema:
    from engine.results.warnings import SCHEMA

    return SCHEMA


def _lineage() -> Schema:
    from mc_assets.study_tables import LINEAGE_SCHEMA

    return LINEAGE_SCHEMA


def _calibrations() -> Schema:
    from mc_assets.calibration_store import CALIBRATION_SCHEMA

    return CALIBRATION_SCHEMA


def _source_realism() -> Schema:
    from mc_assets.realism_table import REALISM_SCHEMA

    return REALISM_SCHEMA


def _paper_journal() -> Schema:
    from engine.paper.journal import JOURNAL_SCHEMA

    return JOURNAL_SCHEMA


def _paper_comparison() -> Schema:
    from mc_assets.paper.comparison_files import KEPT_COMPARISON_SCHEMA

    return KEPT_COMPARISON_SCHEMA


def _bars() -> Schema:
    from mc_assets.market_data.canonical import BARS_SCHEMA

    return BARS_SCHEMA


def _bars_quarantine() -> Schema:
    from mc_assets.market_data.canonical import QUARANTINE_SCHEMA

    return QUARANTINE_SCHEMA


def _bars_quality() -> Schema:
    from mc_assets.market_data.quality.findings import QUALITY_SCHEMA

    return QUALITY_SCHEMA


def _bars_factors() -> Schema:
    keys = {"symbol": pl.String, "timeframe": pl.String, "date": pl.Date}
    until = {"until": pl.Datetime("us", "UTC")}
    return {**keys, "price_factor": pl.Float64, "split_factor": pl.Float64, **until}


def _futures_curves() -> Schema:
    from mc_assets.market_data.futures.curve import CURVE_SCHEMA

    return CURVE_SCHEMA


def _ticks() -> Schema:
    from mc_assets.market_data.tick_columns import TICK_COLUMNS

    return {name: kind for name, (kind, _) in TICK_COLUMNS.items()}


#: Columns by placeholder of ``sql/``; each is imported when it is asked for.
STORED: Final[Mapping[str, Callable[[], Schema]]] = {
    "attribution": _attribution,
    "bars": _bars,
    "bars_factors": _bars_factors,
    "bars_quality": _bars_quality,
    "bars_quarantine": _bars_quarantine,
    "calibrations": _calibrations,
    "equity": _equity,
    "error_budget": _error_budget,
    "futures_curves": _futures_curves,
    "lineage": _lineage,
    "nightly_statistics": _nightly_statistics,
    "overfitting": _overfitting,
    "panel": _panel,
    "paper": _paper_journal,
    "paper_comparison": _paper_comparison,
    "simulations": _simulations,
    "rare_events": _rare_events,
    "source_realism": _source_realism,
    "statistics": _statistics,
    "study_warnings": _study_warnings,
    "ticks": _ticks,
    "trades": _trades,
}

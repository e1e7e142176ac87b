"""What each step of the pipeline depends on and makes, as far as that can be told beforehand.

A step that runs code of the user's, or asks a server, has no needs: it is never taken for current.
"""

from __future__ import annotations

import datetime
import glob
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mc_assets.market_data.files import symbol_folder, years_of
from mc_assets.project import Project
from mc_assets.receipts import Needs

if TYPE_CHECKING:
    from mc_assets.market_data.config import MarketDataConfig

__all__ = [
    "bars_needs",
    "calibration_needs",
    "search_needs",
    "statistics_needs",
    "study_needs",
    "warehouse_needs",
]

_BARS: Final = ("raw_bars", "bars", "bars_quality", "bars_quarantine", "bars_factors")
# What calibrations and studies see of the market; a series may be read beside others.
_MARKET: Final = ("bars", "bars_factors", "futures_curves")
_ROWS: Final = ("manifests", "simulations", "equity", "trades")
# After so long the date that a bar is complete on is past.
_SETTLED: Final = datetime.timedelta(days=14)
# What the warehouse does not take in: what it writes, and what it does not read.
_NOT_PUBLISHED: Final = {
    *("dagster_home", "empty_tables", "reports", "sample", "unfinished", "warehouse"),
}


def bars_needs(project: Project, config: MarketDataConfig, key: str) -> Needs | None:
    """Return the needs of the bars of a series; None where a server is asked for them."""
    from mc_assets.market_data.fetching import series_years
    from mc_assets.providers import MarketDataError, make_provider
    from mc_assets.providers.files import FileProvider

    series = config[key]
    provider = make_provider(series.provider, series.options, config.folder, where=series.key)
    if not isinstance(provider, FileProvider):
        return None
    try:
        given = provider.files(series.provider_symbol or series.symbol, series.timeframe)
    except MarketDataError:
        return None  # the step says what is wrong
    if series.factors is not None or series.compare_with or config.comparing_with(key):
        return None
    settings = [series.model_dump(mode="json"), series_years(config, key)]
    return Needs(
        f"bars {key}",
        json.dumps(settings, sort_keys=True),
        tuple(given),
        written=_folders_of(project, config, key),
    )


def calibration_needs(project: Project, config: MarketDataConfig, key: str) -> Needs | None:
    """Return the needs of the newest calibrations of a series.

    None with models of the user's, and with curves or quotes, whose files are read anew.
    """
    from engine.models import BUILT_IN

    series = config[key]
    own = [entry.file or entry.model not in BUILT_IN for entry in series.models or ()]
    if any(own) or series.provider == "futures" or series.option_quotes is not None:
        return None
    settings: list[object] = [series.model_dump(mode="json")]
    today = datetime.datetime.now(datetime.UTC).date()
    years = years_of(symbol_folder(project.data, "bars", series.symbol, series.timeframe))
    if years and years[-1] >= (today - _SETTLED).year:
        # As of the newest bar, and never later than today: tomorrow there may be a later date.
        settings.append(str(today))
    return Needs(
        f"calibrations {key}",
        json.dumps(settings, sort_keys=True),
        read=_market(project),
        written=(project.data / "calibrations" / key,),
    )


def study_needs(project: Project, name: str) -> Needs | None:
    """Return the needs of a study's simulations; None where it runs code of the user's."""
    from engine.models import BUILT_IN
    from engine.strategies.registry import is_built_in
    from engine.studies import load_definition
    from engine.studies.named_files import named_files

    file = project.study_files[name]
    definition = load_definition(file)
    source, strategy = definition.source, definition.strategy
    built_in = source.model in BUILT_IN and source.file is None
    if not (built_in and strategy.file is None and is_built_in(strategy.name)):
        return None
    given = [file]
    named = named_files(definition)
    given += [file.parent / name for name in named.pop("source.columns", [])]
    # Ticks and chains may be of any size: they count by size and time of change.
    recorded = [file.parent / name for names in named.values() for name in names]
    if isinstance(definition.seeds, str):
        given += [file.parent / definition.seeds, *sorted(project.seeds.glob("*"))]
    return Needs(
        f"study {name}",
        definition.name,
        tuple(given),
        read=(project.series, *_market(project), project.data / "calibrations", *recorded),
        written=_rows_of(project, definition.name),
    )


def search_needs(project: Project, name: str) -> Needs | None:
    """Return the needs of the search of a study with an objective; None with the user's code."""
    needs = study_needs(project, name)
    if needs is None:
        return None
    return replace(needs, name=f"search {name}", written=(project.reports / needs.settings,))


def statistics_needs(project: Project, name: str) -> Needs:
    """Return the needs of a study's statistics and report."""
    from engine.studies import load_definition

    own = load_definition(project.study_files[name]).name
    tables = sorted(project.data.glob(f"*/{glob.escape(own)}.parquet"))
    return Needs(
        f"statistics {name}",
        own,
        # What was tried on the same data, by whatever study, is part of what they say.
        read=(*_rows_of(project, own), project.data / "ledger"),
        written=(*tables, project.reports / f"{own}.html"),
    )


def warehouse_needs(project: Project) -> Needs:
    """Return the needs of the published tables."""
    folders = [path for path in sorted(project.data.glob("*/")) if path.name not in _NOT_PUBLISHED]
    return Needs(
        "warehouse",
        given=(project.series, *project.study_files.values()),
        read=tuple(folders),
        written=(project.warehouse,),
    )


def _market(project: Project) -> tuple[Path, ...]:
    return tuple(project.data / table for table in _MARKET)


def _folders_of(project: Project, config: MarketDataConfig, key: str) -> tuple[Path, ...]:
    """Folders of a series in the tables of bars."""
    series = config[key]
    return tuple(
        symbol_folder(project.data, table, series.symbol, series.timeframe) for table in _BARS
    )


def _rows_of(project: Project, study: str) -> tuple[Path, ...]:
    """Where the rows of a study lie: what it asks, and the parts of its world."""
    folder = project.data / "results" / study
    try:
        fingerprint = json.loads((folder / "current.json").read_text(encoding="utf-8"))
        file = folder / fingerprint["fingerprint"] / "study.json"
        world = json.loads(file.read_text(encoding="utf-8"))["world"]
    except (OSError, ValueError, KeyError, TypeError):
        return (folder,)
    return (folder, *(project.data / table / str(world) for table in _ROWS))

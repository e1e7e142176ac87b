"""A year of bars that is gone: whoever reads the series is told, not given the rest."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.files import DamagedFile
from mc_assets.market_data.bar_store import RAW, BarStore
from mc_assets.market_data.canonical import BARS_SCHEMA, QUARANTINE_SCHEMA
from mc_assets.market_data.quality.findings import QUALITY_SCHEMA


def _stored(root: Path, *, fetched: tuple[int, ...], made: tuple[int, ...]) -> BarStore:
    store = BarStore(root)
    for year in fetched:
        path = store.path("X", "1d", year, RAW)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for year in made:
        store.write(
            *("X", "1d", year),
            bars=pl.DataFrame(schema=dict(BARS_SCHEMA)),
            quarantine=pl.DataFrame(schema=dict(QUARANTINE_SCHEMA)),
            quality=pl.DataFrame(schema=dict(QUALITY_SCHEMA)),
        )
    return store


def test_a_year_between_others_that_was_fetched_and_is_gone_is_named(tmp_path: Path) -> None:
    store = _stored(tmp_path, fetched=(2018, 2019, 2020), made=(2018, 2020))
    with pytest.raises(DamagedFile, match=r"X/2019\.parquet is missing; `mc ingest SERIES` makes"):
        store.read("X", "1d")


def test_years_that_an_ingest_has_yet_to_make_are_no_fault(tmp_path: Path) -> None:
    store = _stored(tmp_path, fetched=(2017, 2018, 2019, 2020), made=(2018, 2019))
    assert store.read("X", "1d").is_empty()


def test_a_year_that_was_never_fetched_is_no_fault(tmp_path: Path) -> None:
    assert _stored(tmp_path, fetched=(2018, 2020), made=(2018, 2020)).read("X", "1d").is_empty()

"""A project with a file of every kind that it writes, for tests that damage them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import engine
from engine.calibration import Calibration
from engine.files import LocalFiles, write_json
from engine.files import write_parquet as write_sealed
from engine.jobs.ledger import archive_trials
from engine.jobs.unfinished import Unfinished
from engine.judging import Panel
from engine.judging.panel_table import SCHEMA as PANEL_SCHEMA
from engine.paper import COMPARISON_SCHEMA, Journal, PaperComparison
from engine.ticks import RawTicks, write_days
from mc_assets.answers.api_keys import add_key
from mc_assets.answers.panel import write_panel
from mc_assets.answers.runs import run_study
from mc_assets.answers.tables import ask_tables
from mc_assets.as_of_table import AsOfTable
from mc_assets.calibration_store import CalibrationStore
from mc_assets.defs.source_realism import REALISM_SCHEMA
from mc_assets.market_data import ingest_raw, load_series, normalise_year
from mc_assets.market_data.files import symbol_folder, write_parquet
from mc_assets.market_data.futures.curve import CURVE_SCHEMA
from mc_assets.paper.comparison_files import keep_comparison
from mc_assets.project import Project
from mc_assets.study_tables import write_nightly_statistics

__all__ = ["SERIES", "YEARS", "make_again", "store_experiment", "stored_home"]

SERIES = "X@1d"
YEARS = (2019, 2020)

_STUDY = """
name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}
seeds: {count: 20}
record: {equity: 5, trades: true}
"""
_BARS = """Date,Open,High,Low,Close,Volume
2019-12-30,99,101,98,100,900
2019-12-31,100,101,99,100,950
2020-01-02,100,101,99,100.5,1000
2020-01-03,100.5,99,100,101.5,1100
2020-01-06,101.5,103,101,102.5,1200
2020-01-07,102.5,103,101,102.5,1200
"""
_QUOTES = """ts,bid_px,ask_px,bid_sz,ask_sz
1723161254087891268,100,101,1,2
1723161254087891269,102,101,1,2
"""
_SETTINGS = """series:
  - {symbols: [X], provider: csv, start: 2019-12-30, end: 2020-01-07, factors: factors.csv,
     options: {path: "{symbol}.csv"}}
"""
_DAY = datetime.date(2020, 1, 7)


@contextmanager
def stored_home(folder: Path) -> Iterator[Project]:
    """Fill a folder and point the environment at it."""
    (folder / "studies").mkdir()
    (folder / "studies" / "quick.yaml").write_text(_STUDY)
    (folder / "X.csv").write_text(_BARS)
    (folder / "factors.csv").write_text(
        "date,price_factor,split_factor\n2019-12-31,1,0.5\n2050-12-31,1,1\n"
    )
    (folder / "series.yaml").write_text(_SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        for name, place in (
            ("DATA", "data"),
            ("STUDIES", "studies"),
            ("SERIES", "series.yaml"),
        ):
            patch.setenv(f"MC_{name}", str(folder / place))
        project = Project.from_environment()
        make_again(project)
        _store_the_rest(project)
        ask_tables(project, "SELECT 1")
        yield project


def make_again(project: Project) -> None:
    """Fetch, normalise and compute what is missing or damaged, as `mc ingest` and `mc run` do."""
    config = load_series(project.series)
    for year in YEARS:
        ingest_raw(config, SERIES, year, project.data)
        normalise_year(config, SERIES, year, project.data)
    run_study(project, "quick")


def _store_the_rest(project: Project) -> None:
    data = project.data
    made = Calibration.of(
        "gbm",
        symbol="X",
        timeframe="1d",
        as_of=_DAY,
        parameters={"mu": 0.05, "sigma": 0.2},
        covariance=np.diag([0.01, 0.0001]),
        log_likelihood=10.0,
        n=100,
        window="full",
    )
    CalibrationStore(data).write([made])
    row = {"symbol": "X", "timeframe": "1d", "as_of": _DAY, "model": "gbm", "statistic": "kurtosis"}
    AsOfTable(data, "source_realism", REALISM_SCHEMA).write([row])
    settled = {"date": _DAY, "contract": "CLG20", "expiry": _DAY, "rank": 1, "price": 60.0}
    curve = pl.DataFrame([settled], schema=CURVE_SCHEMA)
    write_parquet(curve, symbol_folder(data, "futures_curves", "CL", "1d") / "curve.parquet")
    write_nightly_statistics(data, "quick", _DAY, engine.load_results(data, "quick"))
    write_panel(data, Panel.of(_panel(), seconds=0.0))
    Journal(LocalFiles(data), "quick-0123456789abcdef").append([{"event": "opened"}])
    keep_comparison(data, PaperComparison(_paper_comparison()), 0)
    Unfinished(LocalFiles(data), "world", "part-00").save("a", b"what it has come to")
    add_key(project, "desk", "read")
    archive_trials(data, "sma_crossover", "only a test")
    store_experiment(data / "reports" / "tuned")
    raw = project.data.parent / "quotes.csv"
    raw.write_text(_QUOTES)
    write_days(RawTicks(raw, symbol="X", exchange="N"), data, raw.name)
    agent = data / "policies" / "agent"
    agent.mkdir(parents=True)
    write_json(agent / "evaluation.json", {"seeds": [], "learned": False, "verdict": "nothing"})
    windows = data / "walk_forward" / "walked" / "generations"
    windows.mkdir(parents=True)
    write_sealed(pl.DataFrame({"window": [0]}), windows / "000000.parquet")


def store_experiment(folder: Path) -> None:
    """Write what a search leaves that others read, without searching."""
    (folder / "generations").mkdir(parents=True)
    numbers = {"claim": 1.0, "fresh": 0.5, "fresh_low": 0.1, "fresh_high": 0.9}
    leader = {"fast": 3, **numbers, "fresh_std_error": 0.2, "role": "best"}
    write_json(folder / "search.json", {"world": "w"})
    write_sealed(pl.DataFrame({"fast": [3]}), folder / "generations" / "000000.parquet")
    write_sealed(pl.DataFrame({"fast": [3]}), folder / "trials.parquet")
    write_json(
        folder / "summary.json",
        {
            **{"experiment": folder.name, "strategy": "sma_crossover", "series": "X@1d"},
            **{"data": "d", "world": "w", "method": "random", "objectives": ["maximise sharpe"]},
            **{"tried": 1, "leaders": [leader]},
        },
    )


def _paper_comparison() -> pl.DataFrame:
    row = dict.fromkeys(COMPARISON_SCHEMA) | {"session": "quick-0123456789abcdef", "n": 0}
    return pl.DataFrame([row | {"statistic": "slippage_bps"}], schema=dict(COMPARISON_SCHEMA))


def _panel() -> pl.DataFrame:
    row = dict.fromkeys(PANEL_SCHEMA) | {
        **{"strategy": "sma_crossover", "symbol": "X", "timeframe": "1d", "as_of": _DAY},
        **{"statistic": "sharpe", "world": "gbm", "kind": "model", "status": "ok"},
        **{"set_id": "0123", "parameters": "{}", "estimate": 0.5, "best": True, "regret": 0.0},
    }
    return pl.DataFrame([row], schema=PANEL_SCHEMA)

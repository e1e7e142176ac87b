"""What was recorded of a cell stays when its part is computed anew, and so do open results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.files import FileStore, LocalFiles, MemoryFiles
from engine.jobs.plan import make_plan
from engine.jobs.runner import run_parts
from engine.jobs.store import ParquetStore
from engine.jobs.summary import JobSummary
from engine.results import Results, read_results
from engine.sources import GBM
from engine.studies import Study

Array = NDArray[np.float64]


def last_gain(bars: Array, equity: Array) -> float:
    return float(equity[-1] - equity[-2])


def first_gain(bars: Array, equity: Array) -> float:
    return float(equity[1] - equity[0])


def study(name: str, **settings: Any) -> Study:
    sets = {"fast": [3, 5], "slow": [9, 20]}
    return Study(name, GBM(), "sma_crossover", sets, seeds=30, steps=60, **settings)


def run(root: Path, name: str, **settings: Any) -> tuple[Results, int]:
    """Run a study; return its results and how many simulations were computed."""
    told: list[Any] = []
    found = study(name, **settings).run(root=root, progress=told.append)
    return found, told[-1].total - told[-1].reused


OWN = {"metrics": {"last_gain": last_gain}, "record": {"metrics": ["net_pnl"], "equity": 6}}
OTHER = {"record": {"metrics": ["net_pnl", "turnover"], "trades": True}}


def test_own_metrics_equity_and_trades_stay_when_a_part_is_computed_anew(tmp_path: Path) -> None:
    own, _ = run(tmp_path, "own", **OWN)
    frame, equity = own.frame, own.equity()
    other, computed = run(tmp_path, "other", **OTHER)
    assert computed == 120
    trades = other.trades()
    again, computed = run(tmp_path, "own", **OWN)
    assert computed == 0
    assert_frame_equal(again.frame, frame)
    assert_frame_equal(again.equity(), equity)
    # A third reason takes neither.
    third = {"metrics": {"first_gain": first_gain}, "record": {"metrics": ["sharpe"]}}
    _, computed = run(tmp_path, "third", **third)
    assert computed == 120
    assert run(tmp_path, "own", **OWN)[1] == run(tmp_path, "other", **OTHER)[1] == 0
    assert_frame_equal(read_results(tmp_path, "other").trades(), trades)


@pytest.mark.parametrize("kept", ["folder", "memory"])
def test_what_stays_is_the_same_on_every_store(kept: str, tmp_path: Path) -> None:
    files: FileStore = LocalFiles(tmp_path) if kept == "folder" else MemoryFiles()
    store = ParquetStore(files)
    for name, settings in (("own", OWN), ("other", OTHER)):
        job = study(name, **settings).resolve()
        store.begin(job, JobSummary.of(job))
        plan = make_plan(job, store.manifests(job.world.id, trials=True))
        run_parts(plan, store, study=job.study, failure_allowance=0.0)
    job = study("own", **OWN).resolve()
    assert not make_plan(job, store.manifests(job.world.id, trials=True)).parts
    expected = study("own", **OWN).run()
    assert_frame_equal(read_results(files, "own").frame, expected.frame)
    assert_frame_equal(read_results(files, "own").equity(), expected.equity())


def test_open_results_keep_the_columns_that_they_were_opened_with(tmp_path: Path) -> None:
    single = {"record": {"metrics": ["net_pnl", "trades"], "precision": "float32", "equity": 6}}
    opened, _ = run(tmp_path, "single", **single)
    expected = study("single", **single).run()
    # With other columns, and in double precision.
    assert run(tmp_path, "other", **OTHER)[1] == 120
    assert_frame_equal(opened.frame, expected.frame)
    assert_frame_equal(opened.equity(), expected.equity())
    assert_frame_equal(opened.statistics(), expected.statistics())
    assert len(opened.filter("net_pnl > 0")) == len(expected.filter("net_pnl > 0"))


def test_equity_at_other_points_takes_the_place_of_what_was_kept_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened, _ = run(tmp_path, "six", record={"equity": 6})
    assert not caplog.records
    run(tmp_path, "five", record={"equity": 5})
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("five: stored parts had equity at 6 points, which what five asks for")
    with pytest.raises(Refusal, match="stored parts of six were computed anew or removed since"):
        opened.equity()
    assert len(opened.frame) == 120


def test_another_function_of_the_same_name_takes_the_place_of_a_metric_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, "one", metrics={"gain": first_gain})
    found, computed = run(tmp_path, "two", metrics={"gain": last_gain})
    assert computed == 120
    assert "the metric 'gain' of another function" in caplog.text
    assert_frame_equal(found.frame, study("two", metrics={"gain": last_gain}).run().frame)


def test_removed_parts_of_open_results_are_one_sentence(tmp_path: Path) -> None:
    opened, _ = run(tmp_path, "gone")
    for path in tmp_path.glob("simulations/*/*.parquet"):
        path.unlink()
    with pytest.raises(Refusal, match=r"were computed anew or removed.*load_results\(root, 'gone'"):
        _ = opened.frame

"""A prepared job: batch after batch of parameter sets, equal to the study of the same cells."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import engine as mc
from engine.errors import Refusal
from engine.jobs import trial_buffer
from engine.jobs.ledger import OUTCOME_BLOCKS, read_trials
from engine.jobs.prepared_job import PreparedJob
from engine.sources import GBM, Generator, Historical, Source
from engine.strategies import Choice, Float, Int, Strategy
from engine.studies import Study

Make = Callable[..., Study]
Batches = list[tuple[list[tuple[int, int]], tuple[int, int]]]

BATCHES: st.SearchStrategy[Batches] = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.integers(2, 9), st.integers(10, 20)), min_size=1, max_size=6, unique=True
        ),
        st.tuples(st.integers(0, 60), st.integers(1, 40)),
    ),
    min_size=1,
    max_size=4,
)


def study_of(sets: list[tuple[int, int]], seeds: Any, **more: Any) -> Study:
    """A study of exactly these sets, in the world of the prepared one."""
    return Study(
        "cells",
        GBM(mu=0.05, sigma=0.2),
        "sma_crossover",
        {"fast": sorted({f for f, _ in sets}), "slow": sorted({s for _, s in sets})},
        constraint=lambda values: (values["fast"], values["slow"]) in sets,
        seeds=list(seeds),
        steps=40,
        warm_up=20,
        **more,
    )


@pytest.fixture(scope="module")
def prepared() -> PreparedJob:
    return study_of([(2, 10), (9, 20)], range(4), record={"equity": 4, "trades": True}).prepare(
        workers=2
    )


# Dear ones: a quarter of the examples that others have.
FEW = settings(max_examples=settings.default.max_examples // 4, deadline=None)


@FEW
@given(batches=BATCHES)
def test_a_batch_is_bit_for_bit_the_study_of_the_same_cells(
    prepared: PreparedJob, batches: Batches
) -> None:
    for sets, (first, count) in batches:
        seeds = range(first, first + count)
        batch = prepared.run([{"fast": f, "slow": s} for f, s in sets], seeds)
        results = study_of(sets, seeds, record={"equity": 4, "trades": True}).run(workers=1)
        keys = ["set_id", "seed", "path"]
        expected = results.frame.sort(keys)
        assert_frame_equal(
            batch.to_frame().sort(keys), expected.select(batch.to_frame().columns), check_exact=True
        )
        wide = expected.pivot(on="seed", index="set_id", values="net_pnl")
        for row, name in enumerate(batch.set_ids.tolist()):
            (own,) = wide.filter(wide["set_id"] == name).select(map(str, seeds)).iter_rows()
            assert batch.metric("net_pnl")[row].tolist() == list(own)
        for ours, theirs in (
            (batch.equity(), results.equity()),
            (batch.trades(), results.trades()),
        ):
            order = [name for name in (*keys, "trade") if name in ours.columns]
            assert_frame_equal(
                ours.sort(order), theirs.sort(order).select(ours.columns), check_exact=True
            )


@FEW
@given(batches=BATCHES)
def test_every_cell_of_every_batch_is_counted_in_the_ledger_once(
    tmp_path_factory: pytest.TempPathFactory, batches: Batches
) -> None:
    root = tmp_path_factory.mktemp("ledger")
    asked: dict[tuple[int, int], set[int]] = {}
    with study_of([(2, 10), (9, 20)], range(4)).prepare(
        ledger=root, workers=1, asked_by="tpe"
    ) as job:
        for sets, (first, count) in batches:
            job.run([{"fast": f, "slow": s} for f, s in sets], range(first, first + count))
            for one in sets:
                asked.setdefault(one, set()).update(range(first, first + count))
    trials = read_trials(root)
    found = {}
    for text, seeds in trials.select("parameters", "seeds").iter_rows():
        values = json.loads(text)
        found[values["fast"], values["slow"]] = seeds
    assert found == {one: len(seeds) for one, seeds in asked.items()}
    assert {by for several in trials["asked_by"] for by in several} == {"tpe"}


def test_a_set_that_a_study_counted_is_not_another_trial_of_a_batch(
    make_study: Make, tmp_path: Path
) -> None:
    study = make_study()
    study.run(root=tmp_path)
    before = read_trials(tmp_path)
    with study.prepare(ledger=tmp_path, workers=1) as job:
        job.run([{"fast": 3, "slow": 10}, {"fast": 4, "slow": 10}])
    after = read_trials(tmp_path)
    assert len(after) == len(before) + 1
    assert set(after["seeds"]) == {40}
    assert [list(names) for names in after["studies"]] == [["small"]] * 5


def test_estimates_and_outcomes_of_a_batch_are_those_of_its_study(
    make_study: Make, tmp_path: Path
) -> None:
    study = make_study(seeds=75, paths_per_seed=2)
    study.run(root=tmp_path / "study")
    with study.prepare(ledger=tmp_path / "batch", workers=1) as job:
        for fast in (5, 3):
            job.run([{"fast": fast, "slow": slow} for slow in (20, 10)])
    one, other = read_trials(tmp_path / "study"), read_trials(tmp_path / "batch")
    assert_frame_equal(one.drop("tried_at").sort("trial"), other.drop("tried_at").sort("trial"))
    assert one["block"][0].to_list() == list(range(OUTCOME_BLOCKS))


def test_trials_on_history_are_counted_with_their_stretches_of_time(
    market: Any, tmp_path: Path
) -> None:
    study = Study(
        "history", Historical(market.bars("SP500", "1d")), "sma_crossover", {"fast": [5, 10]},
        seeds=1, warm_up=0,
    )  # fmt: skip
    study.run(root=tmp_path / "study")
    with study.prepare(ledger=tmp_path / "batch") as job:
        job.run([{"fast": 5}])
        job.run([{"fast": 5}, {"fast": 10}], [7])
    one, other = read_trials(tmp_path / "study"), read_trials(tmp_path / "batch")
    drop = ["tried_at"]
    assert_frame_equal(one.drop(drop).sort("trial"), other.drop(drop).sort("trial"))


def test_a_set_that_is_asked_twice_in_a_batch_has_its_row_twice(make_study: Make) -> None:
    with make_study().prepare(workers=1) as job:
        a, b = {"fast": 3, "slow": 10}, {"fast": 5, "slow": 20}
        batch = job.run([b, a, b])
        assert batch.metrics.shape == (3, 40, len(job.metric_names))
        np.testing.assert_array_equal(batch.metrics[0], batch.metrics[2])
        np.testing.assert_array_equal(batch.metrics[1], job.run([a]).metrics[0])
        assert batch.set_ids[0] == batch.set_ids[2] != batch.set_ids[1]


def test_the_number_of_threads_changes_no_number_of_a_batch(make_study: Make) -> None:
    study = make_study(seeds=400, parameters={"fast": [3, 5], "slow": [10, 20, 30]})
    sets = [{"fast": f, "slow": s} for f in range(2, 8) for s in range(10, 30)]
    found = []
    for workers in (1, 2, 5):
        with study.prepare(workers=workers) as job:
            found.append(job.run(sets).metrics)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_swept_parameter_of_the_source_is_one_of_a_set(make_study: Make) -> None:
    swept = {"fast": [3, 5], "slow": [10], "model.sigma": [0.1, 0.3]}
    with make_study(parameters=swept).prepare(workers=1) as job:
        batch = job.run([{"fast": 3, "model.sigma": 0.2}, {"fast": 3, "model.sigma": 0.3}])
        with pytest.raises(Refusal, match=r"model\.sigma: found -1\.0, allowed"):
            job.run([{"fast": 3, "model.sigma": -1.0}])
        with pytest.raises(Refusal, match=r"model\.sigma: found 'much', allowed a number"):
            job.run([{"fast": 3, "model.sigma": "much"}])
    alone = make_study(parameters=swept | {"fast": [3], "model.sigma": [0.2, 0.3]}).run()
    for row, (_, own) in enumerate(alone.frame.group_by("model.sigma", maintain_order=True)):
        expected = own.sort("seed")["net_pnl"].to_list()
        assert batch.metric("net_pnl")[row].tolist() == expected


def test_seeds_may_be_asked_in_any_order(make_study: Make) -> None:
    with make_study().prepare(workers=1) as job:
        forward = job.run([{"fast": 3, "slow": 10}], [1, 2, 3]).metrics
        backward = job.run([{"fast": 3, "slow": 10}], [3, 2, 1]).metrics
    np.testing.assert_array_equal(forward, backward[:, ::-1])


class Brittle(Source):
    """Constant prices; odd seeds raise, and every fourth has a price that is not finite."""

    name = "brittle_batch"

    def _generator(self, request: Any) -> Generator:
        return BrittleGenerator(request)


class BrittleGenerator(Generator):
    def __init__(self, request: Any) -> None:
        self.symbols = ("X",)
        self.steps, self.dt = request.steps, request.dt

    def fill(self, seeds: Any, path_ids: Any, out: Any, scratch: Any) -> None:
        out[:] = 100.0
        for row, seed in enumerate(seeds.tolist()):
            if seed % 2:
                raise ArithmeticError(f"seed {seed} has no path")
            if seed % 4 == 0:
                out[row, :, 3, 1:] = np.nan


def test_a_simulation_that_fails_is_missing_and_says_why(make_study: Make) -> None:
    study = make_study(
        source=Brittle(), strategy="buy_and_hold", parameters={"weight": [0.5, 1.0]}, steps=10
    )
    with study.prepare(workers=1) as job:
        batch = job.run([{"weight": 0.7}, {"weight": 0.9}], range(2, 6))
    assert (batch.status != 0).tolist() == [[False, True, True, True]] * 2
    assert np.isnan(batch.metrics[:, 1:]).all()
    assert np.isfinite(batch.metric("net_pnl")[:, 0]).all()
    assert batch.error(0, 0) is None
    assert batch.error(1, 1) == "ArithmeticError: seed 3 has no path"
    assert batch.error(1, 2) == "the path has a price that is not finite"
    assert batch.to_frame()["status"].to_list() == ["ok"] * 2 + ["failed"] * 6


class Sided(Strategy):
    how = Choice("market", choices=["market", "limit"])
    size = Float(1.0, low=0.0, high=2.0)

    def on_bar(self, bar, order):
        if self.how == "limit":
            order.limit(1.0, bar.close * 0.99)
        else:
            order.target_percent(self.size)


def test_a_set_that_reads_ranges_is_refused_in_a_world_of_closes(make_study: Make) -> None:
    study = make_study(strategy=Sided, parameters={"how": ["market"], "size": [0.5, 1.0]})
    assert not study.resolve().world.has_ranges
    with study.prepare(workers=1) as job:
        assert job.run([{"how": "market", "size": 0.7}]).status.sum() == 0
        with pytest.raises(Refusal, match=r"sets: found sets that read the ranges.*bars: ohlc"):
            job.run([{"how": "limit", "size": 0.7}])
    said = make_study(strategy=Sided, parameters={"how": ["market"], "size": [0.5, 1]}, bars="ohlc")
    with said.prepare(workers=1) as job:
        assert job.run([{"how": "limit", "size": 0.7}]).status.sum() == 0


@pytest.mark.parametrize(
    ("sets", "seeds", "expected"),
    [
        ([], None, "sets: are empty; give one parameter set or more"),
        ([{"fast": 3}], None, r"sets\[0\]: found no value of slow, allowed a value of each"),
        ([{"fast": 3, "slow": 10, "x": 1}], None, r"sets\[0\]: found an unknown parameter x"),
        ([{"fast": 3.5, "slow": 10}], None, "fast: found 3.5, allowed"),
        ([{"fast": 3, "slow": 10}], [], "seeds: found"),
        ([{"fast": 3, "slow": 10}], [-1], "seeds: found"),
        ([{"fast": 3, "slow": 10}], [1.5], "seeds: found"),
        ([{"fast": 3, "slow": 10}], [4, 4], "seeds: found a seed twice, allowed each once"),
        ([{"fast": 3, "slow": 30}], None, r"slow_mean needs 29 bars.*at most 19"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    make_study: Make, sets: list[Any], seeds: Any, expected: str
) -> None:
    with make_study().prepare(workers=1) as job, pytest.raises(Refusal, match=expected):
        job.run(sets, seeds)


def test_what_a_batch_does_not_hold_is_one_sentence(make_study: Make) -> None:
    job = make_study().prepare(workers=1)
    batch = job.run([{"fast": 3, "slow": 10}])
    with pytest.raises(Refusal, match=r"record\.equity: 0; say how many"):
        batch.equity()
    with pytest.raises(Refusal, match=r"record\.trades: false; let the study"):
        batch.trades()
    with pytest.raises(Refusal, match="metric: found 'luck', allowed net_pnl"):
        batch.metric("luck")
    job.close()
    job.close()
    with pytest.raises(Refusal, match="prepared: a job that is closed; prepare the study again"):
        job.run([{"fast": 3, "slow": 10}])


def test_trials_reach_the_disk_within_a_second_and_when_a_job_is_dropped(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_study().prepare(ledger=tmp_path, workers=1)
    job.run([{"fast": 3, "slow": 10}])
    assert len(read_trials(tmp_path)) == 0
    monkeypatch.setattr(trial_buffer, "_SECONDS", 0.0)
    time.sleep(0.001)
    job.run([{"fast": 4, "slow": 10}])
    assert len(read_trials(tmp_path)) == 2
    monkeypatch.undo()
    job.run([{"fast": 5, "slow": 10}])
    del job
    gc.collect()
    assert len(read_trials(tmp_path)) == 3


SCRIPT = """
import sys
from engine.sources import GBM
from engine.studies import Study
grid = {"fast": [3, 5], "slow": [10]}
job = Study("s", GBM(), "sma_crossover", grid, seeds=4, steps=30).prepare(ledger=sys.argv[1])
job.run([{"fast": 3}, {"fast": 4}])
"""


@pytest.mark.slow
def test_a_process_that_ends_without_closing_its_job_has_counted_its_trials(
    tmp_path: Path,
) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(read_trials(tmp_path)) == 2


def test_a_ledger_that_cannot_be_written_loses_no_trial(make_study: Make, tmp_path: Path) -> None:
    job = make_study().prepare(ledger=tmp_path / "data", workers=1)
    job.run([{"fast": 3, "slow": 10}])
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(mc.StorageError, match="cannot write"):
        job.close()
    (tmp_path / "data").unlink()
    job.close()
    assert len(read_trials(tmp_path / "data")) == 1


@pytest.mark.parametrize("closed", [True, False])
def test_a_job_that_is_dropped_on_a_full_disk_says_so_once_and_without_a_traceback(
    make_study: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, closed: bool
) -> None:
    (tmp_path / "data").write_text("in the way")
    job = make_study().prepare(ledger=tmp_path / "data", workers=1)
    job.run([{"fast": 3, "slow": 10}])
    if closed:
        with pytest.raises(mc.StorageError, match="cannot write"):
            job.close()
    unraisable: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", unraisable.append)
        del job
        gc.collect()
    assert unraisable == []
    said = [record.getMessage() for record in caplog.records]
    assert [text.startswith("cannot write") for text in said] == ([] if closed else [True])


def test_a_run_in_memory_is_counted_where_a_ledger_is_given(
    make_study: Make, tmp_path: Path
) -> None:
    alone = make_study().run(workers=1)
    assert not list(tmp_path.iterdir())
    counted = make_study().run(ledger=tmp_path, workers=1)
    assert_frame_equal(counted.frame, alone.frame)
    assert {path.name for path in tmp_path.iterdir()} <= {"ledger", ".verified.jsonl"}
    first = read_trials(tmp_path)
    assert sorted(first["set_id"]) == sorted(alone.set_ids.tolist())
    # A run that stores its parts counts the same trials.
    make_study().run(root=tmp_path, workers=1)
    assert read_trials(tmp_path).equals(first)


def test_a_ledger_beside_a_data_root_is_one_sentence(make_study: Make, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"ledger: found .* beside the data root .*, allowed one"):
        make_study().run(root=tmp_path, ledger=tmp_path)


class Held(Strategy):
    size = Int(1, low=1, high=5)

    def on_start(self, order):
        order.target_percent(1.0 / self.size)


def test_metrics_of_ones_own_are_columns_of_a_batch(make_study: Make) -> None:
    def final(bars, equity):
        return equity[-1]

    study = make_study(strategy=Held, parameters={"size": [1, 2]}, metrics={"final": final})
    with study.prepare(workers=1) as job:
        batch = job.run([{"size": 3}])
        np.testing.assert_array_equal(batch.metric("final"), batch.metric("final_equity"))

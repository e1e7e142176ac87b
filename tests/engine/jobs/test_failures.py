"""Failing simulations, hopeless studies, and a stop from the keyboard."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.jobs import BLOCKS, StudyFailed, StudyInterrupted, executors, pool
from engine.jobs.progress import Progress
from engine.sources import Generator, Source, option
from engine.strategies import StrategyError, load_user_strategies
from engine.studies import Study, load_results, run_block

Make = Callable[..., Study]


class Brittle(Source):
    """Constant prices; some seeds raise, some give a price that is not finite."""

    name = "brittle"

    raising: Any = option((), "Seeds that raise.")
    not_finite: Any = option((), "Seeds whose prices are not finite.")
    fields: Any = option((0, 1, 2, 3), "Prices that are not finite there.")
    pause: float = option(0.0, "Seconds that a fill takes.")

    def _generator(self, request: Any) -> Generator:
        return BrittleGenerator(self, request)


class BrittleGenerator(Generator):
    def __init__(self, source: Brittle, request: Any) -> None:
        self.source = source
        self.symbols = ("X",)
        self.steps, self.dt = request.steps, request.dt

    def fill(self, seeds: Any, path_ids: Any, out: Any, scratch: Any) -> None:
        time.sleep(self.source.pause)
        out[:] = 100.0
        out[:, :, 4] = 1e6
        for row, seed in enumerate(seeds.tolist()):
            if seed in self.source.raising:
                raise ArithmeticError(f"seed {seed} has no path")
            if seed in self.source.not_finite:
                out[row, :, list(self.source.fields), 1:] = np.nan


def brittle(make_study: Make, count: int = 40, **options: Any) -> Study:
    allowance = options.pop("failure_allowance", 0.05)
    return make_study(
        name="brittle",
        source=Brittle(**options),
        strategy="buy_and_hold",
        parameters={"weight": [0.5, 1.0]},
        seeds=count,
        steps=10,
        failure_allowance=allowance,
    )


def test_a_path_that_raises_fails_alone(make_study: Make) -> None:
    results = brittle(make_study, raising=(7,)).run()
    failures = results.failures
    assert failures["seed"].to_list() == [7, 7]
    assert failures["error"].to_list() == ["ArithmeticError: seed 7 has no path"] * 2
    rows = results.frame
    assert rows["status"].value_counts().sort("count")["count"].to_list() == [2, 78]
    assert rows.filter(pl.col("seed") == 7)["net_pnl"].null_count() == 2
    assert rows.filter(pl.col("status") == "ok")["net_pnl"].null_count() == 0


def test_a_path_that_is_not_finite_fails_alone(make_study: Make) -> None:
    results = brittle(make_study, not_finite=(3,)).run()
    assert results.failures["seed"].to_list() == [3, 3]
    assert all(results.failures["error"].to_list())
    assert results.frame.filter(pl.col("seed") == 3)["final_equity"].null_count() == 2


def test_too_many_failures_fail_the_study_and_keep_the_rest(
    make_study: Make, tmp_path: Path
) -> None:
    study = brittle(make_study, raising=tuple(range(10)))
    with pytest.raises(StudyFailed, match=r"20 of 80 simulations failed, allowed 5\.0%") as caught:
        study.run(root=tmp_path)
    assert "seed 0 has no path" in str(caught.value)
    assert len(load_results(tmp_path, "brittle").filter("status = 'ok'")) == 60


def test_one_failure_in_a_small_block_does_not_fail_the_block(
    make_study: Make, tmp_path: Path
) -> None:
    study = brittle(make_study, raising=(7,))
    results = [run_block(study, block, root=tmp_path) for block in range(BLOCKS)]
    assert sum(result.failed for result in results) == 2
    load_results(tmp_path, "brittle").check_failures()
    hopeless = brittle(make_study, raising=tuple(range(40)), failure_allowance=0.04)
    with pytest.raises(StudyFailed, match="first error: ArithmeticError"):
        run_block(hopeless, 0, root=tmp_path)
    with pytest.raises(StudyFailed, match="allowed 4"):
        load_results(tmp_path, "brittle").check_failures()


def test_a_strategy_that_cannot_be_compiled_stops_the_study_with_its_line(
    make_study: Make, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from engine.strategies import Strategy\n\n\n"
        "class Impossible(Strategy):\n"
        "    def on_bar(self, bar, order):\n"
        "        for name in {'a': 1}.items():\n"
        "            order.close(open('x'))\n"
    )
    load_user_strategies(file)
    with pytest.raises(StrategyError, match=r"mine\.py"):
        make_study(strategy="impossible", parameters={}).run()


def test_failures_within_the_allowance_are_no_error(make_study: Make) -> None:
    results = brittle(make_study, raising=tuple(range(10)), failure_allowance=0.25).run()
    assert len(results.failures) == 20
    assert results.statistics().filter(pl.col("statistic") == "mean_net_pnl")["n"][0] == 30


def test_a_study_that_always_fails_stops_early_with_the_first_error(make_study: Make) -> None:
    done: list[int] = []
    study = brittle(make_study, count=20_000, raising=tuple(range(20_000)))
    with pytest.raises(StudyFailed, match="which all failed; the first error: ArithmeticError"):
        study.run(progress=lambda p: done.append(p.done))
    assert max(done) < 40_000


def test_ctrl_c_stops_within_a_chunk_and_keeps_finished_parts(
    make_study: Make, tmp_path: Path
) -> None:
    study = brittle(make_study, count=160, pause=0.02)

    def interrupt() -> None:
        end = time.monotonic() + 60
        while not list(tmp_path.glob("manifests/*/part-*.json")):
            if time.monotonic() > end:
                return
            time.sleep(0.005)
        _thread.interrupt_main()

    watcher = threading.Thread(target=interrupt, daemon=True)
    # A shell that starts the tests in the background makes Python ignore Ctrl-C.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        watcher.start()
        with pytest.raises(StudyInterrupted, match="finished parts are kept, run the study again"):
            study.run(root=tmp_path, workers=1)
        watcher.join()
    finally:
        signal.signal(signal.SIGINT, handler)
    kept = len(load_results(tmp_path, "brittle"))
    assert 0 < kept < 320
    assert load_results(tmp_path, "brittle").missing == 320 - kept
    seen: list[int] = []
    study.run(root=tmp_path, progress=lambda p: seen.append(p.reused))
    assert seen[-1] >= kept
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("study-")]


def test_ctrl_c_does_not_wait_for_a_kernel_in_the_middle_of_a_long_path(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, goes_on = threading.Event(), threading.Event()
    simulate = pool.run_chunk

    def long_kernel(*arguments: Any) -> None:
        inside.set()
        goes_on.wait(60)
        simulate(*arguments)

    def press(progress: Progress) -> None:
        if inside.is_set():
            raise KeyboardInterrupt

    monkeypatch.setattr(pool, "run_chunk", long_kernel)
    monkeypatch.setattr(executors, "_STOP_SECONDS", 0.01)
    with pytest.raises(StudyInterrupted):
        make_study().run(root=tmp_path, workers=1, progress=press)
    assert not goes_on.is_set()
    # The thread ends with its chunk, and another run comes to the results of one undisturbed.
    goes_on.set()
    monkeypatch.undo()
    assert_frame_equal(make_study().run(root=tmp_path).frame, make_study().run().frame)


@pytest.mark.parametrize("field", [0, 1, 2, 3])
def test_a_path_with_any_price_that_is_not_finite_fails_alone(make_study: Make, field: int) -> None:
    study = brittle(make_study, not_finite=(7,), fields=(field,), failure_allowance=1.0)
    failures = study.run().failures
    assert failures["seed"].unique().to_list() == [7]
    assert "not finite" in failures["error"][0]


def test_a_hook_that_raises_says_what_it_raised(make_study: Make, tmp_path: Path) -> None:
    file = tmp_path / "dear.py"
    file.write_text(
        "from engine.strategies import Int, Strategy\n\n\n"
        "class Dear(Strategy):\n"
        "    most = Int(200)\n\n"
        "    def on_bar(self, bar, order):\n"
        "        if bar.close > self.most:\n"
        "            raise ValueError('too dear')\n"
        "        order.long()\n"
    )
    load_user_strategies(file)
    made: Any = {"strategy": "dear", "seeds": 3, "steps": 10}
    results = make_study(parameters={"most": [1, 1_000_000]}, failure_allowance=1.0, **made).run()
    expected = "the strategy raised ValueError: too dear"
    assert results.failures["error"].to_list() == [expected] * 3
    assert results.failures["parameter_set"].to_list() == [0] * 3
    with pytest.raises(StudyFailed, match=f"first error: {expected}"):
        make_study(parameters={"most": [1]}, **made).run()
    assert results.simulation(0).status == expected

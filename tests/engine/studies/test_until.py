"""Running until precise."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.jobs import BLOCKS
from engine.jobs.progress import Progress
from engine.sources import GBM
from engine.studies import Study, load_results, run_block

Make = Callable[..., Study]


def half_widths(study: Study, **options: object) -> list[float]:
    table = study.run(**options).statistics()  # type: ignore[arg-type]
    own = table.filter(pl.col("statistic") == "mean_net_pnl")
    return ((own["ci_high"] - own["ci_low"]) / 2).to_list()


def test_seeds_are_added_until_every_set_is_precise(make_study: Make) -> None:
    before = max(half_widths(make_study()))
    goal = before / 3
    study = make_study(until={"half_width": goal, "max_seeds": 5000})
    results = study.run()
    assert max(half_widths(study)) <= goal
    assert 40 * 6 < results.summary.seeds < 5000
    assert results.stopped is not None
    assert "mean_net_pnl is within" in results.stopped
    assert results.frame["simulation"].to_list() == list(range(len(results)))
    first = results.frame.filter(pl.col("seed") < 40)
    assert_frame_equal(first, make_study().run().frame)


def test_the_leaders_alone_may_be_asked(make_study: Make) -> None:
    goal = max(half_widths(make_study())) / 3
    of_all = make_study(until={"half_width": goal, "max_seeds": 5000}).run()
    of_one = make_study(until={"half_width": goal, "max_seeds": 5000, "leaders": 1}).run()
    assert of_one.summary.seeds <= of_all.summary.seeds
    assert "for the leader after" in (of_one.stopped or "")


def test_the_limit_of_seeds_stops_it_and_says_so(make_study: Make) -> None:
    results = make_study(until={"half_width": 1e-3, "max_seeds": 100}).run()
    assert results.summary.seeds == 100
    assert (results.stopped or "").startswith("stopped at max_seeds = 100")


@pytest.mark.every_part
def test_blocks_and_whole_runs_agree_and_resume(make_study: Make, tmp_path: Path) -> None:
    study = make_study(until={"half_width": 1e-3, "max_seeds": 150})
    whole = study.run()
    rows = [run_block(study, block, root=tmp_path) for block in range(BLOCKS)]
    assert sum(row.rows for row in rows) == 600
    assert rows[0].reused == 0
    assert sum(row.reused for row in rows[1:]) == 600 - rows[0].rows
    loaded = load_results(tmp_path, "small")
    assert_frame_equal(loaded.frame, whole.frame)
    assert loaded.stopped == whole.stopped


def test_an_unknown_statistic_is_named(make_study: Make) -> None:
    with pytest.raises(Refusal, match=r"until\.statistic: found 'x', allowed mean_net"):
        make_study(until={"statistic": "x", "half_width": 1, "max_seeds": 100}).run()


def test_going_on_leaves_no_summary_that_knows_fewer_seeds_than_stand(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = {"half_width": max(half_widths(make_study())) / 3, "max_seeds": 5000}
    whole = make_study(until=until).run(root=tmp_path)
    assert whole.summary.seeds > whole.summary.first_seeds

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.studies.execute.run_parts", killed)
    with pytest.raises(KeyboardInterrupt):
        make_study(until=until).run(root=tmp_path)
    found = load_results(tmp_path, "small")
    assert found.missing == 0
    assert found.summary.seeds == whole.summary.seeds


def test_leaders_are_found_among_the_sets_that_have_an_estimate(make_study: Make) -> None:
    # The slow average is longer than the path: this set never trades and has no Sharpe ratio.
    until = {"statistic": "sharpe", "half_width": 1e-9, "max_seeds": 40, "leaders": 1}
    study = make_study(parameters={"fast": [3], "slow": [150, 10]}, until=until)
    results = study.run()
    # A tenth of the error probability is left to the looks.
    row = results.statistics(names=["sharpe"], confidence=0.955).row(1, named=True)
    width = (row["ci_high"] - row["ci_low"]) / 2
    assert f"±{width:.4g} for the leader" in (results.stopped or "")


def rare_trades(first: int, seeds: int, **until: Any) -> Study:
    """A rule without edge that leaves three of four paths idle: its mean P&L is 0."""
    settings: dict[str, Any] = {"half_width": 100.0, "max_seeds": 20_000} | until
    return Study(
        "rare",
        GBM(mu=0.0, sigma=0.2),
        "sma_crossover",
        {"fast": [4], "slow": [30]},
        seeds=range(first, first + seeds),
        steps=40,
        warm_up=0,
        until=settings,
    )


def covered(studies: int) -> float:
    """Share of studies whose interval at the stop holds the true mean."""
    hits = 0
    for number in range(studies):
        results = rare_trades(100_000 * number, 20).run(workers=1)
        assert "is within" in (results.stopped or "")
        row = results.statistics(names=["mean_net_pnl"], confidence=0.955).row(0, named=True)
        assert (row["ci_high"] - row["ci_low"]) / 2 <= 100.0
        hits += row["ci_low"] <= 0.0 <= row["ci_high"]
    return hits / studies


def test_a_lucky_start_stops_nothing() -> None:
    # Of these 20 seeds hardly one trades: the interval looks narrow, and is far from what it is.
    begin = 1300
    assert rare_trades(begin, 20, max_seeds=20).run().frame["net_pnl"].abs().max() < 1_000.0
    results = rare_trades(begin, 20).run()
    assert results.summary.seeds > 400
    row = results.statistics(names=["mean_net_pnl"]).row(0, named=True)
    assert row["ci_low"] < 0.0 < row["ci_high"]


def test_no_study_stops_below_the_floor_or_at_one_look(make_study: Make) -> None:
    easy = make_study(until={"half_width": 1e6, "max_seeds": 5000}).run()
    assert easy.summary.seeds == 250
    # Enough seeds of its own hold both looks.
    own = make_study(seeds=400, until={"half_width": 1e6, "max_seeds": 5000}).run()
    assert own.summary.seeds == 400
    few = make_study(until={"half_width": 1e6, "max_seeds": 90}).run()
    assert (few.summary.seeds, (few.stopped or "")[:25]) == (90, "stopped at max_seeds = 90")


@pytest.mark.slow
def test_intervals_at_the_stop_hold_the_mean_as_often_as_they_say() -> None:
    assert covered(1000) >= 0.93


@pytest.mark.slow
def test_a_few_intervals_at_the_stop_hold_the_mean() -> None:
    # 60 at 95 %: 57, less three standard errors of 1.7.
    assert covered(60) >= 52 / 60


def test_progress_counts_the_rounds_before(make_study: Make) -> None:
    seen: list[Progress] = []
    until = {"half_width": max(half_widths(make_study())) / 3, "max_seeds": 5000}
    results = make_study(until=until).run(progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (len(results), len(results))
    assert all(a.done <= b.done for a, b in pairwise(seen))

"""Rare events as a setting of a study: rows with their errors, and what plain paths they save."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

import engine as mc
from engine.errors import Refusal
from engine.results import read_results

WORLD = mc.GBM(mu=0.05, sigma=0.2)
ASKED = {"events": ["total_return <= -0.3"], "sampled": {"mu": -1.4}, "paths": 2000}


def study(source: Any = WORLD, asked: Any = ASKED, **settings: Any) -> mc.Study:
    options = {"seeds": 20, "steps": 60, "s0": 100.0, "warm_up": 0} | settings
    return mc.Study("fall", source, "buy_and_hold", rare_events=asked, **options)


def fallen(share: float, steps: int) -> float:
    """Probability that the price ends so far below its start."""
    years = steps / 252.0
    z = (math.log(1.0 - share) - (WORLD.mu - 0.02) * years) / (0.2 * math.sqrt(years))
    return float(stats.norm.cdf(z))


def test_a_study_tells_the_probability_of_a_rare_event_of_the_closed_form() -> None:
    row = study().run().rare_events().row(0, named=True)
    truth = fallen(0.3, 60)
    assert truth < 2e-4
    # Whole units leave a little cash over, which moves the bound by a hundredth of it.
    assert abs(row["probability"] - truth) < 4.0 * row["std_error"] + 0.1 * truth
    assert row["std_error"] < 0.1 * truth
    assert row["ci_low"] < row["probability"] < row["ci_high"]
    assert (row["paths"], row["seen"] > 500) == (2000, True)
    assert row["seen"] < 1900
    assert row["plain_paths"] > 500_000
    assert row["work_saved"] == pytest.approx(row["plain_paths"] / 2000)


def test_weights_of_a_world_that_is_near_have_the_mean_one() -> None:
    asked = ASKED | {"events": ["total_return <= 0"], "sampled": {"mu": -0.2}}
    row = study(asked=asked).run().rare_events().row(0, named=True)
    assert abs(row["mean_weight"] - 1.0) < 4.0 * row["mean_weight_error"] < 0.1


def test_rare_events_are_kept_beside_the_request_and_follow_what_is_asked(tmp_path: Path) -> None:
    first = study().run(root=tmp_path).rare_events()
    assert read_results(tmp_path, "fall").rare_events().equals(first)
    other = ASKED | {"events": ["net_pnl > 20_000", "max_drawdown <= -0.4"]}
    study(asked=other).run(root=tmp_path)
    found = read_results(tmp_path, "fall").rare_events()
    assert found["event"].to_list() == other["events"]
    study(asked=None).run(root=tmp_path)
    with pytest.raises(Refusal, match=r"rare_events: fall asks for none"):
        read_results(tmp_path, "fall").rare_events()


def test_pairs_of_paths_count_as_one_observation_each() -> None:
    pairs = mc.GBM(mu=0.05, sigma=0.2, sampling="antithetic")
    row = study(pairs, paths_per_seed=2).run().rare_events().row(0, named=True)
    truth = fallen(0.3, 60)
    assert row["paths"] == 2000
    assert abs(row["probability"] - truth) < 4.0 * row["std_error"] + 0.1 * truth


@pytest.mark.parametrize(
    ("source", "asked", "says"),
    [
        (mc.Heston(), ASKED, "rare_events: found paths of heston.*plain `seeds` tell it: 100 / p"),
        (WORLD, ASKED | {"sampled": {"sigma": 0.4}}, "rare_events.sampled: found sigma"),
        (WORLD, ASKED | {"events": "total_return"}, r"rare_events.events: found 'total_return'"),
        (WORLD, ASKED | {"events": "gains <= 1"}, r"rare_events.events: found 'gains'"),
        (WORLD, ASKED | {"paths": 3}, r"rare_events.paths: found 3"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence(source: Any, asked: Any, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        study(source, asked).resolve()

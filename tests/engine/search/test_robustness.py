"""Plateaus and clusters on surfaces whose answer is known."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.search.objective import Objective
from engine.search.robustness import best_of_cluster, robustness
from engine.search.space import SearchSpace
from engine.search.trials import TrialTable
from engine.studies.values import choice, log_uniform, uniform

TABLE = TrialTable(("x", "y"), Objective.read("sharpe"), ())


def _trials(
    space: SearchSpace, points: NDArray[np.float64], value: NDArray[np.float64]
) -> pl.DataFrame:
    results = [{"paths": 10, "sharpe": one, "sharpe_std_error": 0.1} for one in value]
    ids = [f"{number:05d}" for number in range(len(points))]
    return TABLE.rows(0, 0, ids, space.sets(points), results)


def test_the_middle_of_a_plateau_is_chosen_over_a_higher_spike() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    points = np.random.Generator(np.random.Philox(1)).random((600, 2))
    points[0] = 0.9, 0.9
    plateau = np.exp(-0.5 * (np.abs(points - 0.35) / 0.3).max(axis=1) ** 4)
    value = plateau + 2.0 * (np.arange(600) == 0)
    found = robustness(space, TABLE, _trials(space, points, value))
    assert found["x"][0] == 0.9  # the naive best
    chosen = best_of_cluster(found, TABLE)
    assert abs(chosen["x"][0] - 0.35) < 0.12
    assert abs(chosen["y"][0] - 0.35) < 0.12
    # The spike's neighbours earn nothing: a tenth of the weight lies far below it.
    assert found["plateau_q10"][0] < 0.1
    assert chosen["plateau_q10"][0] > 0.6


def test_two_hills_are_two_clusters_the_better_one_first() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    points = np.random.Generator(np.random.Philox(2)).random((800, 2))

    def hill(at: float, height: float) -> NDArray[np.float64]:
        return height * np.exp(-0.5 * (((points - at) / 0.08) ** 2).sum(axis=1))

    found = robustness(space, TABLE, _trials(space, points, hill(0.2, 1.0) + hill(0.8, 0.7)))
    first, second = (found.filter(pl.col("cluster") == number) for number in (1, 2))
    assert (first["x"] < 0.5).all()
    assert len(first) > 10
    assert (second["x"] > 0.5).all()
    assert len(second) > 10
    assert found["cluster"].max() == 2


def test_a_logarithmic_parameter_is_compared_by_ratios() -> None:
    """The same points of the cube make the same clusters, whatever the scale."""
    points = np.random.Generator(np.random.Philox(3)).random((300, 2))
    value = -((points - 0.4) ** 2).sum(axis=1)
    plain = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    log = SearchSpace.of({"x": log_uniform(0.001, 1_000.0), "y": log_uniform(1.0, 2.0)})
    columns = ["plateau", "plateau_q10", "neighbours", "cluster"]
    one, other = (
        robustness(space, TABLE, _trials(space, points, value)).select(columns)
        for space in (plain, log)
    )
    np.testing.assert_allclose(one["plateau"].to_numpy(), other["plateau"].to_numpy(), rtol=1e-6)
    assert one["cluster"].equals(other["cluster"])


def test_words_are_no_neighbours_of_one_another() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": choice(["a", "b"])})
    points = space.settle(np.random.Generator(np.random.Philox(4)).random((400, 2)))
    value = np.where(points[:, 1] < 0.5, 1.0, -1.0)
    found = robustness(space, TABLE, _trials(space, points, value))
    of_a = found.filter(pl.col("y") == "a")
    np.testing.assert_allclose(of_a["plateau"].to_numpy(), 1.0, atol=1e-6)


def test_the_mean_over_neighbours_is_the_kernel_mean_by_hand() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    points = np.array([[0.5, 0.5], [0.5, 0.6], [0.9, 0.1]])
    value = np.array([3.0, 2.0, -1.0])
    found = robustness(space, TABLE, _trials(space, points, value))
    width = 0.08 * np.sqrt(2.0)
    weight = np.exp(-0.5 * (np.linalg.norm(points - points[0], axis=1) / width) ** 2)
    np.testing.assert_allclose(found["plateau"][0], np.average(value, weights=weight), rtol=1e-9)
    np.testing.assert_allclose(
        found["neighbours"][0], weight.sum() ** 2 / (weight**2).sum(), rtol=1e-9
    )


def test_no_finished_trial_gives_an_empty_table_with_every_column() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    trials = _trials(space, np.array([[0.1, 0.2]]), np.array([np.nan]))
    found = robustness(space, TABLE, trials)
    assert found.is_empty()
    assert {"plateau", "cluster"} <= set(found.columns)
    assert best_of_cluster(found, TABLE).is_empty()

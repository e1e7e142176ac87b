"""Fitness of genomes, networks that evolve by it, and agents judged on what they have not seen."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.environment.evaluation import always_long, interquartile_mean, play_episodes
from engine.environment.rollouts import Outcomes

SMALL: dict[str, Any] = {"features": ["return_1"], "steps": 40, "fit_paths": 4}


def made_up(count: int = 9, seed: int = 3) -> Outcomes:
    rng = np.random.default_rng(seed)
    columns = [rng.normal(size=count) for _ in range(7)]
    columns[2] = np.abs(columns[2])
    columns[3] = np.zeros(count)
    return Outcomes(*columns)


def test_fitness_is_the_sum_that_its_page_writes() -> None:
    outcomes = made_up()
    returns, falls = outcomes.total_return, outcomes.max_drawdown
    weights = {
        **{"mean_return": 2.0, "sharpe": 3.0, "spread": 5.0, "quartile": 7.0},
        **{"mean_drawdown": 11.0, "worst_drawdown": 13.0, "adaptability": 17.0, "survival": 19.0},
    }
    leans = np.corrcoef(outcomes.leaning, outcomes.market)[0, 1]
    expected = 2.0 * returns.mean() + 3.0 * outcomes.sharpe.mean() - 5.0 * returns.std()
    expected += 7.0 * np.percentile(returns, 25) - 11.0 * falls.mean() - 13.0 * falls.max()
    expected += 17.0 * leans + 19.0
    fitness = mc.GeneticFitness(**weights)
    assert fitness.of(outcomes) == pytest.approx(expected, rel=1e-12)
    called = outcomes._replace(margin_calls=np.eye(1, 9, 4)[0])
    assert fitness.of(called) == pytest.approx(expected - 19.0, rel=1e-12)
    with pytest.raises(mc.Refusal, match=r"fitness.spread: found nan, allowed a finite number"):
        mc.GeneticFitness(spread=float("nan"))


def test_outcomes_are_what_environments_tell_one_by_one() -> None:
    env = mc.make_env("mes_daily", num_envs=3, **SMALL)
    policy = mc.Policy.zeros(env)
    policy = policy.with_weights(np.random.default_rng(5).normal(size=policy.size))
    outcomes = play_episodes(env, policy, range(7))
    one = mc.make_env("mes_daily", normalise=env.normalisation, **SMALL)
    for seed in range(7):
        seen, _ = one.reset(seed=seed)
        done, held, rewards = False, [], 0.0
        while not done:
            seen, reward, _, done, info = one.step(policy.act(seen))
            held.append(one.batch.arrays.held[0, 0])
            rewards += reward
        told = info["episode"]
        assert outcomes.total_return[seed] == told["net_pnl"] / 25_000.0
        assert outcomes.sharpe[seed] == told["sharpe"]
        assert outcomes.max_drawdown[seed] == told["max_drawdown"] / 25_000.0
        assert outcomes.leaning[seed] == pytest.approx(np.mean(held))
        assert outcomes.reward[seed] == pytest.approx(rewards)
        closes = one.batch.episodes.path(seed)[0, 3, -40:]
        assert outcomes.market[seed] == pytest.approx(np.log(closes[-1] / closes[0]), abs=1e-12)


def test_weights_evolve_alike_with_any_workers_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    # A drift that no cost can hide: whoever is long earns.
    env = mc.make_env("mes_daily", source=mc.GBM(mu=1.0, sigma=0.1), **SMALL)
    asked: dict[str, Any] = {"seeds": range(4), "seed": 2, "root": tmp_path / "search"}
    short = mc.evolve_policy(env, generations=3, **asked)
    long = mc.evolve_policy(env, generations=6, **asked)
    anew = mc.evolve_policy(env, generations=6, seeds=range(4), seed=2, workers=2)
    assert long.policy.weights.tolist() == anew.policy.weights.tolist()
    assert long.curve.equals(anew.curve)
    assert short.curve.equals(long.curve.head(3))
    assert long.curve["best"].is_sorted()
    held_out = play_episodes(env, long.policy, range(100, 120))
    assert held_out.total_return.mean() > 0.0
    with pytest.raises(mc.Refusal, match="holds another search"):
        mc.evolve_policy(env, generations=3, **{**asked, "seed": 3})


def test_a_search_of_parameters_may_want_the_same_fitness() -> None:
    study = mc.Study(
        "fit",
        mc.GBM(mu=0.3, sigma=0.2),
        "sma_crossover",
        {"fast": mc.integer(2, 10), "slow": mc.integer(11, 40)},
        seeds=20,
        steps=120,
        warm_up=0,
    )
    fitness = mc.GeneticFitness()
    search = mc.Search(
        study, method="genetic", objective=fitness.objective(), budget={"sets": 32}, seed=1
    )
    trials = search.run(workers=1).trials
    trial = trials.filter(trials["genetic_fitness"].is_not_null()).row(0, named=True)
    chosen = {"fast": trial["fast"], "slow": trial["slow"]}
    same: dict[str, Any] = {"seeds": 20, "steps": 120, "warm_up": 0}
    one = mc.Study("one", mc.GBM(mu=0.3, sigma=0.2), "sma_crossover", chosen, **same)
    wanted = list(inspect.signature(fitness.objective()).parameters)
    table = one.run(workers=1).statistics(names=wanted)
    row = dict(zip(table["statistic"], table["estimate"], strict=True))
    expected = row["total_return"] + 0.05 * row["sharpe"] - 0.5 * row["std_total_return"]
    expected += 0.5 * row["total_return_q25"] + 0.5 * row["max_drawdown"]
    expected += 0.25 * row["max_drawdown_q05"] + 0.1 * (row["margin_calls"] == 0.0)
    assert trial["genetic_fitness"] == pytest.approx(expected, rel=1e-9)


def test_interquartile_means_are_those_of_scipy() -> None:
    from scipy.stats import trim_mean

    for count in (4, 8, 40):
        scores = np.random.default_rng(count).normal(size=(count,))
        assert interquartile_mean(scores) == pytest.approx(trim_mean(scores, 0.25))


def test_the_report_says_whether_an_agent_has_learned_something() -> None:
    rising = mc.make_env("mes_daily", num_envs=8, source=mc.GBM(mu=-0.9, sigma=0.1), **SMALL)
    zero = mc.Policy.zeros(rising)
    rng = np.random.default_rng(1)
    luck = [zero.with_weights(rng.normal(size=zero.size)) for _ in range(5)]
    # The bias of the last score: short at every bar, in a market that falls.
    shorts = [zero.with_weights(np.eye(1, zero.size, zero.size - 1)[0])] * 5
    nothing = mc.judge_policies(rising, luck, seeds=range(500, 540))
    assert not nothing.learned
    assert nothing.verdict.startswith("the agent has learned nothing that can be told from luck")
    good = mc.judge_policies(rising, shorts, seeds=range(500, 540), rules={"flat": zero})
    assert good.learned
    assert good.table["name"].to_list() == ["agent", "buy and hold", "flat"]
    assert good.table["iqm"][1] < 0.0 < good.table["iqm"][0]
    held = play_episodes(rising, always_long(zero), [500])
    assert held.leaning[0] == pytest.approx(1.0, abs=0.05)
    with pytest.raises(mc.Refusal, match="policies: found 4 trainings, allowed 5 or more"):
        mc.judge_policies(rising, luck[:4], seeds=[1])

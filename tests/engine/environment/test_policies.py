"""A policy decides in a study as it does in its environment, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.environment.evaluation import always_long, play_episodes
from engine.strategies import SMA, Close
from engine.strategies.audit import audit_strategy


class Tensor:
    """What of a PyTorch tensor is read."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self._values


def layers(sizes: tuple[int, ...], seed: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    pairs = zip(sizes[1:], sizes[:-1], strict=True)
    return [(rng.normal(size=(a, b)) / np.sqrt(b), rng.normal(size=a) / 3.0) for a, b in pairs]


def forward(pairs: list[tuple[np.ndarray, np.ndarray]], seen: np.ndarray) -> np.ndarray:
    value = seen.astype(np.float64)
    for place, (weight, bias) in enumerate(pairs):
        value = weight @ value + bias
        if place < len(pairs) - 1:
            value = np.tanh(value)
    return value


def played(env: Any, policy: mc.Policy, seed: int) -> tuple[list[Any], list[float]]:
    seen, _ = env.reset(seed=seed)
    actions, equity, truncated = [], [env.equity], False
    while not truncated:
        actions.append(policy.act(seen))
        seen, _, _, truncated, _ = env.step(actions[-1])
        equity.append(env.equity)
    return actions, equity


@pytest.mark.parametrize(
    ("market", "settings"),
    [
        ("mes_intraday", {"steps": 300}),
        (
            "mes_intraday",
            {
                "steps": 300,
                "features": ["return_1", "hour_sin"],
                "actions": "target",
                "units": 4.0,
                "execution": {"position_limit": 4},
            },
        ),
        pytest.param(
            "equity",
            {"steps": 200, "features": ["relative", "rsi_14", "macd"], "units": 30.0},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_strategy_of_a_policy_trades_as_the_policy_does(market: str, settings: dict) -> None:
    env = mc.make_env(market, **settings)
    seen = env.observation_space.shape[0]
    pairs = layers((seen, 16, 1 if settings.get("actions") else 3))
    policy = mc.Policy.of(env, pairs)
    batch = env.batch
    study = mc.Study(
        "judged",
        batch.episodes.source,
        policy.strategy("agent"),
        seeds=[3, 4],
        steps=settings["steps"],
        s0=batch.episodes.source.start_prices(5_000.0 if market != "equity" else 100.0)[0],
        calendar=batch.episodes.calendar,
        execution=batch.execution,
        bars="ohlc",
    )
    results = study.run(workers=1)
    for place, seed in enumerate((3, 4)):
        actions, equity = played(env, policy, seed)
        assert equity == results.simulation(place).equity.tolist()
        assert len(set(np.ravel(actions).tolist())) > 1
        assert len(set(equity)) > 20
    # The network is the one that was given, to the last bits of a sum in another order.
    first, _ = env.reset(seed=8)
    scores = forward(pairs, first)
    if settings.get("actions"):
        assert policy.act(first)[0] == pytest.approx(min(max(scores[0], -1.0), 1.0), abs=1e-12)
    else:
        assert policy.act(first) == int(np.argmax(scores))


def test_a_policy_on_history_reads_the_clock_and_passes_the_audit() -> None:
    block = mc.GBM(sigma=0.3).paths(seeds=[4], steps=400)
    stamps = 1_700_000_000_000_000 + np.arange(400) * 3_600_000_000
    columns = (block.field(name)[0] for name in block.fields)
    bars = mc.Bars("X", stamps, *columns, calendar=mc.BarCalendar("24/7", "1h"))
    env = mc.make_env(
        "equity", source=mc.Historical(bars), features=["return_3", "hour_sin", "hour_cos"]
    )
    policy = mc.Policy.of(env, layers((env.observation_space.shape[0], 3), seed=2))
    _, equity = played(env, policy, 0)
    done = mc.backtest(policy.strategy(), bars, execution=env.batch.execution, warm_up="auto")
    assert equity == done.equity.tolist()
    assert policy.strategy() is policy.strategy()
    values = np.array([[[bars.field(name) for name in bars.fields]]], dtype=np.float64)
    blind = mc.make_env("mes_daily", features=["return_3"], steps=400)
    judged = mc.Policy.of(blind, layers((blind.observation_space.shape[0], 3))).strategy("blind")
    report = audit_strategy(judged, values, fields=bars.fields, warm_up=5, cuts=20)
    assert report.orders > 0
    assert not report.findings


@pytest.mark.parametrize("actions", ["sides", pytest.param("target", marks=pytest.mark.slow)])
def test_a_policy_of_two_symbols_trades_each_as_in_its_environment(
    actions: str, tmp_path: Path
) -> None:
    block = mc.GBM(sigma=0.3).paths(seeds=[4, 5], steps=160)
    stamps = 1_700_000_000_000_000 + np.arange(160) * 86_400_000_000
    bars = [
        mc.Bars(
            symbol,
            stamps,
            *(block.field(name)[place] for name in block.fields),
            calendar=mc.BarCalendar("24/7", "1d"),
        )
        for place, symbol in enumerate(("A", "B"))
    ]
    env = mc.make_env(
        "equity",
        source=mc.Historical(bars),
        features=["return_3", "hour_sin"],
        actions=actions,
        units=(40.0, 70.0),
    )
    outputs = 6 if actions == "sides" else 2
    policy = mc.Policy.of(env, layers((env.observation_space.shape[0], 8, outputs), seed=3))
    taken, equity = played(env, policy, 0)
    assert {action.shape for action in taken} == {(2,)}
    assert len({tuple(action) for action in taken}) > 2
    assert len({float(action[0] - action[1]) for action in taken}) > 2
    found = policy.save(tmp_path / "pair.py")
    mc.load_user_strategies(found)
    strategy = mc.get_strategy("pair")
    assert strategy.code_hash() == policy.strategy("pair").code_hash()
    done = mc.backtest(strategy, bars, execution=env.batch.execution, warm_up="auto")
    assert equity == done.equity.tolist()
    many = policy.act(np.stack([env.reset(seed=0)[0]] * 3))
    assert many.shape == (3, 2)
    # Whole episodes in one call play the same, and buying and holding is of both.
    outcome = play_episodes(
        mc.make_env(
            "equity",
            source=mc.Historical(bars),
            features=["return_3", "hour_sin"],
            actions=actions,
            units=(40.0, 70.0),
            num_envs=1,
        ),
        policy,
        [0],
    )
    assert outcome.total_return[0] == pytest.approx(equity[-1] / equity[0] - 1.0, rel=1e-12)
    assert np.ravel(always_long(policy).act(env.reset(seed=0)[0])).tolist() == [1, 1]


def test_a_policy_is_saved_as_the_file_of_a_strategy(tmp_path: Path) -> None:
    env = mc.make_env("mes_daily", features=["return_1", "rsi_5"], steps=60)
    policy = mc.Policy.of(env, layers((env.observation_space.shape[0], 3)))
    file = policy.save(tmp_path / "agent.py")
    assert mc.load_user_strategies(file) == ("agent",)
    loaded = mc.get_strategy("agent")
    assert loaded.code_hash() == policy.strategy("agent").code_hash()
    other = policy.with_weights(policy.weights * 1.5)
    assert other.strategy("agent").code_hash() != loaded.code_hash()


def test_weights_come_from_arrays_or_a_state_dict() -> None:
    env = mc.make_env("mes_daily", features=["return_1", "rsi_5"], steps=60)
    pairs = layers((env.observation_space.shape[0], 4, 3))
    plain = mc.Policy.of(env, pairs)
    named = {
        "mlp_extractor.policy_net.0.weight": Tensor(pairs[0][0]),
        "mlp_extractor.policy_net.0.bias": Tensor(pairs[0][1]),
        "mlp_extractor.value_net.0.weight": Tensor(np.ones((4, 9))),
        "mlp_extractor.value_net.0.bias": Tensor(np.ones(4)),
        "action_net.weight": Tensor(pairs[1][0]),
        "action_net.bias": Tensor(pairs[1][1]),
        "value_net.weight": Tensor(np.ones((1, 4))),
        "value_net.bias": Tensor(np.ones(1)),
    }
    assert mc.Policy.of(env, named).weights.tolist() == plain.weights.tolist()
    with pytest.raises(mc.Refusal, match=r"weights: found 2 inputs and 3 outputs, allowed 7 and 3"):
        mc.Policy.of(env, layers((2, 3)))
    with pytest.raises(mc.Refusal, match=r"weights\[1\]: found shapes \(3, 5\) and \(3,\)"):
        mc.Policy.of(env, [pairs[0], (np.ones((3, 5)), np.ones(3))])
    with pytest.raises(mc.Refusal, match="policy: found actions 'orders', allowed 'sides' or"):
        mc.Policy.zeros(mc.make_env("mes_daily", features=["close"], actions="orders"))
    own = mc.make_env("mes_daily", features={"own": SMA(3) / Close()}, steps=60)
    with pytest.raises(mc.Refusal, match="features: found indicators, which are code"):
        mc.Policy.zeros(own).to_dict()


def test_studies_and_walk_forward_choose_among_the_trainings_of_a_policy() -> None:
    env = mc.make_env("mes_daily", features=["return_3"], steps=60)
    width = env.observation_space.shape[0]
    trainings = [mc.Policy.of(env, layers((width, 3), seed)) for seed in (1, 2, 3)]
    chosen = trainings[1].strategy("agents", trainings)
    assert chosen.parameters["training"].default == 1
    asked: dict[str, Any] = {
        **{"seeds": 4, "steps": 120, "execution": env.batch.execution},
        "calendar": env.batch.episodes.calendar,
    }
    study = mc.Study("agents", mc.GBM(sigma=0.2), chosen, {"training": [0, 1, 2]}, **asked)
    together = study.run(workers=1).frame
    # Each is what it is alone.
    for number, policy in enumerate(trainings):
        alone = mc.Study("alone", mc.GBM(sigma=0.2), policy.strategy("alone"), **asked)
        mine = together.filter(together["training"] == number)
        assert mine["net_pnl"].to_list() == alone.run(workers=1).frame["net_pnl"].to_list()
    assert together["net_pnl"].n_unique() > 6
    walked = mc.walk_forward(study, score="net_pnl", count=2, workers=1)
    assert len(walked.choices) == 8
    with pytest.raises(mc.Refusal, match="trainings: found others than this policy"):
        trainings[0].strategy("agents", trainings[1:])
    other = mc.Policy.zeros(env, hidden=[2])
    with pytest.raises(mc.Refusal, match=r"trainings\[1\]: found a policy of another"):
        trainings[0].strategy("agents", [trainings[0], other])


@pytest.mark.slow
def test_a_panel_of_worlds_chooses_among_the_trainings_of_a_policy() -> None:
    env = mc.make_env("mes_daily", features=["return_3"], steps=60)
    width = env.observation_space.shape[0]
    trainings = [mc.Policy.of(env, layers((width, 3), seed)) for seed in (1, 2, 3)]
    chosen = trainings[1].strategy("agents", trainings)
    block = mc.GBM(sigma=0.2).paths(seeds=[4], steps=800, s0=5_000.0)
    days = np.arange("2019-01-02", "2023-01-01", dtype="datetime64[D]")
    open_days = days[np.is_busday(days)][:800]
    columns = (block.field(name)[0] for name in block.fields)
    bars = mc.Bars("X", open_days.astype("datetime64[us]").astype(np.int64), *columns)
    found = mc.model_risk_panel(chosen, bars, {"training": [0, 1, 2]}, paths=10)
    assert found.table["set_id"].drop_nulls().n_unique() == 3


def test_units_on_history_are_what_the_cash_buys_where_trading_starts() -> None:
    days = np.arange("2019-01-02", "2020-12-01", dtype="datetime64[D]")
    stamps = days[np.is_busday(days)][:300].astype("datetime64[us]").astype(np.int64)
    prices = np.concatenate([np.full(200, 20.0), np.full(100, 400.0)])
    bars = mc.Bars("X", stamps, prices, prices, prices, prices, np.ones(300))
    env = mc.make_env("equity", source=mc.Historical(bars), features=["return_1"], steps=90)
    assert env.batch.limits[0] == int(0.95 * env.batch.execution.cash / 400.0)

"""Speed of learning environments: ``python -m benchmarks environment``.

Least processor seconds of interleaved rounds on one thread. Every step copies 52 features and takes
a new random action, so that orders fill at nearly every other bar. Other programs step an
environment of the same length, with what they observe by default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import engine as mc
from benchmarks.timing import least

BARS, ROUNDS = 252, 9
MANY = (64, 1024)


def side_by_side(count: int) -> tuple[Callable[[], None], Callable[[], None], Any]:
    """Return calls that step and that reset so many environments, and these."""
    env = mc.make_env("mes_daily", num_envs=count, steps=BARS, warm_up=0, autoreset="disabled")
    actions = np.random.default_rng(1).integers(0, 3, (BARS - 1, count))
    env.reset(seed=0)

    def step() -> None:
        # The paths stay: an episode is begun anew, nothing is made for it.
        env.batch.reset(np.arange(count), list(range(count)))
        for row in actions:
            env.step_batch(row)

    def begin() -> None:
        env.batch.reset(np.arange(count), list(range(count)))

    return step, begin, env


def one_by_one() -> Callable[[], None]:
    """Return a call that plays an episode in one environment."""
    env = mc.make_env("mes_daily", steps=BARS, warm_up=0)
    actions = np.random.default_rng(1).integers(0, 3, BARS - 1).tolist()

    def step() -> None:
        env.reset(seed=0)
        for action in actions:
            env.step(action)

    return step


def gym_anytrading() -> Callable[[], None] | None:
    """Return a call that plays an episode of gym-anytrading, if it is installed."""
    try:
        import pandas as pd
        from gym_anytrading.envs import StocksEnv
    except ModuleNotFoundError:
        return None
    prices = 100.0 + np.cumsum(np.random.default_rng(1).normal(size=BARS + 20))
    env = StocksEnv(pd.DataFrame({"Close": prices}), 10, (10, BARS + 10))
    actions = np.random.default_rng(1).integers(0, 2, BARS - 1).tolist()

    def step() -> None:
        env.reset(seed=0)
        for action in actions:
            env.step(action)

    return step


def gym_trading_env() -> Callable[[], None] | None:
    """Return a call that plays an episode of gym-trading-env, if it is installed."""
    try:
        import pandas as pd
        from gym_trading_env.environments import TradingEnv
    except ModuleNotFoundError:
        return None
    prices = 100.0 + np.cumsum(np.random.default_rng(1).normal(size=BARS))
    index = pd.date_range("2024-01-01", periods=BARS, freq="D")
    columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    frame = pd.DataFrame({**columns, "volume": 1.0, "feature_close": prices}, index=index)
    env = TradingEnv(frame, positions=[-1, 0, 1], verbose=0)
    actions = np.random.default_rng(1).integers(0, 3, BARS - 2).tolist()

    def step() -> None:
        env.reset(seed=0)
        for action in actions:
            env.step(action)

    return step


def main() -> None:
    batches = [side_by_side(count) for count in MANY]
    calls: list[Callable[[], object]] = [
        call for step, begin, _ in batches for call in (step, begin)
    ]
    calls.append(one_by_one())
    others = {"gym-anytrading": gym_anytrading(), "gym-trading-env": gym_trading_env()}
    calls += [call for call in others.values() if call is not None]
    spent = least(calls, ROUNDS)
    rows: list[tuple[str, float, float | None]] = []
    for place, count in enumerate(MANY):
        stepped = spent[2 * place] - spent[2 * place + 1]
        each = stepped / ((BARS - 1) * count)
        rows.append((f"`step_batch` of {count} environments, steps a minute", 60.0 / each, 1.5e8))
        rows.append(("the same, ns a step of one", each * 1e9, None))
        again = spent[2 * place + 1] / count
        rows.append((f"an episode begun anew among {count}, microseconds", again * 1e6, None))
    alone = spent[2 * len(MANY)] / (BARS - 1)
    rows.append(("`Env.step`, steps a minute, reset included", 60.0 / alone, 2.5e7))
    state = batches[0][2].bytes_per_environment / 1024.0
    shared = batches[0][2].batch.simulations.bytes_per_episode / 1024.0
    rows.append(("memory of an environment of 252 bars with its path, KB", state, -40.0))
    rows.append(("features of an episode, shared by all that are in it, KB", shared, None))
    measured = iter(spent[2 * len(MANY) + 1 :])
    for name, call in others.items():
        if call is not None:
            rows.append((f"{name}, steps a minute", 60.0 / (next(measured) / (BARS - 1)), None))
    print("| what | value | target | met |")
    print("|---|---:|---:|---|")
    for what, value, target in rows:
        limit = "" if target is None else f"{'≥' if target > 0 else '≤'} {abs(target):,.4g}"
        good = target is not None and (value >= target if target > 0 else value <= -target)
        met = "" if target is None else ("yes" if good else "no")
        print(f"| {what} | {value:,.4g} | {limit} | {met} |")
    missing = [name for name, call in others.items() if call is None]
    if missing:
        print(f"\nNot installed here: {', '.join(missing)}.")


if __name__ == "__main__":
    main()

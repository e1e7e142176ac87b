"""Steps a minute of tensortrade's environment, on the job of `benchmarks/environment.py`.

It asks for TensorFlow and for pandas below 3, so that it runs in an environment of its own::

    uv run --no-project --with tensortrade --with "pandas<3" benchmarks/peers/tensortrade_steps.py
"""

from __future__ import annotations

import time

import numpy as np
import tensortrade.env.default as default
from tensortrade.feed.core import DataFeed, Stream
from tensortrade.oms.exchanges import Exchange
from tensortrade.oms.instruments import BTC, USD
from tensortrade.oms.services.execution.simulated import execute_order
from tensortrade.oms.wallets import Portfolio, Wallet

BARS, ROUNDS = 252, 5


def main() -> None:
    """Play episodes of one price series by random actions, and print the fastest."""
    prices = (100.0 + np.cumsum(np.random.default_rng(1).normal(size=BARS + 2))).tolist()
    price = Stream.source(prices, dtype="float").rename("USD-BTC")
    exchange = Exchange("simulated", service=execute_order)(price)
    wallets = [Wallet(exchange, 10_000 * USD), Wallet(exchange, 10 * BTC)]
    env = default.create(
        portfolio=Portfolio(USD, wallets),
        action_scheme="managed-risk",
        reward_scheme="simple",
        feed=DataFeed([Stream.source(prices, dtype="float").rename("close")]),
        window_size=1,
        max_allowed_loss=1.0,
    )
    actions = np.random.default_rng(1).integers(0, env.action_space.n, BARS - 1).tolist()
    seconds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        env.reset()
        for action in actions:
            env.step(action)
        seconds.append((time.process_time() - begin) / len(actions))
    print(f"tensortrade, steps a minute: {60.0 / min(seconds):,.4g}")


if __name__ == "__main__":
    main()

"""Strategies that do what an agent does in an environment, and runs of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.environment.batch import Batch
from engine.environment.settings import Settings
from engine.execution.linked import METRIC_NAMES
from engine.strategies import Strategy, prepare_strategy


class FollowSides(Strategy):
    """Flat, long or short one unit, as the column says at each close."""

    sent = 0.0

    def on_bar(self, bar, order, account):
        if bar.action == 3.0:
            return
        order.cancel(self.sent)
        wanted = 0.0 if bar.action == 0.0 else 1.0 if bar.action == 1.0 else -1.0
        if account.position != wanted:
            self.sent = order.target(wanted)


class FollowOrders(Strategy):
    """Orders of every kind, as the columns say; the distance is a tenth of a percent a step."""

    def on_bar(self, bar, order, account):
        far = 0.001 * (bar.far + 1.0) * bar.close
        units = 1.0 if bar.side == 0.0 else -1.0
        if bar.action == 1.0:
            order.market(units)
        elif bar.action == 2.0:
            order.limit(units, bar.close - units * far)
        elif bar.action == 3.0:
            order.stop(units, bar.close + units * far)
        elif bar.action == 4.0:
            order.market(
                units, take_profit=bar.close + units * far, stop_loss=bar.close - units * far
            )
        elif bar.action == 5.0:
            order.close()
        elif bar.action == 6.0:
            order.cancel_all()


def batch_of(market: str, count: int = 1, **settings: Any) -> Batch:
    """Environments without indicators, which are of no account here."""
    return Batch(Settings(market, features=["close"], warm_up=0, **settings), count)


def stepped(batch: Batch, actions: Any, seed: int) -> tuple[list[float], list[float]]:
    """Equity and reward after each action, until the episode is over."""
    batch.reset(np.zeros(1, dtype=np.int64), [seed])
    equity, rewards = [], []
    for action in actions:
        if batch.arrays.bar[0] < 0:
            break
        batch.arrays.actions[0] = action
        batch.step(0, 1)
        equity.append(float(batch.arrays.kept[0, 0]))
        rewards.append(float(batch.arrays.rewards[0]))
    return equity, rewards


def followed(
    batch: Batch, strategy: type[Strategy], columns: dict[str, Any], seed: int
) -> tuple[np.ndarray, dict[str, float]]:
    """Equity and metrics of a strategy that does the same on the same path."""
    episodes = batch.episodes
    path = episodes.path(seed)
    bars = path.shape[-1]
    more = []
    for values in columns.values():
        row = np.full(bars, 3.0 if strategy is FollowSides else 0.0)
        row[: min(len(values), bars - 1)] = values[: bars - 1]
        more.append(row)
    values = np.concatenate([path, np.array(more)[None]], axis=1)[None]
    engine = prepare_strategy(
        strategy,
        batch.execution,
        symbols=episodes.symbols,
        fields=(*episodes.fields, *columns),
        steps=bars,
        bars_per_year=episodes.bars_per_year,
        bars_per_session=episodes.bars_per_session,
    )
    metrics, status = np.empty((1, 1, len(METRIC_NAMES))), np.empty((1, 1), dtype=np.int8)
    scratch = engine.scratch()
    seeds = np.array([seed], dtype=np.uint64)
    engine.run(
        np.ascontiguousarray(values), engine.encode({})[None], metrics, status, scratch, seeds=seeds
    )
    assert status[0, 0] == 0
    return scratch.simulation.curve.copy(), dict(zip(METRIC_NAMES, metrics[0, 0], strict=True))

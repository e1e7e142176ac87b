"""A hook that can do nothing at a bar is not called there; results are the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import engine as mc
from engine.bars import BAR_FIELDS
from engine.strategies import (
    SMA,
    Float,
    Int,
    Strategy,
    compiling,
    crossed_above,
    crossed_below,
    get_strategy,
    prepare_strategy,
    rewriting,
)
from engine.strategies.quiet_bars import Acts
from engine.strategies.rewriting import rewrite_hook
from engine.strategies.user_functions import namespace_of


def acts_of(cls: type[Strategy]) -> Acts | None:
    names = namespace_of(cls.hooks()["on_bar"])
    return rewrite_hook(cls, "on_bar", fields=BAR_FIELDS, symbol_count=1, namespace=names).acts


class Channel(Strategy):
    """Asks for the position beside crossings, names a difference and looks five bars back."""

    period = Int(20)
    width = Float(2.0)
    mean = SMA(period)

    def on_bar(self, bar, order, account):
        rise = bar.close - bar.close[5]
        if account.position == 0.0:
            if crossed_above(bar.close, self.mean) and rise > self.width:
                order.target_percent(0.8)
            elif crossed_below(bar.close, self.mean) and not rise > -self.width:
                order.target_percent(-0.8)
        elif crossed_above(bar.close, self.mean) or crossed_below(bar.close, self.mean):
            order.close()


class Counting(Strategy):
    count = 0

    def on_bar(self, bar, order):
        if crossed_above(bar.close, 100.0):
            self.count += 1


class OrderInQuestion(Strategy):
    def on_bar(self, bar, order):
        if order.market(1.0) > 0 and crossed_above(bar.close, 100.0):
            order.close()


class AnyBarBack(Strategy):
    back = Int(3)

    def on_bar(self, bar, order):
        if crossed_above(bar.close, 100.0) and bar.close > bar.close[self.back]:
            order.market(1.0)


class Otherwise(Strategy):
    def on_bar(self, bar, order):
        if crossed_above(bar.close, 100.0):
            order.market(1.0)
        else:
            order.close()


@pytest.mark.parametrize("name", ["sma_crossover", "rsi_reversal"])
def test_of_strategies_that_wait_for_crossings_the_text_tells_when_these_may_come(
    name: str,
) -> None:
    acts = acts_of(get_strategy(name))
    assert acts is not None
    assert acts.bars_back == 1


@pytest.mark.parametrize("name", ["momentum", "breakout", "mean_reversion"])
def test_strategies_whose_conditions_may_hold_for_long_are_asked_at_every_bar(name: str) -> None:
    assert acts_of(get_strategy(name)) is None


def test_bars_back_are_those_that_the_text_reads() -> None:
    acts = acts_of(Channel)
    assert acts is not None
    assert acts.bars_back == 5


@pytest.mark.parametrize("cls", [Counting, OrderInQuestion, AnyBarBack, Otherwise])
def test_a_hook_whose_text_does_not_tell_is_called_at_every_bar(cls: type[Strategy]) -> None:
    assert acts_of(cls) is None


def metrics_of(values: np.ndarray, sets: list[dict[str, float]]) -> np.ndarray:
    steps = values.shape[3]
    engine = prepare_strategy(
        Channel, mc.Execution(), symbols=("X",), fields=BAR_FIELDS, steps=steps, bars_per_year=252.0
    )
    parameters = np.array([engine.encode(item) for item in sets])
    metrics = np.empty((len(values), len(sets), len(engine.metric_names)))
    status = np.empty(metrics.shape[:2], dtype=np.int8)
    engine.run(values, parameters, metrics, status, engine.scratch())
    assert not status.any()
    return metrics


def test_metrics_are_those_of_a_hook_that_is_called_at_every_bar(monkeypatch) -> None:
    # Of rare events, of many, and of paths about as long as the bars that are asked at once.
    sets = [{"width": width, "period": period} for width in (-9.0, 0.1, 9.0) for period in (5, 40)]
    paths = [
        mc.GBM(sigma=0.3).paths(seeds=[1, 2, 3], steps=steps, dt=1 / 252, s0=100.0).values
        for steps in (60, 64, 65, 70, 129, 700)
    ]
    asked = [metrics_of(np.ascontiguousarray(values), sets) for values in paths]
    monkeypatch.setattr(compiling, "_COMPILED", {})
    monkeypatch.setattr(rewriting, "when_it_acts", lambda *_: None)
    called = [metrics_of(np.ascontiguousarray(values), sets) for values in paths]
    assert min(metrics[..., 9].max() for metrics in asked) > 3
    for one, other in zip(asked, called, strict=True):
        np.testing.assert_array_equal(one, other)

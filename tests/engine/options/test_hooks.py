"""Hooks of option strategies open, close and hedge legs through the book."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import engine as mc
from engine.errors import Refusal
from engine.options.audit import audit_options
from engine.options.built_ins import ShortStrangle
from engine.options.layout import EXIT_REASONS, TAPE_COLUMNS
from engine.options.legs import Leg
from engine.options.strategies import OptionStrategy
from engine.strategies import SMA, StrategyError, get_strategy
from tests.engine.options.conftest import Ran, run_on

Closes = NDArray[np.float64]
FEES = {"volatility": 0.4, "multiplier": 50.0, "commission": 1.25, "spread": {"percent": 6.0}}
PUT = Leg(side="sell", right="put", otm=3.0, days=10)
CALL = Leg(side="sell", right="call", otm=3.0, days=10)


class WhenFlat(ShortStrangle):
    """What the rules of a short strangle do, by a hook."""

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        if account.open_positions == 0:
            order.open_legs()


class ByTrend(OptionStrategy):
    """Two groups of legs, chosen by an indicator; closed after a few bars."""

    hold = mc.Int(4, low=1, high=50)
    mean = SMA(10)
    since = 0
    legs = (PUT,)
    both = (PUT, CALL)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        if account.open_positions == 0:
            if bar.close > self.mean:
                order.open_legs()
                self.since = bar.index
            elif bar.close < self.mean:
                order.open_legs(self.both, contracts=2.0)
                self.since = bar.index
        elif bar.index - self.since >= self.hold:
            order.close_legs()


class Hedged(OptionStrategy):
    """Legs with the underlying beside them."""

    legs = (PUT,)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        if account.open_positions == 0:
            order.open_legs()
            order.target(-0.3)
        elif bar.close < 0.99 * bar.close[1]:
            order.target(account.position - 0.1)


def columns_of(ran: Ran, path: int = 0) -> dict[str, NDArray[np.float64]]:
    """Columns of the tape of one simulation."""
    ends = [0, *ran.tape.ends.tolist()]
    cut = ran.tape.columns[:, ends[path] : ends[path + 1]]
    return dict(zip(TAPE_COLUMNS, cut, strict=True))


@pytest.mark.parametrize("more", [{}, {"margin": "reg_t"}, {"settlement": "physical"}])
def test_a_hook_that_opens_when_flat_trades_as_the_rules_do(
    more: dict[str, Any], lognormal_closes: Closes
) -> None:
    sets = [{"profit_target": 0.3}, {"stop_loss": 0.5, "dte": 10}, {"exit_delta": 0.4}]
    options = FEES | more | {"greeks": True}
    rules = run_on(lognormal_closes, ShortStrangle, sets, options, cash=20_000.0)
    hooks = run_on(lognormal_closes, WhenFlat, sets, options, cash=20_000.0)
    assert (hooks.status == 0).all()
    assert rules.tape.count > 200
    last = lognormal_closes.shape[1] - 22  # the rules open nothing later, which is no rejection
    for place in range(36):
        left, right = columns_of(rules, place), columns_of(hooks, place)
        kept = left["entry_bar"] <= last
        for name in TAPE_COLUMNS[:14]:
            np.testing.assert_array_equal(left[name][kept], right[name][kept])
    assert rules.equity.tobytes() == hooks.equity.tobytes()


def test_a_hook_opens_the_legs_it_names_and_closes_them_at_its_close(
    lognormal_closes: Closes,
) -> None:
    ran = run_on(lognormal_closes[:3], ByTrend, [{"hold": 4}], FEES)
    for path in range(3):
        closes, rows = lognormal_closes[path], columns_of(ran, path)
        means = np.convolve(closes, np.full(10, 0.1), "valid")
        bar, expected = 0, []
        while bar < len(closes):
            last = bar + 10 > len(closes) - 1
            if bar < 9 or closes[bar] == means[bar - 9] or last:
                bar += 1
                continue
            above = closes[bar] > means[bar - 9]
            expected += [(bar, bar + 4, -1.0 if above else -2.0)] * (1 if above else 2)
            bar += 5  # flat at the close of the end; asked again at the next one
        found = zip(
            rows["entry_bar"].astype(int), rows["exit_bar"].astype(int), rows["units"], strict=True
        )
        assert [tuple(each) for each in found] == expected
        assert set(rows["reason"]) == {float(EXIT_REASONS.index("order"))}
    assert ran.metrics["exits_order"].ravel().tolist() == ran.metrics["trades"].ravel().tolist()


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    percent=st.floats(0.0, 20.0),
    cash=st.sampled_from([500.0, 3_000.0, 100_000.0]),
)
@pytest.mark.parametrize("strategy", [ByTrend, Hedged])
def test_cash_and_positions_are_equity_whatever_a_hook_does(
    strategy: type[OptionStrategy], seed: int, percent: float, cash: float
) -> None:
    draws = np.random.default_rng(seed).standard_normal(120)
    closes = 80.0 * np.exp(np.cumsum(0.025 * draws))
    options = {
        "volatility": 0.4, "commission": 1.0, "spread": {"percent": percent}, "multiplier": 10.0,
        "underlying_costs": {"percent": 0.1, "commission": 0.5},
    }  # fmt: skip
    ran = run_on(closes, strategy, [{}], options, cash=cash)
    moved = ran.equity[0, 0, -1] - cash
    assert ran.metrics["net_pnl"][0, 0] == pytest.approx(moved, abs=1e-9)
    # No position outlives a path: its rows, and those of the underlying, are all there is.
    assert columns_of(ran)["pnl"].sum() == pytest.approx(moved, abs=1e-9)


def test_a_request_beyond_what_is_allowed_is_rejected_and_counted(lognormal_closes: Closes) -> None:
    class Twice(OptionStrategy):
        legs = (PUT,)

        def on_bar(self, bar: Any, order: Any, account: Any) -> None:
            if account.trades == 0 and account.open_positions == 0:
                order.open_legs()
                order.open_legs()

    ran = run_on(lognormal_closes[0], Twice, [{}, {"positions": 2}], FEES)
    assert ran.metrics["rejected_orders"].ravel().tolist() == [1.0, 0.0]
    assert ran.metrics["trades"].ravel().tolist() == [1.0, 2.0]


def test_a_group_without_the_money_for_all_of_it_opens_none(lognormal_closes: Closes) -> None:
    ran = run_on(lognormal_closes[0], ByTrend, [{}], FEES, cash=100.0)
    assert ran.tape.count == 0
    assert ran.metrics["rejected_orders"][0, 0] > 50


def test_a_hook_that_raises_fails_its_simulation_with_what_it_raised() -> None:
    class Raises(OptionStrategy):
        limit = mc.Float(85.0)
        legs = (PUT,)

        def on_bar(self, bar: Any, order: Any, account: Any) -> None:
            if bar.close > self.limit:
                raise ValueError("too dear")
            order.open_legs()

    study = mc.Study(
        "raises", mc.GBM(mu=0.0, sigma=0.4), Raises, {"limit": [80.5, 1e9]}, seeds=3, steps=60,
        s0=80.0, options={"volatility": 0.4}, failure_allowance=1.0,
    )  # fmt: skip
    rows = study.run().frame.sort("limit")
    assert rows["status"].to_list() == ["failed"] * 3 + ["ok"] * 3
    assert set(rows["error"][:3]) == {"the strategy raised ValueError: too dear"}


@pytest.mark.parametrize("strategy", [ByTrend, Hedged, WhenFlat])
def test_strategies_with_hooks_do_not_look_ahead(strategy: type[OptionStrategy]) -> None:
    report = audit_options(strategy, parameters={}, cuts=15)
    assert report.passed, report.reasons
    assert report.orders > 50


def test_a_hook_that_asks_for_a_later_bar_fails() -> None:
    class Peeks(OptionStrategy):
        legs = (PUT,)
        back = mc.Int(1, low=-3, high=3)

        def on_bar(self, bar: Any, order: Any, account: Any) -> None:
            if bar.close[self.back] > bar.close:
                order.open_legs()

    study = mc.Study(
        "peeks", mc.GBM(mu=0.0), Peeks, {"back": [-1]}, seeds=2, steps=40, failure_allowance=1.0
    )
    assert set(study.run().frame["error"]) == {"the strategy read a bar after the current one"}


def test_mistakes_in_hooks_are_named() -> None:
    class Market(OptionStrategy):
        legs = (PUT,)

        def on_bar(self, bar: Any, order: Any) -> None:
            order.market(1.0)

    class Unknown(OptionStrategy):
        legs = (PUT,)

        def on_bar(self, bar: Any, order: Any) -> None:
            order.open_legs(self.condor)  # type: ignore[attr-defined]

    class Both(OptionStrategy):
        legs = (PUT,)
        when = "close > sma(5)"

        def on_bar(self, bar: Any, order: Any) -> None:
            order.open_legs()

    class Unopened(OptionStrategy):
        legs = (PUT,)
        more = (CALL,)

    for strategy, told in (
        (Market, "found order.market, allowed open_legs, close_legs, target"),
        (Unknown, "found self.condor, allowed"),
        (Both, "Both.when: found a condition beside on_bar, allowed one of the two"),
        (Unopened, "Unopened: found legs, more, allowed legs alone, or on_bar"),
    ):
        with pytest.raises((StrategyError, Refusal)) as caught:
            mc.Study("x", mc.GBM(mu=0.0), strategy, seeds=2, steps=40).run()
        assert told in str(caught.value)
    study = mc.Study("x", mc.GBM(mu=0.0), WhenFlat, {"entry_every": 5}, seeds=2, steps=40)
    with pytest.raises(Refusal, match="whose on_bar opens its positions"):
        study.run()


class Sized(OptionStrategy):
    """As many contracts as the hook computes of a parameter."""

    over = mc.Float(1.0, low=0.0, high=1.0)
    legs = (PUT,)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        if account.open_positions == 0:
            order.open_legs(contracts=self.over / self.over)


class Endless(OptionStrategy):
    """More contracts than there are."""

    legs = (Leg(side="buy", right="put", otm=3.0, days=10),)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        order.open_legs(contracts=1.0 / (bar.close - bar.close))


def test_a_number_of_contracts_that_is_none_opens_nothing(lognormal_closes: Closes) -> None:
    closes = lognormal_closes[:2, :40]
    sized = run_on(closes, Sized, [{"over": 0.0}, {"over": 1.0}], FEES).metrics
    assert sized["trades"][:, 0].tolist() == [0.0, 0.0]
    assert sized["rejected_orders"][:, 0].tolist() == [40.0, 40.0]
    assert sized["trades"][:, 1].min() > 0.0
    endless = run_on(closes, Endless, [{}], FEES).metrics
    assert (endless["trades"] == 0.0).all()
    assert (endless["rejected_orders"] == 40.0).all()


def test_the_rules_of_a_built_in_strategy_have_no_hooks() -> None:
    assert get_strategy("short_strangle").hooks() == {}
    assert WhenFlat.hooks().keys() == {"on_bar"}
    assert WhenFlat.code_hash() != ShortStrangle.code_hash()

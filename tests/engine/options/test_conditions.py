"""A condition over indicators decides at which closes positions are opened."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.errors import Refusal
from engine.options.audit import audit_options
from engine.options.built_ins import ShortStrangle
from engine.options.layout import TAPE_COLUMNS
from engine.strategies.conditions import read_condition
from tests.engine.options.conftest import Ran, run_on

Closes = NDArray[np.float64]
DAILY = {"entry_every": 0.0, "dte": 5, "positions": 16, "exit_days": 1.0}


def entries_of(ran: Ran, path: int = 0) -> set[int]:
    """Bars at which a path's positions were opened."""
    ends = [0, *ran.tape.ends.tolist()]
    entered = ran.tape.columns[TAPE_COLUMNS.index("entry_bar"), ends[path] : ends[path + 1]]
    return set(entered.astype(int).tolist())


def means_of(closes: Closes, count: int) -> Closes:
    """Plain moving means, NaN before there are as many closes."""
    out = np.full(closes.shape, np.nan)
    for bar in range(count - 1, len(closes)):
        out[bar] = closes[bar - count + 1 : bar + 1].mean()
    return out


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("close > sma(20)", lambda c: c > means_of(c, 20)),
        ("not close > sma(20)", lambda c: c <= means_of(c, 20)),
        ("sma(5) < sma(20) or close[3] >= 85", lambda c: _either(c)),
        (
            "-1.5 < close - sma(10) <= 1.5",
            lambda c: (c - means_of(c, 10) > -1.5) & (c - means_of(c, 10) <= 1.5),
        ),
        ("close / sma(10) > 1.01 and close > close[1]", lambda c: _risen(c)),
    ],
)
def test_positions_open_at_exactly_the_closes_at_which_a_condition_holds(
    when: str, holds: object, lognormal_closes: Closes
) -> None:
    ran = run_on(lognormal_closes[:4], ShortStrangle, [DAILY], {"volatility": 0.4, "when": when})
    for path in range(4):
        expected = holds(lognormal_closes[path])  # type: ignore[operator]
        last = lognormal_closes.shape[1] - 6  # later positions would outlive the path
        assert entries_of(ran, path) == set(np.flatnonzero(expected[: last + 1]).tolist())


def _either(closes: Closes) -> NDArray[np.bool_]:
    back = np.concatenate([[np.nan] * 3, closes[:-3]])
    known = ~np.isnan(means_of(closes, 20))
    return np.asarray(((means_of(closes, 5) < means_of(closes, 20)) | (back >= 85.0)) & known)


def _risen(closes: Closes) -> NDArray[np.bool_]:
    before = np.concatenate([[np.nan], closes[:-1]])
    return np.asarray((closes / means_of(closes, 10) > 1.01) & (closes > before))


def test_a_condition_may_follow_parameters_that_are_swept(lognormal_closes: Closes) -> None:
    class Above(ShortStrangle):
        window = mc.Int(20, low=1, high=100)
        when = "close > sma(window)"

    sets = [{**DAILY, "window": 5}, {**DAILY, "window": 40}]
    closes = lognormal_closes[:3]
    ran = run_on(closes, Above, sets, {"volatility": 0.4})
    for place, window in enumerate((5, 40, 5, 40, 5, 40)):
        mean = means_of(closes[place // 2], window)
        holds = np.flatnonzero((closes[place // 2] > mean)[: closes.shape[1] - 5])
        assert entries_of(ran, place) == set(holds.tolist())


def test_a_builder_a_class_and_a_study_say_the_same(lognormal_closes: Closes) -> None:
    built = mc.Strategy.short_strangle().when("close > sma(30)").dte(10).build()

    class Own(ShortStrangle):
        when = "close > sma(30)"

    ran = [
        run_on(lognormal_closes, strategy, [{"dte": 10}], {"volatility": 0.4} | more)
        for strategy, more in ((built, {}), (Own, {}), (ShortStrangle, {"when": "close > sma(30)"}))
    ]
    assert ran[0].equity.tobytes() == ran[1].equity.tobytes() == ran[2].equity.tobytes()
    assert entries_of(ran[0])
    assert pickle.loads(pickle.dumps(built)).when == built.when
    assert built.code_hash() != mc.Strategy.short_strangle().dte(10).build().code_hash()


def test_a_study_file_states_a_condition(tmp_path: Path) -> None:
    text = """
name: above_its_mean
source: {model: gbm, parameters: {mu: 0.0, sigma: 0.3}, steps: 120}
strategy: {name: short_strangle, parameters: {dte: 10}}
options: {volatility: 0.3, when: close > sma(20)}
seeds: 5
record: {trades: true, metrics: [bar_trading, options]}
"""
    file = tmp_path / "above.yaml"
    file.write_text(text, encoding="utf-8")
    entries = mc.load_study(file).run().trades()["entry_bar"]
    file.write_text(text.replace("close > sma(20)", "null"), encoding="utf-8")
    free = mc.load_study(file).run().trades()["entry_bar"]
    assert entries.min() >= 19
    assert free.min() == 0
    assert entries.len() < free.len()


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("close", "options.when: found 'close', allowed comparisons by <, <=, >, >="),
        ("clse > 3", "options.when: found the field 'clse', allowed open, high, low, close"),
        ("foo(3) > close", "options.when: found 'foo', allowed adx, atr"),
        ("close > sma(0)", "options.when: sma(0): SMA: found period 0, allowed a whole number"),
        ("close[-1] > 80", "options.when: close[-1]: an index: found -1, allowed a number of bars"),
        ("1 < 2", "options.when: found '1 < 2', allowed a series on one side"),
        ("macd(12, 26, 9) > 0", "options.when: macd(12, 26, 9): MACD has several"),
        ("close > 1e999", "options.when: found '1e309', allowed numbers below 1e+15"),
        ("close / 0 > 1", "options.when: found 'close / 0', allowed a divisor other than 0"),
    ],
)
def test_a_condition_that_is_none_is_one_sentence(when: str, told: str) -> None:
    with pytest.raises(Refusal) as caught:
        mc.Study(
            "x", mc.GBM(mu=0.0), "short_strangle", options={"when": when}, seeds=2, steps=40
        ).run()
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("found ") <= 1


def test_a_condition_may_go_over_several_lines() -> None:
    found = read_condition("close > sma(5)\n  and close < 90\n")
    assert found.text == "close > sma(5) and close < 90"
    assert found.operations == read_condition(found.text).operations


def test_a_condition_of_the_study_beside_that_of_the_strategy_is_refused() -> None:
    built = mc.Strategy.short_strangle().when("close > sma(5)").build()
    study = mc.Study(
        "x", mc.GBM(mu=0.0), built, options={"when": "close > sma(9)"}, seeds=2, steps=40
    )
    with pytest.raises(Refusal, match=r"^options\.when: found a condition beside that of"):
        study.run()


@pytest.mark.parametrize("when", ["close > sma(20)", "highest(10) > 1.03 * lowest(10)"])
def test_a_condition_does_not_look_ahead(when: str) -> None:
    report = audit_options(ShortStrangle, {"when": when}, cuts=25)
    assert report.passed, report.reasons
    assert report.orders > 100


def test_ranges_of_bars_are_simulated_where_a_condition_reads_them() -> None:
    common = {"options": {"volatility": 0.3, "when": "high - low > 0.02 * close"}}
    study = mc.Study(
        "x", mc.GBM(mu=0.0), "short_strangle", {"dte": 5}, seeds=20, steps=60, s0=80.0, **common
    )
    assert study.run().frame.select(pl.col("trades").mean()).item() > 0.5

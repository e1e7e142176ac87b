"""The generators that `mc.testing` offers draw what they promise."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given, settings

import engine as mc
from engine.bars import BAR_FIELDS, Bars
from engine.execution import Execution
from engine.strategies.trade_tape import TradeTape
from engine.testing import (
    SCRIPT_FIELDS,
    Scripted,
    bars,
    execution_settings,
    order_scripts,
    price_paths,
    seeds,
    source_parameters,
)

FEW = settings(deadline=None)


@FEW
@given(path=price_paths(25, volatility=0.05))
def test_a_path_is_one_of_consistent_bars(path: np.ndarray) -> None:
    opens, high, low, close, volume = path
    assert path.shape == (5, 25)
    assert path.dtype == np.float64
    assert (low <= np.minimum(opens, close)).all()
    assert (high >= np.maximum(opens, close)).all()
    assert (low > 0).all()
    assert (volume >= 0).all()


@FEW
@given(history=bars(min_size=3, max_size=9))
def test_bars_come_back_from_their_frame(history: Bars) -> None:
    import polars as pl

    assert 3 <= len(history) <= 9
    columns = {name: getattr(history, name) for name in BAR_FIELDS}
    stamps = pl.Series(history.timestamps).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"symbol": history.symbol, "timestamp": stamps, **columns})
    again = Bars.from_frame(frame)
    for name in ("timestamps", *BAR_FIELDS):
        np.testing.assert_array_equal(getattr(again, name), getattr(history, name))


@FEW
@given(history=bars(min_size=2, max_size=30))
def test_history_as_a_source_is_the_bars_themselves(history: Bars) -> None:
    block = mc.Historical(history).paths(seeds=[0])
    for name in BAR_FIELDS:
        np.testing.assert_array_equal(block.field(name)[0], getattr(history, name))


def test_bars_with_flat_prices_no_volume_and_missing_days_are_among_them() -> None:
    days = 86_400_000_000
    find(bars(), lambda b: bool((b.high == b.low).all()))
    find(bars(), lambda b: bool((b.volume == 0).any()))
    find(bars(), lambda b: bool((np.diff(b.timestamps) > days).any()))


@FEW
@given(script=order_scripts(12, lot=3.0))
def test_a_script_is_a_path_with_an_order_at_each_bar(script: np.ndarray) -> None:
    assert script.shape == (len(BAR_FIELDS) + len(SCRIPT_FIELDS), 12)
    orders = dict(zip(SCRIPT_FIELDS, script[5:], strict=True))
    assert np.isin(orders["action"], range(18)).all()
    assert (orders["units"] % 3.0 == 0).all()
    assert (orders["limit"] > 0).all()


def test_a_failing_script_is_shrunk_to_few_orders() -> None:
    sent = find(order_scripts(40), lambda script: bool((script[5] == 5.0).any()))[5]
    last = int(np.flatnonzero(sent)[-1])
    assert sent[last] == 5.0
    assert last < 40 // 2


def test_every_action_of_a_script_is_carried_out() -> None:
    """Hand-written: a market order, and the target that reverses it."""
    count = 6
    values = np.zeros((12, count))
    values[:4] = 100.0
    values[5, [0, 2]] = [1.0, 7.0]
    values[6, [0, 2]] = [10.0, -5.0]
    values[9:11] = np.nan
    values[11] = np.inf
    prepared = mc.prepare_strategy(
        Scripted,
        Execution(),
        symbols=("X",),
        fields=BAR_FIELDS + SCRIPT_FIELDS,
        steps=count,
        bars_per_year=252.0,
        record_trades=True,
    )
    metrics = np.empty((1, 1, len(prepared.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    tape = TradeTape()
    scratch = prepared.scratch()
    prepared.run(values[None, None], np.empty((1, 0)), metrics, status, scratch, trades=tape)
    assert status[0, 0] == 0
    closed = tape.of(0)
    assert closed[:, :3].tolist() == [[0.0, 10.0, 1.0]]
    assert scratch.simulation.positions[0, 0] == -5.0


@FEW
@given(execution=execution_settings(cash=5e4))
def test_settings_are_valid_and_keep_the_cash(execution: Execution) -> None:
    assert execution.cash == 5e4
    assert Execution.model_validate(execution.model_dump()) == execution


def test_the_simplest_settings_are_the_defaults() -> None:
    assert find(execution_settings(), lambda _: True) == Execution()


@pytest.mark.parametrize("source", [mc.GBM, mc.Heston, mc.SchwartzSmith])
def test_parameters_lie_within_the_declared_bounds(source: type[mc.Source]) -> None:
    @FEW
    @given(values=source_parameters(source))
    def check(values: dict[str, float]) -> None:
        assert set(values) == set(source.parameters)
        for name, value in values.items():
            source.parameters[name].check(value)

    check()


def test_seeds_reach_both_ends_of_64_bits() -> None:
    assert find(seeds(), lambda seed: True) == 0
    assert find(seeds(), lambda seed: seed > 2**64 - 2) == 2**64 - 1


def test_without_hypothesis_one_sentence_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None; import engine as mc\n"
        "try: mc.testing.bars()\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = 'engine.testing needs Hypothesis: run pip install "mc-lab[testing]"'
    assert done.stdout.strip() == expected

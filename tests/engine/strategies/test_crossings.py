"""Crossings of series, with and without a touch, on either side."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import Bars
from engine.strategies import Strategy, StrategyError, backtest, crossed_above, crossed_below


def bars_of(close: list[float], level: list[float]) -> Bars:
    values = np.array(close)
    stamps = np.arange(len(values), dtype=np.int64) * 86_400_000_000
    columns = {"level": np.array(level)}
    return Bars("X", stamps, *[values] * 4, np.ones(len(values)), columns=columns)


class Crossings(Strategy):
    """Sends 1, 2, 4 and 8 units where the close crosses the level strictly, or with a touch."""

    def on_bar(self, bar, order):
        units = 0
        if crossed_above(bar.close, bar.level):
            units += 1
        if crossed_below(bar.close, bar.level, touch=False):
            units += 2
        if crossed_above(bar.close, bar.level, touch=True):
            units += 4
        if crossed_below(bar.close, bar.level, True):
            units += 8
        order.limit(units, 1.0, tif="ioc")


def crossings(close: list[float], level: list[float]) -> list[int]:
    orders = backtest(Crossings, bars_of(close, level)).orders
    return [int(units) for units in orders.filter(event="submitted")["units"]]


@pytest.mark.parametrize(
    ("close", "found"),
    [
        # Strictly the first never crosses 100; with the touch it does at 101.
        ([99.0, 100.0, 101.0], [0, 0, 4]),
        ([101.0, 100.0, 99.0], [0, 0, 8]),
        ([101.0, 100.0, 101.0], [0, 0, 4]),
        ([99.0, 101.0, 102.0], [0, 5, 0]),
        ([101.0, 99.0, 98.0], [0, 10, 0]),
        ([100.0, 100.0, 100.0], [0, 0, 0]),
    ],
)
def test_a_touch_counts_by_option(close: list[float], found: list[int]) -> None:
    assert crossings(close, [100.0] * 3) == found


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(98, 102), st.integers(99, 101)), min_size=2))
def test_crossings_are_those_of_their_definition(pairs) -> None:
    close, level = (list(map(float, side)) for side in zip(*pairs, strict=True))
    expected = [0]
    for bar in range(1, len(pairs)):
        before, now = close[bar - 1] - level[bar - 1], close[bar] - level[bar]
        units = 1 * (before < 0 < now) + 2 * (before > 0 > now)
        expected.append(units + 4 * (before <= 0 < now) + 8 * (before >= 0 > now))
    assert crossings(close, level) == expected


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("crossed_above(bar.close)", "a crossing takes two series, and touch=True or touch=False"),
        ("crossed_above(bar.close, 1.0, True, touch=True)", "a crossing takes two series, and"),
        ("crossed_above(bar.close, 1.0, tuoch=True)", "a crossing takes two series, and touch="),
        ("crossed_above(bar.close, 1.0, touch=1)", "touch: found 1, allowed True or False"),
        ("crossed_above(bar.close, 1.0, touch=bar.close > 2)", "touch: found bar.close > 2, allow"),
    ],
)
def test_what_is_no_crossing_is_refused_with_its_line(tmp_path: Path, call: str, text: str) -> None:
    file = tmp_path / "crossing.py"
    file.write_text(
        "from engine.strategies import Strategy, crossed_above\n"
        "class Bad(Strategy):\n"
        "    def on_bar(self, bar, order):\n"
        f"        if {call}:\n"
        "            order.close()\n"
    )
    spec = importlib.util.spec_from_file_location("crossing", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(StrategyError) as caught:
        backtest(module.Bad, bars_of([1.0, 2.0], [1.0, 2.0]))
    assert str(caught.value).startswith(f"{file}, line 4: {text}")

"""`make bench-check`: rows of two checkouts, timed in turns."""

from __future__ import annotations

from typing import Any, cast

import pytest

from benchmarks.check.__main__ import Row, Side, compare


class Scripted:
    """A side whose rows take given times, and that tells when it was asked."""

    def __init__(self, name: str, times: list[float], asked: list[str]) -> None:
        self.name, self.times, self.asked = name, iter(times), asked

    def run(self, row: str) -> float:
        self.asked.append(self.name)
        return next(self.times)


def sides(now: list[float], before: list[float]) -> tuple[Any, Any, list[str]]:
    asked: list[str] = []
    return Scripted("now", now, asked), Scripted("before", before, asked), asked


def test_two_sides_take_turns_and_change_who_goes_first() -> None:
    now, before, asked = sides([1.0] * 4, [1.0] * 4)
    list(compare(now, before, ["row"], 4))
    assert asked == ["before", "now", "now", "before"] * 2


def test_a_row_tells_the_least_times_and_the_median_of_ratios() -> None:
    now, before, _ = sides([2.0, 3.0, 8.0], [1.0, 2.0, 2.0])
    (row,) = compare(now, before, ["row"], 3)
    assert row == Row("row", 2.0, 1.0, 2.0)
    assert row.least == 2.0


@pytest.mark.parametrize(
    ("now", "before", "slower"),
    [
        pytest.param([1.3] * 3, [1.0] * 3, True, id="all rounds are slower"),
        pytest.param([1.3, 1.3, 1.0], [1.0] * 3, False, id="the least time is as before"),
        pytest.param([1.3] * 3, [1.3, 1.3, 1.0], False, id="most rounds are as before"),
    ],
)
def test_a_row_is_slower_only_where_both_ratios_say_so(
    now: list[float], before: list[float], slower: bool
) -> None:
    one, other, _ = sides(now, before)
    (row,) = compare(cast("Side", one), cast("Side", other), ["row"], 3)
    assert row.slower_than(1.25) is slower

"""Parameter values, spaces and constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from engine.errors import Refusal
from engine.studies.constraint import Constraint
from engine.studies.expand import expand
from engine.studies.values import (
    Distribution,
    choice,
    integer,
    linspace,
    log_integer,
    log_uniform,
    logspace,
    parse_values,
    step_range,
    uniform,
)


def test_ranges_include_both_ends() -> None:
    assert linspace(20, 200, 10) == [20, 40, 60, 80, 100, 120, 140, 160, 180, 200]
    assert linspace(0, 0.3, 4) == [0, 0.1, 0.2, 0.3]
    assert logspace(1, 1000, 4) == [1, 10, 100, 1000]
    assert step_range(5, 25, 5) == [5, 10, 15, 20, 25]
    assert step_range(0.1, 0.3, 0.1) == [0.1, 0.2, 0.3]
    assert step_range(10, 4, -3) == [10, 7, 4]
    assert step_range(1, 6, 2) == [1, 3, 5]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (5, [5]),
        (None, [None]),
        ([5, None, 10], [5, None, 10]),
        (range(3), [0, 1, 2]),
        ({"linspace": [1, 3, 3]}, [1, 2, 3]),
        ({"step_range": [1, 3, 1]}, [1, 2, 3]),
        ({"logspace": [1, 100, 3]}, [1, 10, 100]),
        ({"uniform": [0, 1]}, uniform(0, 1)),
        ({"log_uniform": [0.1, 1]}, log_uniform(0.1, 1)),
        ({"integer": [1, 5]}, integer(1, 5)),
        ({"choice": ["a", None]}, choice(["a", None])),
    ],
)
def test_every_form_of_values_is_read(given: object, expected: object) -> None:
    assert parse_values(given) == expected


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [1, 1],
        [[1]],
        float("nan"),
        {"linspace": [1, 2]},
        {"linspace": [1, 2, 2.5]},
        {"logspace": [0, 1, 3]},
        {"step_range": [1, 5, 0]},
        {"step_range": [1, 5, -1]},
        {"uniform": [1, 1]},
        {"log_uniform": [0, 1]},
        {"integer": [1.5, 3]},
        {"choice": []},
        {"unifrom": [0, 1]},
        {"uniform": [0, 1], "integer": [0, 1]},
        object(),
    ],
)
def test_values_that_mean_nothing_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"found .*, allowed "):
        parse_values(bad)


def test_a_grid_keeps_what_the_constraint_allows_and_counts_the_rest() -> None:
    space = expand({"fast": [5, 10, 20], "slow": [10, 20]}, constraint=["fast < slow"])
    assert space.names == ("fast", "slow")
    assert space.sets == ((5, 10), (5, 20), (10, 20))
    assert space.dropped == 3
    assert space[1] == {"fast": 5, "slow": 20}


def test_source_parameters_vary_slowest() -> None:
    space = expand({"fast": [1, 2], "model.kappa": [0.5, 1.0]})
    assert space.names == ("model.kappa", "fast")
    assert space.sets == ((0.5, 1), (0.5, 2), (1.0, 1), (1.0, 2))


def test_a_constraint_may_name_parameters_left_at_their_defaults() -> None:
    space = expand({"fast": [5, 50]}, constraint=["fast < slow"], known={"slow": 30})
    assert space.sets == ((5,),)
    assert space.names == ("fast",)


def test_a_python_function_may_be_a_constraint() -> None:
    space = expand({"a": [1, 2, 3]}, constraint=[lambda p: p["a"] % 2 == 1])
    assert space.sets == ((1,), (3,))


def test_an_empty_space_is_an_error() -> None:
    with pytest.raises(Refusal, match="drops all 2 parameter sets"):
        expand({"a": [1, 2]}, constraint=["a > 2"])


def test_of_several_constraints_each_says_how_many_sets_it_drops() -> None:
    def even(values: Mapping[str, int]) -> bool:
        return values["a"] % 2 == 0

    told = r"all 3 parameter sets: `a > 2` 2, `even \(constraint\[1\]\)` 2;"
    with pytest.raises(Refusal, match=told):
        expand({"a": [1, 2, 3]}, constraint=["a > 2", even])


def test_a_space_too_large_is_an_error() -> None:
    with pytest.raises(Refusal, match="100,000,000 parameter sets"):
        expand({"a": list(range(10_000)), "b": list(range(10_000))})


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_a_search_is_reproducible_and_stays_in_bounds(method: str) -> None:
    values = {
        "a": uniform(1, 2),
        "b": log_uniform(0.01, 1),
        "c": integer(1, 3),
        "d": choice([None, "x"]),
        "e": [7, 8],
    }
    first = expand(values, method=method, count=50, seed=3)
    assert first == expand(values, method=method, count=50, seed=3)
    assert first != expand(values, method=method, count=50, seed=4)
    assert len(first) == 100
    assert all(1 <= a <= 2 for a in first.column("a"))  # type: ignore[operator]
    assert all(0.01 <= b <= 1 for b in first.column("b"))  # type: ignore[operator]
    assert set(first.column("c")) == {1, 2, 3}
    assert set(first.column("d")) == {None, "x"}


def test_sobol_points_balance_in_every_half() -> None:
    space = expand({"a": uniform(0, 1), "b": uniform(0, 1)}, method="sobol", count=64)
    for name in ("a", "b"):
        assert sum(value < 0.5 for value in space.column(name)) == 32  # type: ignore[operator]


def test_the_ends_of_a_distribution_are_its_bounds() -> None:
    assert integer(1, 3).value(0.0) == 1
    assert integer(1, 3).value(1 - 2**-53) == 3
    assert Distribution("choice", ("a", "b")).value(1 - 2**-53) == "b"
    assert log_uniform(0.1, 10).value(0.5) == 1.0


def test_a_distribution_needs_a_search_and_a_search_a_distribution() -> None:
    with pytest.raises(Refusal, match="search"):
        expand({"a": uniform(0, 1)})
    with pytest.raises(Refusal, match="search"):
        expand({"a": [1]}, count=3)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("fast < slow", {"fast": 1, "slow": 2}, True),
        ("model.kappa * model.sigma < 1.0", {"model.kappa": 2, "model.sigma": 0.6}, False),
        (
            "2 * model.kappa * model.theta > model.xi ** 2",
            {"model.kappa": 1.5, "model.theta": 0.04, "model.xi": 0.3},
            True,
        ),
        ("1 < a <= 3 and not a == 2", {"a": 3}, True),
        ("a in [1, 2] or b not in (3, 4)", {"a": 5, "b": 3}, False),
        ("stop < target", {"stop": None, "target": 2}, True),
        ("stop == null or target > 1", {"stop": 1, "target": 1}, False),
        ("max(a, b) - min(a, b) >= abs(-1) + sqrt(4)", {"a": 1, "b": 4}, True),
        ("a // 2 + a % 2 == 3 and +a > -a", {"a": 5}, True),
        ("mode == 'long'", {"mode": "long"}, True),
        ("flag", {"flag": True}, True),
    ],
)
def test_constraints_mean_what_they_say(
    text: str, values: dict[str, object], expected: bool
) -> None:
    assert Constraint(text, set(values), "constraint").holds(values) is expected


@pytest.mark.parametrize(
    "text",
    [
        "fast <",
        "__import__('os').system('true')",
        "fast.__class__",
        "(lambda: 1)()",
        "[x for x in (1, 2)]",
        "open('file')",
        "fast if slow else 1",
        "fast := 3",
        "f'{fast}'",
        "fast & slow",
        "max(*[1, 2])",
        "unknown < 3",
        "max()",
        "",
        "(" * 500,
    ],
)
def test_a_constraint_can_do_nothing_but_arithmetic(text: str) -> None:
    with pytest.raises(Refusal, match="constraint: found"):
        Constraint(text, {"fast", "slow"}, "constraint")


@pytest.mark.parametrize("text", ["1 / a > 1", "log(a) > 0", "10 ** 999 > b", "'x' * 3 == b"])
def test_a_constraint_that_cannot_be_computed_says_where(text: str) -> None:
    with pytest.raises(Refusal, match=r"cannot be computed at a=0, b=1: "):
        Constraint(text, {"a", "b"}, "constraint").holds({"a": 0, "b": 1})


@pytest.mark.parametrize(
    "given",
    [
        {"linspace": [0, 1, 10**12]},
        {"logspace": [1, 2, 10**9]},
        {"step_range": [0, 1e12, 1]},
        {"step_range": [0, 1, 1e-15]},
        range(10**12),
    ],
)
def test_more_values_than_a_space_may_have_are_refused_before_they_are_made(given: object) -> None:
    with pytest.raises(ValueError, match=r"allowed (at most|a count from 1 to) 1,000,000"):
        parse_values(given)


@pytest.mark.parametrize("kind", ["linspace", "logspace", "step_range", "uniform", "log_uniform"])
@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
def test_ranges_and_distributions_have_finite_ends(kind: str, bad: float) -> None:
    rest = [3] if kind in ("linspace", "logspace", "step_range") else []
    for ends in ([1, bad], [bad, 1]):
        with pytest.raises(ValueError, match="finite"):
            parse_values({kind: ends + rest})


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda: integer(-1e308, 1e308), "-1e[+]308"),  # type: ignore[arg-type]
        (lambda: integer(0, 10**400), "a huge number"),
        (lambda: log_integer(1, 10**17), "100000000000000000"),
        (lambda: uniform(-1e308, 1e308), "-1e[+]308"),
        (lambda: linspace(-1e308, 1e308, 3), "-1e[+]308"),
    ],
)
def test_values_that_no_person_would_defend_are_refused(
    made: Callable[[], object], found: str
) -> None:
    with pytest.raises(Refusal, match=f"{found}, allowed finite numbers up to 1e[+]15"):
        made()


def test_a_choice_is_of_plain_values() -> None:
    with pytest.raises(Refusal, match=r"found \[1\], allowed numbers, text, true, false or null"):
        choice([[1]])  # type: ignore[list-item]

"""From grids, searches and constraints to the parameter sets of a study."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.space import MODEL_PREFIX, ParameterSpace, Scalar
from engine.studies.constraint import Constraint, ConstraintLike
from engine.studies.values import SET_LIMIT, Distribution

__all__ = ["constraint_tests", "dropped_by", "expand"]

Test = Callable[[Mapping[str, Any]], bool]


def expand(
    values: Mapping[str, list[Scalar] | Distribution],
    *,
    constraint: Sequence[ConstraintLike] = (),
    known: Mapping[str, Scalar] | None = None,
    method: str = "random",
    count: int | None = None,
    seed: int = 0,
) -> ParameterSpace:
    """Make the parameter sets of a study.

    Parameters
    ----------
    values : mapping
        Grid values or a distribution per parameter name.
    constraint : sequence of str or callable
        A set is kept if all hold. A callable takes the mapping of parameter values.
    known : mapping, optional
        Values of parameters that the study leaves at their defaults: constraints may name them.
    method : {"random", "sobol"}
        How the dimensions with distributions are searched.
    count : int, optional
        How many points to search per point of the grid; required with distributions.
    seed : int
        Of the search.

    Raises
    ------
    Refusal
        If nothing is left, or a constraint cannot be read or computed.
    """
    names = tuple(sorted(values, key=lambda name: not name.startswith(MODEL_PREFIX)))
    searched = [name for name in names if isinstance(values[name], Distribution)]
    if searched and count is None:
        raise Refusal(
            "search",
            f"{searched[0]} has a distribution, so the study must say how it is searched",
            hint="add `search: {method: random, count: 100, seed: 1}`",
        )
    if count is not None and not searched:
        raise Refusal(
            "search",
            "no parameter has a distribution to search",
            hint="leave `search` out, or give a parameter {uniform: [low, high]}",
        )
    total = math.prod(
        len(grid) for grid in values.values() if not isinstance(grid, Distribution)
    ) * (count or 1)
    if total > SET_LIMIT:
        raise Refusal("parameters", f"{total:,} parameter sets", f"at most {SET_LIMIT:,}")
    tests = constraint_tests(constraint, {**(known or {}), **values})
    fixed = dict(known or {})
    kept: list[tuple[Scalar, ...]] = []
    met: set[tuple[Scalar, ...]] = set()  # of the search: grids have each value once
    repeated = 0
    for candidate in _candidates(names, values, searched, method, count or 0, seed):
        if searched:
            if candidate in met:
                repeated += 1
                continue
            met.add(candidate)
        named = fixed | dict(zip(names, candidate, strict=True))
        if all(test(named) for test in tests.values()):
            kept.append(candidate)
    if not kept:
        candidates = met or _candidates(names, values, searched, method, count or 0, seed)
        lost = (fixed | dict(zip(names, candidate, strict=True)) for candidate in candidates)
        raise Refusal(
            "constraint",
            f"it drops all {len(met) or total:,} parameter sets{dropped_by(tests, lost)}",
            hint="loosen it, or widen the parameters' values",
        )
    return ParameterSpace(names, tuple(kept), total - len(kept) - repeated, repeated)


def constraint_tests(
    constraint: Sequence[ConstraintLike], names: Mapping[str, Any]
) -> dict[str, Test]:
    """Return a test of parameter sets per constraint, by its text or its function's name.

    Parameters
    ----------
    constraint : sequence of str or callable
        The constraints.
    names : mapping
        Parameters that they may use.

    Raises
    ------
    Refusal
        If one cannot be read.
    """
    tests: dict[str, Test] = {}
    for index, given in enumerate(constraint):
        field = "constraint" if len(constraint) == 1 else f"constraint[{index}]"
        if isinstance(given, str):
            tests[given.strip()] = Constraint(given, set(names), field).holds
        else:
            tests[f"{getattr(given, '__name__', field)} ({field})"] = _guarded(given, field)
    return tests


def dropped_by(tests: Mapping[str, Test], sets: Iterable[Mapping[str, Any]]) -> str:
    """Say of several constraints how many parameter sets each drops by itself.

    Parameters
    ----------
    tests : mapping of str to callable
        As of `constraint_tests`.
    sets : iterable of mapping
        Values by parameter.

    Returns
    -------
    str
        What follows a number of sets; nothing of a single constraint.

    Examples
    --------
    >>> tests = constraint_tests(["a > 2", "a < 2"], {"a": 0})
    >>> dropped_by(tests, [{"a": 1}, {"a": 2}, {"a": 3}])
    ': `a > 2` 2, `a < 2` 2'
    """
    if len(tests) < 2:
        return ""
    counts = dict.fromkeys(tests, 0)
    for values in sets:
        for text, test in tests.items():
            counts[text] += not test(values)
    return ": " + ", ".join(f"`{text}` {count:,}" for text, count in counts.items())


def _guarded(constraint: Test, field: str) -> Test:
    """Let an error of the user's function say where it came from."""

    def holds(values: Mapping[str, Any]) -> bool:
        try:
            return bool(constraint(values))
        except Exception as error:
            found = ", ".join(f"{name}={value!r}" for name, value in values.items())
            raise Refusal(
                field,
                f"the function raised {type(error).__name__}: {error} at {found}",
            ) from error

    return holds


def _candidates(
    names: tuple[str, ...],
    values: Mapping[str, list[Scalar] | Distribution],
    searched: list[str],
    method: str,
    count: int,
    seed: int,
) -> Iterator[tuple[Scalar, ...]]:
    grids = [name for name in names if name not in searched]
    points = _points(method, len(searched), count, seed) if searched else np.empty((1, 0))
    for combination in itertools.product(*(values[name] for name in grids)):  # type: ignore[arg-type]
        chosen: dict[str, Scalar] = dict(zip(grids, combination, strict=True))
        for point in points:
            for name, u in zip(searched, point, strict=True):
                distribution = values[name]
                assert isinstance(distribution, Distribution)
                chosen[name] = distribution.value(float(u))
            yield tuple(chosen[name] for name in names)


def _points(method: str, dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    """Points in the unit cube, shape (count, dimensions)."""
    if method == "sobol":
        from scipy.stats import qmc

        rng = np.random.Generator(np.random.Philox(seed))
        sobol = qmc.Sobol(dimensions, scramble=True, rng=rng)
        # Sobol' points balance in powers of two; drawing the next power keeps them so.
        drawn: NDArray[np.float64] = sobol.random_base2(max(count - 1, 1).bit_length())[:count]
        return drawn
    return np.random.Generator(np.random.Philox(key=seed)).random((count, dimensions))

"""What a search maximises, and what a parameter set must be like to count."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.threshold import Threshold
from engine.jobs.world import World
from engine.results.definitions import STATISTICS, Statistic, named_statistic
from engine.results.outcomes import IDLE_NEEDS, Outcomes
from engine.statistics.estimates import Estimates
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised

__all__ = ["Evaluation", "Objective", "Requirement", "evaluate", "metrics_needed"]

Floats = NDArray[np.float64]

_FORMS: Final = (
    "a statistic or a function of statistics, {maximise: ...}, {minimise: ...}, or a list of these"
)


@dataclass(frozen=True)
class Objective:
    """One statistic that a search wants large, or small.

    Parameters
    ----------
    statistic : str
        As `engine.results.definitions.find_statistic` takes it.
    maximise : bool
        Whether more is better.
    function : callable, optional
        In place of a statistic of that name: a function of the statistics that its arguments name,
        of one set, which takes and returns numbers.
    """

    statistic: str
    maximise: bool = True
    function: Callable[..., float] | None = None

    @classmethod
    def read(cls, given: Any, field: str = "search.objective") -> tuple[Objective, ...]:
        """Read a statistic, ``{maximise: ...}``, ``{minimise: ...}``, or a list of these.

        Raises
        ------
        Refusal
            If it is none of them, or a statistic stands twice.

        Examples
        --------
        >>> Objective.read([{"maximise": "sharpe"}, {"minimise": "volatility"}])[1].maximise
        False
        """
        entries = given if isinstance(given, list | tuple) else [given]
        found = tuple(cls._one(entry, field) for entry in entries)
        names = [one.statistic for one in found]
        if not found or len(set(names)) < len(names):
            raise Refusal(field, repr(given), _FORMS)
        return found

    @classmethod
    def _one(cls, given: Any, field: str) -> Objective:
        if isinstance(given, Objective):
            return given
        if isinstance(given, str):
            return cls(given)
        if callable(given):
            return cls(_name_of(given), True, given)
        if isinstance(given, Mapping) and len(given) == 1:
            (direction, name), *_ = given.items()
            if direction in ("maximise", "minimise"):
                if isinstance(name, str):
                    return cls(name, direction == "maximise")
                if callable(name):
                    return cls(_name_of(name), direction == "maximise", name)
        raise Refusal(field, repr(given), _FORMS)

    def __post_init__(self) -> None:
        if self.function is not None and not self.needs:
            raise Refusal(
                f"search.objective.{self.statistic}",
                "a function without arguments",
                "one whose arguments are names of statistics",
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """The statistics that it follows from."""
        if self.function is None:
            return (self.statistic,)
        return tuple(inspect.signature(self.function).parameters)

    @property
    def code(self) -> str:
        """What decides its numbers, beside its name: the text of a function."""
        if self.function is None:
            return ""
        try:
            return inspect.getsource(self.function)
        except (OSError, TypeError):
            # Typed into an interpreter: what it does, without where it stands.
            made: Any = getattr(self.function, "__code__", None)
            return repr((made.co_code, made.co_names)) if made is not None else repr(self.function)

    @property
    def sign(self) -> float:
        """1 where more is better, else -1."""
        return 1.0 if self.maximise else -1.0

    def __str__(self) -> str:
        return f"{'maximise' if self.maximise else 'minimise'} {self.statistic}"


def _name_of(function: Callable[..., float]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "objective" if name == "<lambda>" else name


@dataclass(frozen=True)
class Requirement:
    """What a statistic of a parameter set must be for the set to count.

    Parameters
    ----------
    statistic : str
        As of `Objective`.
    comparison : {">=", "<=", ">", "<"}
        How it compares.
    bound : float
        With what.
    """

    statistic: str
    comparison: str
    bound: float

    @classmethod
    def read(cls, given: Mapping[str, Any], field: str = "require") -> tuple[Requirement, ...]:
        """Read ``{STATISTIC: ">= 100"}``.

        Raises
        ------
        Refusal
            If a requirement cannot be read.

        Examples
        --------
        >>> Requirement.read({"trades": ">= 100"})
        (Requirement(statistic='trades', comparison='>=', bound=100.0),)
        """
        return tuple(cls._one(name, text, field) for name, text in given.items())

    @classmethod
    def _one(cls, name: str, text: Any, field: str) -> Requirement:
        threshold = Threshold.read(text)
        if threshold is None:
            raise Refusal(
                f"{field}.{name}", repr(text), "a comparison with a number, such as '>= 100'"
            )
        return cls(name, threshold.comparison, threshold.bound)

    def holds(self, values: Floats) -> NDArray[np.bool_]:
        """Whether it holds, for each value; not where that is undefined."""
        return Threshold(self.comparison, self.bound).holds(values)

    def __str__(self) -> str:
        return f"{self.statistic} {self.comparison} {self.bound:g}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What parameter sets came to on the same paths.

    Parameters
    ----------
    found : dict of str to Linearised
        Each statistic of the sets in which every simulation succeeded, in their order.
    succeeded : ndarray of int64, shape (sets that did,)
        Their positions in the batch.
    """

    found: Mapping[str, Linearised]
    succeeded: NDArray[np.int64]
    _statistics: Mapping[str, Statistic]

    def estimates(self, name: str, confidence: float = 0.95) -> Estimates:
        """Estimate one of the statistics of the sets that succeeded."""
        if name not in self._statistics:
            return self.found[name].estimates(confidence)
        return self._statistics[name].estimates(self.found[name], confidence)


def metrics_needed(statistics: Sequence[str], own: Sequence[str], field: str) -> tuple[str, ...]:
    """Name the metrics that statistics are estimated from.

    Raises
    ------
    Refusal
        If there is no such statistic.
    """
    needed: dict[str, None] = dict.fromkeys(IDLE_NEEDS)
    for name in statistics:
        needed |= dict.fromkeys(_statistic(name, own, field).needs)
    return tuple(name for name in needed if name not in own)


def evaluate(
    metrics: Floats,
    status: NDArray[np.int8],
    names: Sequence[str],
    world: World,
    statistics: Sequence[str],
    objectives: Sequence[Objective] = (),
) -> Evaluation:
    """Estimate statistics of parameter sets on common paths.

    A set of which a simulation failed is left out: it would be judged on other paths than the rest.

    Parameters
    ----------
    metrics : ndarray of float64, shape (sets, paths, metrics)
        As a `Batch` has them.
    status : ndarray of int8, shape (sets, paths)
        0 where the simulation succeeded.
    names : sequence of str
        Of the metrics.
    world : World
        Theirs.
    statistics : sequence of str
        Names that `metrics_needed` knows, and those of objectives.
    objectives : sequence of Objective
        Those with a function of their own are computed from the statistics that they need.

    Notes
    -----
    The influence of a path on a function of statistics is the sum of its influences on them times
    the function's slopes (the delta method), by differences of a millionth.
    """
    succeeded = np.flatnonzero((status == 0).all(axis=1))
    if not len(succeeded):
        return Evaluation({}, succeeded, {})
    paths = status.shape[1]
    layout = Layout.matrix(len(succeeded), paths, np.arange(paths) // world.paths_per_unit)
    columns = {
        name: layout.arrange(metrics[succeeded, :, position]) for position, name in enumerate(names)
    }
    groups = pl.DataFrame({"parameter_set": succeeded})
    years = world.steps / world.bars_per_year
    outcomes = Outcomes(groups, columns, layout, world.returns, years)
    own = [name for name in names if name not in STATISTICS]
    functions = {one.statistic: one for one in objectives if one.function is not None}
    needed = [name for name in statistics if name not in functions]
    needed += [name for one in functions.values() for name in one.needs]
    known = {name: _statistic(name, own, "search") for name in dict.fromkeys(needed)}
    found = {name: statistic.of(outcomes) for name, statistic in known.items()}
    for name, one in functions.items():
        found[name] = _combined(one, [found[need] for need in one.needs])
    return Evaluation(found, succeeded, known)


def _combined(objective: Objective, parts: Sequence[Linearised]) -> Linearised:
    """Return a function of statistics, with the influence of every path."""
    values = np.stack([one.value for one in parts])
    value = np.array([_value_of(objective, column) for column in values.T])
    first = parts[0]
    place = np.repeat(np.arange(values.shape[1]), first.layout.cells)
    influence = np.zeros_like(first.influence)
    for row, part in enumerate(parts):
        step = 1e-6 * np.maximum(np.abs(values[row]), 1e-6)
        up, down = values.copy(), values.copy()
        up[row] += step
        down[row] -= step
        ends = [np.array([_value_of(objective, column) for column in at.T]) for at in (up, down)]
        slope = (ends[0] - ends[1]) / (2.0 * step)
        influence += np.nan_to_num(slope)[place] * part.influence
    return Linearised(value, influence, first.layout, first.n, first.units, "skewed")


def _value_of(objective: Objective, values: Floats) -> float:
    assert objective.function is not None
    if np.isnan(values).any():
        return math.nan
    try:
        return float(objective.function(*values.tolist()))
    except ArithmeticError:
        return math.nan
    except Exception as error:
        found = ", ".join(
            f"{name}={value:g}" for name, value in zip(objective.needs, values, strict=True)
        )
        raise Refusal(
            f"search.objective.{objective.statistic}",
            f"{type(error).__name__}: {error} at {found}",
            "a number for every set",
        ) from error


def _statistic(name: str, own: Sequence[str], field: str) -> Statistic:
    found = named_statistic(name) or (named_statistic(name, own) if name in own else None)
    if found is None:
        raise Refusal(field, repr(name), ", ".join([*STATISTICS, *own]))
    return found

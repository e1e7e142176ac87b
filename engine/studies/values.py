"""What may stand for a parameter: a value, a list, a range, or a distribution to search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import Refusal
from engine.jobs.space import Scalar
from engine.statistics.distributions import normal_probability, normal_quantile

__all__ = [
    "SET_LIMIT",
    "VALUES_SCHEMA",
    "Distribution",
    "choice",
    "integer",
    "linspace",
    "log_integer",
    "log_uniform",
    "logspace",
    "normal",
    "parse_values",
    "step_range",
    "uniform",
]


#: More values of a parameter, or more parameter sets, than this are a mistake.
SET_LIMIT = 1_000_000

_FORMS = (
    "a value, a list of values, {linspace: [start, stop, count]}, "
    "{logspace: [start, stop, count]}, {step_range: [start, stop, step]}, {uniform: [low, high]}, "
    "{log_uniform: [low, high]}, {integer: [low, high]}, {log_integer: [low, high]}, "
    "{normal: [mean, deviation]} or {choice: [values]}"
)

#: JSON Schema of everything `parse_values` takes.
VALUES_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": ["number", "string", "boolean", "null"]},
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": ["number", "string", "boolean", "null"]},
        },
        *(
            {
                "type": "object",
                "description": text,
                "properties": {
                    name: {
                        "type": "array",
                        "minItems": low,
                        "maxItems": high,
                        "description": text,
                    }
                },
                "required": [name],
                "additionalProperties": False,
            }
            for name, low, high, text in (
                ("linspace", 3, 3, "start, stop, count: evenly spaced, both ends included"),
                ("logspace", 3, 3, "start, stop, count: evenly spaced in the logarithm"),
                ("step_range", 3, 3, "start, stop, step: start, start + step, ... up to stop"),
                ("uniform", 2, 2, "low, high: searched uniformly"),
                ("log_uniform", 2, 2, "low, high: searched uniformly in the logarithm"),
                ("integer", 2, 2, "low, high: whole numbers, both ends included"),
                ("log_integer", 2, 2, "low, high: whole numbers, uniformly in the logarithm"),
                ("normal", 2, 4, "mean, deviation, and low and high where it is cut off"),
                ("choice", 1, 1_000_000, "values searched with equal probability"),
            )
        ),
    ]
}


# Whole numbers up to it are exact as floats, and differences of such numbers are finite.
_LARGEST: Final = 1e15


@dataclass(frozen=True)
class Distribution:
    """A dimension of a search.

    Parameters
    ----------
    kind : {"uniform", "log_uniform", "integer", "log_integer", "normal", "choice"}
        How a number u in [0, 1) becomes a value.
    arguments : tuple
        Low and high; mean, deviation, low and high of a normal law; or the values of a choice.

    Notes
    -----
    A whole number k of ``log_integer`` has the mass ``ln((k + 1) / k)``, so that 10 to 99 are drawn
    as often as 100 to 999.
    """

    kind: str
    arguments: tuple[Scalar, ...]

    def value(self, u: float) -> Scalar:
        """Return the value at the quantile `u` in [0, 1)."""
        if self.kind == "choice":
            return self.arguments[int(u * len(self.arguments))]
        if self.kind == "normal":
            return self._normal_value(u)
        low, high = self.bounds
        if self.kind == "integer":
            return int(low) + int(u * (int(high) - int(low) + 1))
        if self.kind == "uniform":
            return _tidy(low + (high - low) * u)
        if self.kind == "log_integer":
            drawn = low * math.exp(u * math.log((high + 1.0) / low))
            return min(max(int(drawn), int(low)), int(high))
        return _tidy(math.exp(math.log(low) + (math.log(high) - math.log(low)) * u))

    def quantile(self, value: Scalar) -> float:
        """Return where in [0, 1) a value lies: of whole numbers and choices, amid its share."""
        if self.kind == "choice":
            return (self.arguments.index(value) + 0.5) / len(self.arguments)
        number = float(value)  # type: ignore[arg-type]
        if self.kind == "normal":
            mean, deviation, low, high = map(float, self.arguments)  # type: ignore[arg-type]
            first, last = (normal_probability((end - mean) / deviation) for end in (low, high))
            u = (normal_probability((number - mean) / deviation) - first) / (last - first)
        else:
            low, high = self.bounds
            if self.kind == "integer":
                u = (number - low + 0.5) / (high - low + 1.0)
            elif self.kind == "log_integer":
                u = math.log((number + 0.5) / low) / math.log((high + 1.0) / low)
            elif self.kind == "uniform":
                u = (number - low) / (high - low)
            else:
                u = math.log(number / low) / math.log(high / low)
        return min(max(u, 0.0), math.nextafter(1.0, 0.0))

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value, of all kinds but a choice."""
        low, high = self.arguments[-2:]
        return float(low), float(high)  # type: ignore[arg-type]

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.kind in ("integer", "log_integer")

    def _normal_value(self, u: float) -> float:
        mean, deviation, low, high = map(float, self.arguments)  # type: ignore[arg-type]
        first, last = (normal_probability((end - mean) / deviation) for end in (low, high))
        # Amid the law's own steps, so that neither end is drawn at infinity.
        at = min(max(first + (last - first) * u, 1e-300), 1.0 - 1e-16)
        return _tidy(min(max(mean + deviation * normal_quantile(at), low), high))


def linspace(start: float, stop: float, count: int) -> list[Scalar]:
    """Return `count` evenly spaced values, both ends included."""
    _require_count(count)
    _require_finite(start, stop)
    if count == 1:
        return [start]
    return [_tidy(start + (stop - start) * i / (count - 1)) for i in range(count)]


def logspace(start: float, stop: float, count: int) -> list[Scalar]:
    """Return `count` values evenly spaced in the logarithm, both ends (above 0) included."""
    _require_count(count)
    _require_finite(start, stop)
    _require(start > 0 and stop > 0, f"[{start}, {stop}]", "a start and a stop above 0")
    if count == 1:
        return [start]
    ratio = math.log(stop / start)
    return [_tidy(start * math.exp(ratio * i / (count - 1))) for i in range(count)]


def step_range(start: float, stop: float, step: float) -> list[Scalar]:
    """Return ``start, start + step, ...`` up to and, where it is met, including `stop`."""
    _require_finite(start, stop, step)
    _require(
        step != 0 and (stop - start) * step >= 0,
        f"step {step} from {start} to {stop}",
        "a step that leads from start to stop",
    )
    last = (stop - start) / step * (1 + 1e-12) + 1e-9
    _require(last < SET_LIMIT, f"{last:.3g} steps", f"at most {SET_LIMIT:,}")
    count = math.floor(last) + 1
    if all(float(number).is_integer() for number in (start, step)):
        return [int(start) + int(step) * i for i in range(count)]
    return [_tidy(start + step * i) for i in range(count)]


def uniform(low: float, high: float) -> Distribution:
    """Search uniformly between two numbers."""
    _require_finite(low, high)
    _require(low < high, f"[{low}, {high}]", "a low below the high")
    return Distribution("uniform", (low, high))


def log_uniform(low: float, high: float) -> Distribution:
    """Search uniformly in the logarithm between two numbers above zero."""
    _require_finite(low, high)
    _require(0 < low < high, f"[{low}, {high}]", "0 < low < high")
    return Distribution("log_uniform", (low, high))


def integer(low: int, high: int) -> Distribution:
    """Search whole numbers, both ends included."""
    _require_finite(low, high)
    whole = float(low).is_integer() and float(high).is_integer()
    _require(whole and low <= high, f"[{low}, {high}]", "whole numbers with low <= high")
    return Distribution("integer", (int(low), int(high)))


def log_integer(low: int, high: int) -> Distribution:
    """Search whole numbers from 1 up uniformly in the logarithm, both ends included."""
    _require_finite(low, high)
    whole = float(low).is_integer() and float(high).is_integer()
    _require(whole and 1 <= low <= high, f"[{low}, {high}]", "whole numbers with 1 <= low <= high")
    return Distribution("log_integer", (int(low), int(high)))


def normal(
    mean: float, deviation: float, low: float | None = None, high: float | None = None
) -> Distribution:
    """Search by a normal law, cut off at `low` and `high`, at most six deviations away."""
    _require_finite(mean, deviation)
    _require(deviation > 0, f"a deviation of {deviation}", "one above 0")
    reach = 6.0 * deviation
    least = mean - reach if low is None else max(low, mean - reach)
    most = mean + reach if high is None else min(high, mean + reach)
    _require(least < most, f"[{low}, {high}]", "a low below the high, near the mean")
    return Distribution("normal", (mean, deviation, least, most))


def choice(values: Sequence[Scalar]) -> Distribution:
    """Search values with equal probability."""
    _require(len(values) > 0, "no value", "at least one value")
    for value in values:
        _require(_is_scalar(value), repr(value), "numbers, text, true, false or null")
    return Distribution("choice", tuple(values))


_KINDS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "linspace": (linspace, (3,)),
    "logspace": (logspace, (3,)),
    "step_range": (step_range, (3,)),
    "uniform": (uniform, (2,)),
    "log_uniform": (log_uniform, (2,)),
    "integer": (integer, (2,)),
    "log_integer": (log_integer, (2,)),
    "normal": (normal, (2, 4)),
}


def parse_values(found: Any) -> list[Scalar] | Distribution:
    """Read what a study gives for one parameter.

    Parameters
    ----------
    found : scalar, sequence, mapping or Distribution
        One of the forms in `VALUES_SCHEMA`.

    Returns
    -------
    list of scalar, or Distribution
        Grid values (one for a fixed parameter), or a dimension to search.

    Raises
    ------
    Refusal
        If it is none of them; the field is for the caller to add.
    """
    if isinstance(found, Distribution):
        return found
    if _is_scalar(found):
        return [found]
    if isinstance(found, dict):
        return _parse_kind(found)
    if isinstance(found, Sequence) or hasattr(found, "tolist"):
        many = len(found) if hasattr(found, "__len__") else 0
        _require(many <= SET_LIMIT, f"{many:,} values", f"at most {SET_LIMIT:,}")
        values = found.tolist() if hasattr(found, "tolist") else list(found)
        _require(isinstance(values, list) and bool(values), "an empty list", "at least one value")
        for value in values:
            _require(_is_scalar(value), repr(value), "numbers, text, true, false or null")
        for (_, value), times in Counter((type(value), value) for value in values).items():
            _require(times == 1, f"{value!r} twice", "each value once")
        return values
    raise Refusal("", repr(found), _FORMS)


def _parse_kind(found: dict[Any, Any]) -> list[Scalar] | Distribution:
    _require(len(found) == 1, repr(found), _FORMS)
    (kind, arguments), *_ = found.items()
    known = [*_KINDS, "choice"]
    _require(kind in known, repr(kind), " or ".join(known))
    _require(isinstance(arguments, list), f"{kind}: {arguments!r}", f"{kind}: [...]")
    if kind == "choice":
        return choice(arguments)
    function, counts = _KINDS[kind]
    numbers = [a for a in arguments if isinstance(a, int | float) and not isinstance(a, bool)]
    _require(
        len(arguments) in counts and len(numbers) == len(arguments),
        f"{kind}: {arguments!r}",
        f"{' or '.join(map(str, counts))} numbers",
    )
    if kind in ("linspace", "logspace"):
        _require(float(arguments[2]).is_integer(), f"count {arguments[2]!r}", "a whole count")
        arguments = [arguments[0], arguments[1], int(arguments[2])]
    result: list[Scalar] | Distribution = function(*arguments)
    return result


def _is_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int | str | bool)


def _tidy(value: float) -> float:
    """Round to 12 significant digits: 0.3, not 0.30000000000000004, on every machine."""
    return float(f"{value:.12g}")


def _require_count(count: int) -> None:
    _require(1 <= count <= SET_LIMIT, f"count {count}", f"a count from 1 to {SET_LIMIT:,}")


def _require_finite(*numbers: float) -> None:
    for number in numbers:
        told = str(number) if isinstance(number, float) or abs(number) < 1e30 else "a huge number"
        _require(abs(number) <= _LARGEST, told, f"finite numbers up to {_LARGEST:g}")


def _require(condition: bool, found: str, allowed: str) -> None:
    if not condition:
        raise Refusal("", found, allowed)

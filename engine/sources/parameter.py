"""Declared parameters and options of a source."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from engine.errors import Refusal

__all__ = ["Parameter", "option", "parameter"]

_KEY = "parameter"


@dataclass(frozen=True)
class Parameter:
    """One number that a model depends on.

    Parameters
    ----------
    name : str
        As in constructors, YAML, SQL columns and calibrations.
    default : float
        Value when none is given.
    low, high : float
        Bounds.
    open_low, open_high : bool
        Whether the bound itself is excluded.
    unit : str
        Unit of the number, such as ``1/year``.
    doc : str
        What it is.
    """

    name: str
    default: float
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    unit: str = dataclasses.field(default="", compare=False)
    doc: str = dataclasses.field(default="", compare=False)

    @property
    def allowed(self) -> str:
        """The allowed range in words."""
        low = "" if self.low == -math.inf else f"{'>' if self.open_low else '>='} {self.low:g}"
        high = "" if self.high == math.inf else f"{'<' if self.open_high else '<='} {self.high:g}"
        return " and ".join(bound for bound in (low, high) if bound) or "any finite number"

    def check(self, value: Any, label: str | None = None) -> float:
        """Return `value` as a float.

        Parameters
        ----------
        value : object
            What was found.
        label : str, optional
            Name in the message where it differs from the parameter's (a leg, a regime).

        Raises
        ------
        ValueError
            If the value is no finite number within the bounds.
        """
        label = label or self.name
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        inside = self.low <= number <= self.high
        on_open_bound = (self.open_low and number == self.low) or (
            self.open_high and number == self.high
        )
        if not math.isfinite(number) or not inside or on_open_bound or isinstance(value, bool):
            raise Refusal(str(label), repr(value), self.allowed)
        return number


def parameter(
    default: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
    unit: str = "",
    doc: str = "",
) -> Any:
    """Declare a parameter in the body of a source class: ``sigma: float = parameter(0.2, low=0)``.

    The arguments are those of `Parameter`.
    """
    declared = Parameter("", default, low, high, open_low, open_high, unit, doc)
    return dataclasses.field(default=default, metadata={_KEY: declared})


def option(default: Any, doc: str = "") -> Any:
    """Declare an option in the body of a source class: a setting that is not a parameter."""
    return dataclasses.field(default=default, metadata={"doc": doc})


def declared_parameters(cls: type) -> dict[str, Parameter]:
    """Collect the parameters that a dataclass declares, by name."""
    return {
        item.name: dataclasses.replace(item.metadata[_KEY], name=item.name)
        for item in dataclasses.fields(cls)
        if _KEY in item.metadata
    }

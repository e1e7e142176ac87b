"""Declared parameters of a strategy: typed, bounded, readable by every sweep and optimiser."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.errors import Refusal
from engine.strategies.hook_text import StrategyError, declaration_error

__all__ = ["Choice", "Float", "Int", "Parameter"]


class Parameter:
    """A declared parameter; use `Int`, `Float` or `Choice`.

    Parameters
    ----------
    default : object
        Value when none is given.
    low, high : float, optional
        Inclusive bounds.
    log : bool
        Searched on a logarithmic scale.
    optional : bool
        Whether None is allowed; a default of None implies it.
    doc : str
        One line for listings.

    Raises
    ------
    StrategyError
        If the bounds or the default make no sense; names the line of the declaration.
    """

    kind = "parameter"

    def __init__(
        self,
        default: Any,
        *,
        low: float | None = None,
        high: float | None = None,
        log: bool = False,
        optional: bool = False,
        doc: str = "",
    ) -> None:
        self.name = ""
        self.default = default
        self.low = low
        self.high = high
        self.log = log
        self.optional = optional or default is None
        self.doc = doc
        for bound, value in (("low", low), ("high", high)):
            if value is not None and not _is_number(value):
                raise self._misdeclared(f"{bound} = {value!r}, allowed a number")
        if low is not None and high is not None and low > high:
            raise self._misdeclared(f"low = {low!r}, allowed at most high = {high!r}")
        if log and (low is None or low <= 0):
            raise self._misdeclared(f"low = {low!r}, allowed > 0 on a logarithmic scale")
        if not (default is None and self.optional) and not self.accepts(default):
            raise self._misdeclared(f"default {default!r}, allowed {self.allowed}")

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return the declaration; in a hook the name stands for the value."""
        return self

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        kind = {"int": "a whole number", "float": "a number"}[self.kind]
        if self.low is not None:
            kind += f" >= {self.low:g}"
        if self.high is not None:
            kind += f"{' and' if self.low is not None else ''} <= {self.high:g}"
        return kind + (" or null" if self.optional else "")

    def encode(self, value: Any) -> float:
        """Return the value as the kernels see it: a float64, NaN for None.

        Raises
        ------
        ValueError
            If the value has the wrong type or lies outside the bounds.
        """
        if value is None and self.optional:
            return math.nan
        if not self.accepts(value):
            raise Refusal(self.name, repr(value), self.allowed)
        return float(value)

    def decode(self, code: float) -> Any:
        """Return the value that `encode` made into `code`."""
        return None if math.isnan(code) else float(code)

    def describe(self) -> dict[str, Any]:
        """Return the declaration as plain data."""
        return {
            "kind": self.kind,
            "default": self.default,
            "low": self.low,
            "high": self.high,
            "log": self.log,
            "optional": self.optional,
            "doc": self.doc,
        }

    def _misdeclared(self, found: str) -> StrategyError:
        return declaration_error(f"{type(self).__name__}: found {found}")

    def accepts(self, value: Any) -> bool:
        """Whether a value is of the declared kind and within the bounds."""
        if not _is_number(value):
            return False
        number = float(value)
        return (self.low is None or number >= self.low) and (
            self.high is None or number <= self.high
        )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | str | bytes) or value is None:
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


class Int(Parameter):
    """A whole number."""

    kind = "int"

    def accepts(self, value: Any) -> bool:
        """Whether a value is a whole number within the bounds."""
        # Beyond that a float64 skips whole numbers.
        return super().accepts(value) and float(value).is_integer() and abs(float(value)) <= 2.0**53

    def decode(self, code: float) -> Any:
        """Return the value that `encode` made into `code`."""
        return None if math.isnan(code) else int(code)


class Float(Parameter):
    """A real number."""

    kind = "float"


class Choice(Parameter):
    """One of several values: numbers, or words that hooks compare with ``==``.

    Parameters
    ----------
    default : object
        One of `choices`.
    choices : list
        All numbers or all strings.
    doc : str
        One line for listings.
    """

    kind = "choice"

    def __init__(self, default: Any, choices: list[Any], *, doc: str = "") -> None:
        self.choices = [c.item() if isinstance(c, np.generic) else c for c in choices]
        self.words = all(isinstance(choice, str) for choice in self.choices)
        numbers = all(isinstance(choice, int | float) for choice in self.choices)
        if not self.choices or not (self.words or numbers):
            raise self._misdeclared(f"choices {choices!r}, allowed all numbers or all strings")
        super().__init__(default, doc=doc)

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        return "one of " + ", ".join(map(repr, self.choices))

    def accepts(self, value: Any) -> bool:
        """Whether a value is one of the choices."""
        return value in self.choices

    def encode(self, value: Any) -> float:
        """Return the number itself, or the position of the word."""
        if value not in self.choices:
            raise Refusal(self.name, repr(value), self.allowed)
        return float(self.choices.index(value) if self.words else value)

    def decode(self, code: float) -> Any:
        """Return the value that `encode` made into `code`."""
        if self.words:
            return self.choices[int(code)]
        return next(choice for choice in self.choices if float(choice) == code)

    def describe(self) -> dict[str, Any]:
        """Return the declaration as plain data."""
        return {**super().describe(), "choices": self.choices}

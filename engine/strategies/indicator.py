"""Indicators as classes: what they read, their parameters, and the function that fills them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from engine.errors import Refusal
from engine.strategies.hook_text import StrategyError, declaration_error
from engine.strategies.parameters import Choice, Float, Int, Parameter

__all__ = ["Indicator"]

_OWN_NAMES = frozenset(
    ("arguments", "fill", "fill_group", "outputs", "parameters", "reads", "symbols", "warm_up")
)


class Indicator:
    """Base class of indicators, the built-in ones and a user's.

    A subclass declares parameters (`Int`, `Float`), the fields of the bars that it reads, and the
    static method `fill`::

        class Momentum(Indicator):
            \"\"\"Relative change over `period` bars.\"\"\"

            period = Int(20, low=1, high=500)
            reads = ("close",)

            @staticmethod
            def warm_up(period):
                return period

            @staticmethod
            def fill(close, period, out):
                for bar in range(period, out.size):
                    out[bar] = close[bar] / close[bar - period] - 1.0

    A strategy declares it in its body and reads it as any other, ``self.change`` at the current
    bar and ``self.change[1]`` at the one before::

        class Follow(Strategy):
            period = Int(20, low=1, high=500)
            change = Momentum(period)

    Parameters
    ----------
    *arguments : float or Parameter
        Values of the indicator's parameters, in the order of their declaration or by name: numbers
        or parameters that the strategy declares. Its own defaults fill the gaps.
    field : str, optional
        Field to read instead of the declared one, for an indicator that reads a single field.
    symbol : int or tuple of int
        Position of the symbol that is read; with a tuple, one for each of `reads`.

    Attributes
    ----------
    reads : tuple of str
        Fields of the bars that `fill` gets, ``("close",)`` if not said.
    outputs : tuple of str
        Names of the rows that `fill` fills. An indicator of one row calls it ``value`` and is read
        as ``self.name``; of several rows each is read as ``self.name.upper``.
    parameters : dict of str to Parameter
        Declared parameters in order.

    Raises
    ------
    StrategyError
        If the declaration or an argument makes no sense; names the line.

    Notes
    -----
    ``fill(*fields, *parameters, *outputs)`` gets an array of shape (bars,) for each of `reads`,
    then the parameters (an `Int` as a whole number, a `Float` as a fraction), then an array of
    shape (bars,) for each of `outputs`. These hold NaN at first; `fill` writes to them and returns
    nothing. It is compiled and called once per path for each distinct set of arguments. The arrays
    that it reads cannot be written to, an index beyond an array fails the simulations that read
    the indicator, and what draws at random, reads a clock or a file, or prints is refused.

    ``warm_up(*parameters)`` returns the number of bars before the first value; what `fill` writes
    to them is discarded. It runs in Python; without it the number is 0.

    `fill` sees the whole path and nothing stops it from reading ahead: audit the strategy.
    """

    reads: tuple[str, ...] = ("close",)
    outputs: ClassVar[tuple[str, ...]] = ("value",)
    parameters: ClassVar[dict[str, Parameter]] = {}

    #: How a built-in fills all rows of its kind at once, ``fill_group(path, plans, rows, work)``
    #: with a path of shape (symbols, fields, bars); None: row by row.
    fill_group: ClassVar[Callable[..., None] | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.parameters = dict(cls.parameters)
        for name, value in vars(cls).items():
            if isinstance(value, Parameter):
                if name in _OWN_NAMES:
                    raise declaration_error(
                        f"{cls.__name__}: {name} is a name of Indicator's own, allowed another name"
                    )
                if not isinstance(value, Int | Float):
                    raise declaration_error(
                        f"{cls.__name__}.{name}: found {type(value).__name__}, allowed Int or Float"
                    )
                cls.parameters[name] = value
        for name in ("reads", "outputs"):
            names = getattr(cls, name)
            if not isinstance(names, tuple) or not names or not all(map(_is_name, names)):
                raise declaration_error(
                    f"{cls.__name__}.{name}: found {names!r}, allowed a tuple of names such as "
                    f"{Indicator.__dict__[name]!r}"
                )
        _check_functions(cls)
        cls.__signature__ = _signature_of(cls)  # type: ignore[attr-defined]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        kind = type(self)
        if kind.fill is Indicator.fill:
            raise declaration_error(
                f"{kind.__name__}: found no fill, allowed a static method "
                f"fill({', '.join(_fill_arguments(kind))})"
            )
        try:
            bound = inspect.signature(kind).bind(*arguments, **named)
        except TypeError as error:
            raise declaration_error(
                f"{kind.__name__}: {error}; its arguments are "
                f"{', '.join(inspect.signature(kind).parameters)}"
            ) from None
        bound.apply_defaults()
        given = bound.arguments
        self.arguments: tuple[float | Parameter, ...] = tuple(
            _checked(kind, declared, given[name]) for name, declared in kind.parameters.items()
        )
        if "field" in given:
            if not _is_name(given["field"]):
                raise declaration_error(
                    f"{kind.__name__}: found field {given['field']!r}, allowed the name of a field"
                )
            self.reads = (given["field"],)
        symbol = given["symbol"]
        symbols = symbol if isinstance(symbol, tuple) else (symbol,) * len(self.reads)
        if len(symbols) != len(self.reads) or not all(type(item) is int for item in symbols):
            raise declaration_error(
                f"{kind.__name__}: found symbol {symbol!r}, allowed a whole number"
                + (f" or a tuple of {len(self.reads)}" if len(self.reads) > 1 else "")
            )
        self.symbols: tuple[int, ...] = symbols

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return the declaration; in a hook the name stands for the values."""
        return self

    @staticmethod
    def fill(*arguments: Any, **named: Any) -> None:
        """Fill the outputs from fields and parameters; see the notes of the class."""
        raise TypeError("an Indicator needs a static method fill(*fields, *parameters, *outputs)")

    @staticmethod
    def warm_up(*arguments: Any, **named: Any) -> int:
        """Return the number of bars before the first value for the given parameters."""
        return 0

    def values_of(self, parameters: Mapping[str, float]) -> tuple[float, ...]:
        """Return the arguments as numbers, given the encoded parameters of a strategy by name."""
        return tuple(
            parameters[item.name] if isinstance(item, Parameter) else item
            for item in self.arguments
        )

    def bars_before(self, values: tuple[float, ...]) -> int:
        """Return `warm_up` for the given values of the parameters.

        Raises
        ------
        ValueError
            If it is not a whole number of bars of at least 0.
        """
        declared = zip(self.parameters.values(), values, strict=True)
        found = self.warm_up(*(int(x) if isinstance(p, Int) else x for p, x in declared))
        if isinstance(found, bool) or int(found) != found or found < 0:
            raise Refusal(
                f"{type(self).__name__}.warm_up", repr(found), "a whole number of bars >= 0"
            )
        return int(found)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _fill_arguments(kind: type[Indicator]) -> tuple[str, ...]:
    """Names of the arguments of `fill` as messages show them."""
    outputs = ("out",) if kind.outputs == ("value",) else kind.outputs
    return (*kind.reads, *kind.parameters, *outputs)


def _signature_of(kind: type[Indicator]) -> inspect.Signature:
    """Signature of the constructor: parameters, the field if there is but one, the symbol."""
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    defaults = {name: declared.default for name, declared in kind.parameters.items()}
    if len(kind.reads) == 1:
        defaults["field"] = kind.reads[0]
    defaults["symbol"] = 0
    return inspect.Signature(
        [inspect.Parameter(name, positional, default=value) for name, value in defaults.items()]
    )


def _check_functions(kind: type[Indicator]) -> None:
    """Refuse a `fill` or `warm_up` that is no static method or takes other arguments."""
    reads, names = len(kind.reads), list(kind.parameters)
    for method, before, after in (("fill", reads, len(kind.outputs)), ("warm_up", 0, 0)):
        function = inspect.getattr_static(kind, method)
        if function is inspect.getattr_static(Indicator, method):
            continue
        if not isinstance(function, staticmethod):
            raise declaration_error(
                f"{kind.__name__}.{method}: found {type(function).__name__}, allowed a static "
                "method (write @staticmethod above it)"
            )
        found = list(inspect.signature(function).parameters)
        same = len(found) == before + len(names) + after
        if not same or found[before : before + len(names)] != names:
            expected = _fill_arguments(kind) if method == "fill" else names
            raise declaration_error(
                f"{kind.__name__}.{method}: found arguments {', '.join(found) or 'none'}, allowed "
                f"{', '.join(expected) or 'none'}"
            )


def _checked(kind: type[Indicator], declared: Parameter, value: Any) -> float | Parameter:
    """Return an argument as a number within the bounds, or as the strategy's parameter."""
    if isinstance(value, Parameter):
        if isinstance(value, Choice) and value.words:
            raise _refused(kind, declared, f"a Choice of words, allowed {declared.allowed}")
        return value
    if isinstance(value, bool | str | bytes) or not isinstance(value, int | float):
        allowed = f"{declared.allowed}, or a parameter declared above"
        raise _refused(kind, declared, f"{value!r}, allowed {allowed}")
    if not declared.accepts(value):
        raise _refused(kind, declared, f"{value!r}, allowed {declared.allowed}")
    return float(value)


def _refused(kind: type[Indicator], declared: Parameter, found: str) -> StrategyError:
    return declaration_error(f"{kind.__name__}: found {declared.name} {found}")

"""Indicators as classes: what they read, their parameters, and the function that fills them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from itertools import takewhile
from typing import Any, ClassVar

from engine.errors import Refusal
from engine.strategies.expression import (
    Expression,
    Field,
    Output,
    as_series,
    checked_timeframe,
)
from engine.strategies.hook_text import StrategyError, declaration_error
from engine.strategies.parameters import Choice, Float, Int, Parameter

__all__ = ["Indicator", "indicators_in"]

_OWN_NAMES = frozenset(
    (
        *("arguments", "fill", "fill_group", "inputs", "outputs", "parameters", "reads"),
        *("symbols", "warm_up", "field", "symbol", "timeframe"),
        *(name for name in vars(Expression) if not name.startswith("_")),
    )
)


class Indicator(Expression):
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
    *arguments : Expression, float or Parameter
        First, if any, as many series as the indicator reads, in place of its fields:
        ``SMA(RSI(14), 5)``, see `engine.strategies.expression.Expression`. Then values of the
        indicator's parameters, in the order of their declaration or by name: numbers or parameters
        that the strategy declares. Its own defaults fill the gaps.
    field : str, optional
        Field to read instead of the declared one, for an indicator that reads a single field.
    symbol : int or tuple of int
        Position of the symbol that is read; with a tuple, one for each of `reads`.
    timeframe : str or Choice, optional
        Length of the bars that it is computed on, such as ``"1h"`` on minute bars, or a declared
        `Choice` of several. They are made of the bars of the path, from the open of each session
        on, and a value is seen from the close of its bar on.

    Attributes
    ----------
    reads : tuple of str
        Fields of the bars that `fill` gets, ``("close",)`` if not said. ``session`` is the day of
        the session that each bar belongs to, in days.
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
    nothing. It is compiled and called once per path for each distinct set of arguments; of series
    given in place of fields, once for each stretch of bars on which all of them have a value. The
    arrays that it reads cannot be written to, an index beyond an array fails the simulations that
    read the indicator, and what draws at random, reads a clock or a file, or prints is refused.

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
                    f"{_EXAMPLES[name]!r}"
                )
        for name in cls.outputs:
            if name in _OWN_NAMES:
                raise declaration_error(
                    f"{cls.__name__}.outputs: {name} is a name of Indicator's own, allowed another"
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
        series = tuple(takewhile(lambda item: isinstance(item, Expression), arguments))
        try:
            bound = inspect.signature(kind).bind(*arguments[len(series) :], **named)
        except TypeError as error:
            raise declaration_error(
                f"{kind.__name__}: {error}; its arguments are "
                f"{', '.join(inspect.signature(kind).parameters)}"
            ) from None
        chosen = bound.arguments.keys() & {"field", "symbol"}
        bound.apply_defaults()
        given = bound.arguments
        self.arguments = tuple(
            _checked(kind, declared, given[name]) for name, declared in kind.parameters.items()
        )
        if series:
            self.inputs = _series_of(kind, series, chosen)
        else:
            self.inputs = _fields_of(kind, given.get("field"), given["symbol"])
        #: Whether it reads fields of the bars as they are.
        self.reads_fields = all(
            isinstance(item, Field) and item.timeframe is None for item in self.inputs
        )
        if self.reads_fields:
            self.reads = tuple(item.name for item in self.inputs if isinstance(item, Field))
            self.symbols = tuple(symbol for item in self.inputs for symbol in item.symbols)
        self.timeframe = checked_timeframe(kind.__name__, given["timeframe"], self.inputs)
        if kind.outputs != ("value",):
            # Parameters may have these names too: of the declaration the rows are asked.
            vars(self).update({name: Output(self, name) for name in kind.outputs})

    def __repr__(self) -> str:
        return f"the indicator {type(self).__name__}"

    @staticmethod
    def fill(*arguments: Any, **named: Any) -> None:
        """Fill the outputs from fields and parameters; see the notes of the class."""
        raise TypeError("an Indicator needs a static method fill(*fields, *parameters, *outputs)")

    @staticmethod
    def warm_up(*arguments: Any, **named: Any) -> int:
        """Return the number of bars before the first value for the given parameters."""
        return 0

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


def indicators_in(*declared: Expression) -> tuple[type[Indicator], ...]:
    """Return the classes of indicators that expressions are made of, each once."""
    found = (type(part) for item in declared for part in item.walk())
    return tuple(dict.fromkeys(kind for kind in found if issubclass(kind, Indicator)))


_EXAMPLES = {"reads": ("close",), "outputs": ("value",)}


def _series_of(
    kind: type[Indicator], series: tuple[Expression, ...], chosen: Collection[str]
) -> tuple[Expression, ...]:
    """Return the series that an indicator is given in place of its fields."""
    if chosen:
        raise declaration_error(
            f"{kind.__name__}: found {min(chosen)} beside a series, allowed one of the two"
        )
    if len(series) != len(kind.reads):
        raise declaration_error(
            f"{kind.__name__}: found {len(series)} series, allowed {len(kind.reads)}, in place of "
            f"{', '.join(kind.reads)}"
        )
    return tuple(as_series(item) for item in series)


def _fields_of(kind: type[Indicator], field: Any, symbol: Any) -> tuple[Expression, ...]:
    """Return the fields that an indicator reads, of its symbols."""
    names = kind.reads
    if len(names) == 1:
        if not _is_name(field):
            raise declaration_error(
                f"{kind.__name__}: found field {field!r}, allowed the name of a field"
            )
        names = (field,)
    symbols = symbol if isinstance(symbol, tuple) else (symbol,) * len(names)
    if len(symbols) != len(names) or not all(type(item) is int for item in symbols):
        raise declaration_error(
            f"{kind.__name__}: found symbol {symbol!r}, allowed a whole number"
            + (f" or a tuple of {len(names)}" if len(names) > 1 else "")
        )
    return tuple(map(Field, names, symbols))


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
    places = [
        inspect.Parameter(name, positional, default=value) for name, value in defaults.items()
    ]
    named = inspect.Parameter("timeframe", inspect.Parameter.KEYWORD_ONLY, default=None)
    return inspect.Signature([*places, named])


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
    if isinstance(value, Expression):
        raise _refused(kind, declared, f"{value!r}, allowed series before all parameters")
    if isinstance(value, bool | str | bytes) or not isinstance(value, int | float):
        allowed = f"{declared.allowed}, or a parameter declared above"
        raise _refused(kind, declared, f"{value!r}, allowed {allowed}")
    if not declared.accepts(value):
        raise _refused(kind, declared, f"{value!r}, allowed {declared.allowed}")
    return float(value)


def _refused(kind: type[Indicator], declared: Parameter, found: str) -> StrategyError:
    return declaration_error(f"{kind.__name__}: found {declared.name} {found}")

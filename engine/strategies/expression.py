"""Series that indicators are made of: fields of the bars, arithmetic, and values some bars ago."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from engine.errors import Refusal
from engine.strategies.hook_text import declaration_error
from engine.strategies.parameters import Choice, Int, Parameter
from engine.timeframes import canonical_timeframe

__all__ = [
    "SESSION",
    "Arithmetic",
    "Close",
    "Expression",
    "Field",
    "High",
    "Lag",
    "Low",
    "Open",
    "Output",
    "Volume",
]

Number: TypeAlias = "float | Parameter"

#: Field of every path: the day of the session that a bar belongs to, a number that never falls.
SESSION: Final = "session"
#: Operations of `Arithmetic`, by the numbers that its code knows them by.
OPERATIONS: Final = ("+", "-", "*", "/")


class Expression:
    """A series along the bars that a strategy declares in its body and reads as ``self.name``.

    Indicators and fields of the bars are expressions, and so is what is made of them with
    ``+ - * /`` and numbers or declared parameters; ``expression[1]`` is the series one bar ago. An
    indicator takes expressions before its parameters, in place of the fields that it reads::

        class Smooth(Strategy):
            width = Float(2.0, low=0.0)
            smooth = SMA(RSI(14), 5)
            distance = SMA(Close() - SMA(20), 10)
            ratio = ZScore(Close() / Close(symbol=1), 60)
            band = EMA(20) + width * ATR(14)
            signal = EMA(MACD(12, 26, 9).line, 9)

    A value that is not finite, such as one divided by zero, is undefined. Where an expression has
    no value, an indicator of it has none and begins anew behind the gap; its warm-up is added to
    that of the expression.
    """

    #: Names of its rows; a series by itself has one, called ``value``.
    outputs: ClassVar[tuple[str, ...]] = ("value",)
    #: Numbers and parameters that it is computed with.
    arguments: tuple[Number, ...] = ()
    #: What it is computed from.
    inputs: tuple[Expression, ...] = ()
    #: Symbols whose fields it reads itself.
    symbols: tuple[int, ...] = ()
    #: Length of the bars that it is computed on; None: those of the path.
    timeframe: str | Choice | None = None

    # NumPy's numbers leave the operators to this class.
    __array_ufunc__ = None
    # Without it the index would make every expression an endless sequence.
    __iter__ = None

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return the declaration; in a hook the name stands for the values."""
        return self

    def walk(self) -> Iterator[Expression]:
        """Yield what it is made of, inputs before what they are for, itself last."""
        for item in self.inputs:
            yield from item.walk()
        yield self

    def parameters_of(self) -> tuple[Parameter, ...]:
        """Return the parameters of a strategy that decide its values, each once."""
        found = [
            item
            for part in self.walk()
            for item in (*part.arguments, part.timeframe)
            if isinstance(item, Parameter)
        ]
        return tuple(dict.fromkeys(found))

    def values_of(self, parameters: Mapping[str, float]) -> tuple[float, ...]:
        """Return its own arguments as numbers, given a strategy's encoded parameters by name."""
        return tuple(
            parameters[item.name] if isinstance(item, Parameter) else item
            for item in self.arguments
        )

    def bars_before(self, values: tuple[float, ...]) -> int:
        """Return the bars between the first values of its inputs and its own."""
        return 0

    def timeframe_for(self, parameters: Mapping[str, float]) -> str | None:
        """Return its timeframe, given the encoded parameters of a strategy by name."""
        if isinstance(self.timeframe, Choice):
            word: str = self.timeframe.decode(parameters[self.timeframe.name])
            return word
        return self.timeframe

    def timeframes(self) -> tuple[str, ...]:
        """Return every timeframe that it, or what it is made of, may be computed on."""
        found: list[str] = []
        for part in self.walk():
            if isinstance(part.timeframe, Choice):
                found += part.timeframe.choices
            elif part.timeframe is not None:
                found.append(part.timeframe)
        return tuple(dict.fromkeys(found))

    # --- arithmetic ------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return _arithmetic(self, "+", other)

    def __radd__(self, other: Any) -> Any:
        return _arithmetic(other, "+", self)

    def __sub__(self, other: Any) -> Any:
        return _arithmetic(self, "-", other)

    def __rsub__(self, other: Any) -> Any:
        return _arithmetic(other, "-", self)

    def __mul__(self, other: Any) -> Any:
        return _arithmetic(self, "*", other)

    def __rmul__(self, other: Any) -> Any:
        return _arithmetic(other, "*", self)

    def __truediv__(self, other: Any) -> Any:
        return _arithmetic(self, "/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return _arithmetic(other, "/", self)

    def __neg__(self) -> Any:
        return _arithmetic(-1.0, "*", self)

    def __pos__(self) -> Expression:
        return self

    def __getitem__(self, bars_ago: Any) -> Expression:
        """Return the series some bars ago: a whole number of at least 0, or an `Int`."""
        return Lag(self, bars_ago)


class Field(Expression):
    """A field of the bars: a price, the volume, a column of the user's own or a model's state.

    `Open`, `High`, `Low`, `Close` and `Volume` are written shorter.

    Parameters
    ----------
    name : str
        Of the field. ``session`` is the day of the session that a bar belongs to, in days.
    symbol : int
        Position of the symbol.
    timeframe : str or Choice, optional
        Read the last closed bar of this length: ``Field("close", timeframe="1d")`` is the close of
        the session before until the current one has closed.

    Examples
    --------
    >>> from engine.strategies import SMA, Field
    >>> mean_of_moods = SMA(Field("mood"), 10)
    """

    def __init__(
        self, name: str, symbol: int = 0, *, timeframe: str | Choice | None = None
    ) -> None:
        if not isinstance(name, str) or not name:
            raise declaration_error(f"Field: found {name!r}, allowed the name of a field")
        if type(symbol) is not int:
            raise declaration_error(
                f"{type(self).__name__}: found symbol {symbol!r}, allowed a whole number"
            )
        self.name = name
        self.symbols = (symbol,)
        self.timeframe = checked_timeframe(type(self).__name__, timeframe, ())

    def __repr__(self) -> str:
        return f"the field {self.name}"


class Open(Field):
    """Opening prices; see `Field`."""

    def __init__(self, symbol: int = 0, *, timeframe: str | Choice | None = None) -> None:
        super().__init__("open", symbol, timeframe=timeframe)


class High(Field):
    """Highest prices; see `Field`."""

    def __init__(self, symbol: int = 0, *, timeframe: str | Choice | None = None) -> None:
        super().__init__("high", symbol, timeframe=timeframe)


class Low(Field):
    """Lowest prices; see `Field`."""

    def __init__(self, symbol: int = 0, *, timeframe: str | Choice | None = None) -> None:
        super().__init__("low", symbol, timeframe=timeframe)


class Close(Field):
    """Closing prices; see `Field`."""

    def __init__(self, symbol: int = 0, *, timeframe: str | Choice | None = None) -> None:
        super().__init__("close", symbol, timeframe=timeframe)


class Volume(Field):
    """Traded volume; see `Field`."""

    def __init__(self, symbol: int = 0, *, timeframe: str | Choice | None = None) -> None:
        super().__init__("volume", symbol, timeframe=timeframe)


class Output(Expression):
    """One row of an indicator of several, such as ``MACD(12, 26, 9).line``.

    Parameters
    ----------
    indicator : Expression
        The indicator.
    name : str
        One of its `outputs`.
    """

    def __init__(self, indicator: Expression, name: str) -> None:
        self.inputs = (indicator,)
        self.place = indicator.outputs.index(name)
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self.inputs[0]).__name__}.{self.name}"


class Arithmetic(Expression):
    """Two series, or a series and a number, joined by one of ``+ - * /``.

    Parameters
    ----------
    left, right : Expression, float or Parameter
        At least one of them a series.
    operation : str
        One of `OPERATIONS`.
    """

    def __init__(self, left: Any, operation: str, right: Any) -> None:
        sides = [
            as_series(side) if isinstance(side, Expression) else side for side in (left, right)
        ]
        self.operation = operation
        self.inputs = tuple(side for side in sides if isinstance(side, Expression))
        self.arguments = tuple(side for side in sides if not isinstance(side, Expression))
        #: Whether the number, where there is one, stands on the left.
        self.number_first = not isinstance(left, Expression)

    def __repr__(self) -> str:
        return f"an expression with {self.operation}"


class Lag(Expression):
    """A series some bars ago.

    Parameters
    ----------
    series : Expression
        Of one row.
    bars_ago : int or Int
        How many; at least 0.
    """

    def __init__(self, series: Expression, bars_ago: Any) -> None:
        allowed = "a number of bars back, 0 or more, as in SMA(20)[1]"
        if isinstance(bars_ago, Parameter):
            if not isinstance(bars_ago, Int) or bars_ago.low is None or bars_ago.low < 0:
                raise declaration_error(f"an index: found {bars_ago.allowed}, allowed {allowed}")
        elif isinstance(bars_ago, bool) or not isinstance(bars_ago, int) or bars_ago < 0:
            found = "a slice" if isinstance(bars_ago, slice) else repr(bars_ago)
            raise declaration_error(f"an index: found {found}, allowed {allowed}")
        self.inputs = (as_series(series),)
        self.arguments = (bars_ago if isinstance(bars_ago, Parameter) else float(bars_ago),)

    def bars_before(self, values: tuple[float, ...]) -> int:
        """Return the bars back."""
        return int(values[0])

    def __repr__(self) -> str:
        return "a series some bars ago"


def as_series(item: Expression) -> Expression:
    """Return an expression of one row as it is.

    Raises
    ------
    StrategyError
        If it is an indicator of several rows.
    """
    if item.outputs != ("value",):
        kind = type(item).__name__
        raise declaration_error(
            f"{kind} has several rows, allowed one of them: "
            + ", ".join(f"{kind}(...).{name}" for name in item.outputs)
        )
    return item


def checked_timeframe(
    owner: str, timeframe: Any, inputs: tuple[Expression, ...]
) -> str | Choice | None:
    """Return a timeframe in its one spelling, or the `Choice` of several.

    Raises
    ------
    StrategyError
        If it is none, or an input has a timeframe of its own.
    """
    if timeframe is None:
        return None
    if any(item.timeframes() for item in inputs):
        raise declaration_error(
            f"{owner}: found timeframe {timeframe!r} around a series with a timeframe of its own, "
            "allowed one of the two"
        )
    if isinstance(timeframe, Choice) and timeframe.words:
        for word in timeframe.choices:
            _canonical(owner, word)
        return timeframe
    if not isinstance(timeframe, str):
        found = "a parameter" if isinstance(timeframe, Parameter) else repr(timeframe)
        raise declaration_error(
            f"{owner}: found timeframe {found}, allowed one such as '1h', or a Choice of them"
        )
    return _canonical(owner, timeframe)


def _canonical(owner: str, timeframe: str) -> str:
    try:
        return canonical_timeframe(timeframe)
    except Refusal as error:
        raise declaration_error(f"{owner}: {error}") from None


def _arithmetic(left: Any, operation: str, right: Any) -> Any:
    for side in (left, right):
        if isinstance(side, Expression):
            continue
        if isinstance(side, Choice) and side.words:
            raise declaration_error(
                f"`{operation}`: found a Choice of words beside a series, allowed a number"
            )
        if isinstance(side, bool) or not isinstance(side, int | float | Parameter):
            return NotImplemented
    sides = [
        side if isinstance(side, Expression | Parameter) else float(side) for side in (left, right)
    ]
    return Arithmetic(sides[0], operation, sides[1])

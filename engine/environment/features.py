"""What an agent observes of the market: features by name, the indicators of strategies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.strategies import (
    ATR,
    EMA,
    HMA,
    MACD,
    RSI,
    SMA,
    WMA,
    BollingerBands,
    Close,
    StandardDeviation,
    Strategy,
    TrueRange,
)
from engine.strategies.expression import Expression, Field, Output
from engine.strategies.indicator import Indicator

__all__ = [
    "CLOCK_FEATURES",
    "DEFAULT_FEATURES",
    "Features",
    "features_of",
    "minute_table",
]

#: Of the moving averages among the default features.
PERIODS: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
#: Features that follow from the clock: sine and cosine of 2π·hour/24, seconds since 1970.
CLOCK_FEATURES: Final = ("hour_sin", "hour_cos", "timestamp")
#: The default set: 52 features of a path of one symbol.
DEFAULT_FEATURES: Final = (
    *(f"{kind}_{period}" for kind in ("sma", "ema", "hma") for period in PERIODS),
    *("atr_7", "atr_14", "atr_21", "true_range", "deviation_20"),
    *("hour_sin", "hour_cos"),
)
_KINDS: Final[dict[str, type[Indicator]]] = {
    "sma": SMA,
    "ema": EMA,
    "hma": HMA,
    "wma": WMA,
    "atr": ATR,
    "rsi": RSI,
    "deviation": StandardDeviation,
    "bollinger": BollingerBands,
}
_SETS: Final = ("default", "relative")
_ALLOWED: Final = (
    f"'default', 'relative', {', '.join(f'{kind}_N' for kind in _KINDS)}, true_range, macd, "
    f"return_N, {', '.join(CLOCK_FEATURES)}, a column of the source, or a mapping of names to "
    "indicators"
)


@dataclass(frozen=True)
class Features:
    """Features in the order in which they are observed.

    Parameters
    ----------
    names : tuple of str
        Of all features of the market; the state of the account follows in an observation.
    expressions : dict of str to Expression
        Those that are computed from bars, by name; the others are of the clock.
    """

    names: tuple[str, ...]
    expressions: dict[str, Expression]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def columns(self) -> tuple[str, ...]:
        """Fields of the bars that are read."""
        parts = (part for item in self.expressions.values() for part in item.walk())
        read: list[str] = []
        for part in parts:
            if isinstance(part, Field):
                read.append(part.name)
            elif isinstance(part, Indicator):
                read += [item.name for item in part.inputs if isinstance(item, Field)]
        return tuple(dict.fromkeys(read))

    def as_strategy(self) -> type[Strategy]:
        """Return a strategy that declares the features and does nothing, for its rows."""
        body = {f"f{place}": item for place, item in enumerate(self.expressions.values())}
        return type("Features", (Strategy,), {"__doc__": "Features.", **body})


def features_of(
    given: Any, fields: tuple[str, ...], symbols: tuple[str, ...], *, has_times: bool
) -> Features:
    """Return features from what a user names.

    Parameters
    ----------
    given : str, sequence of str, or mapping of str to Expression
        A set (``"default"``, ``"relative"``), names, or indicators by names of the user's own. A
        sequence may hold sets and mappings, too.
    fields : tuple of str
        Fields of the source's bars: the user's columns and a model's states can be named.
    symbols : tuple of str
        Of the source. What a name stands for is observed of each, with ``@SYMBOL`` behind it from
        the second on.
    has_times : bool
        Whether the source's bars have instants.

    Raises
    ------
    Refusal
        If a feature is unknown, there twice, or needs what the source does not have.
    """
    found: dict[str, Expression | None] = {}
    for name, item in _listed(given):
        if name in found:
            raise Refusal("features", f"{name} twice", "each once")
        if name == "timestamp" and not has_times:
            raise Refusal(
                "features",
                "timestamp of a source without instants",
                "history, whose bars have them",
            )
        if name in CLOCK_FEATURES and item is None:
            found[name] = None
        elif item is not None:
            found[name] = item
        else:
            for place, symbol in enumerate(symbols):
                for own, expression in _named(name, fields, place).items():
                    found[own if place == 0 else f"{own}@{symbol}"] = expression
    expressions = {name: item for name, item in found.items() if item is not None}
    # Those of the clock are the same for all symbols: they come last.
    clock = tuple(name for name, item in found.items() if item is None)
    features = Features((*expressions, *clock), expressions)
    if not features.names:
        raise Refusal("features", "none", _ALLOWED)
    missing = [name for name in features.columns if name not in (*fields, "session")]
    if missing:
        raise Refusal(
            "features", f"column {missing[0]!r}", f"columns of the source: {_told(fields)}"
        )
    return features


def _listed(given: Any) -> Iterable[tuple[str, Expression | None]]:
    if isinstance(given, str):
        if given == "default":
            return [(name, None) for name in DEFAULT_FEATURES]
        if given == "relative":
            return _relative()
        return [(given, None)]
    if isinstance(given, Mapping):
        for name, item in given.items():
            if not isinstance(item, Expression) or not isinstance(name, str):
                raise Refusal(f"features.{name}", repr(item), "an indicator, such as mc.SMA(20)")
        return [pair for name, item in given.items() for pair in _rows(name, item)]
    if isinstance(given, Expression):
        raise Refusal("features", repr(given), "a mapping of a name to it")
    if not isinstance(given, Iterable):
        raise Refusal("features", repr(given), _ALLOWED)
    return [pair for item in given for pair in _listed(item)]


def _rows(name: str, item: Expression) -> list[tuple[str, Expression | None]]:
    """Return each row of an indicator of several under a name of its own."""
    if item.outputs == ("value",):
        return [(name, item)]
    return [(f"{name}_{output}", Output(item, output)) for output in item.outputs]


def _relative() -> list[tuple[str, Expression | None]]:
    """Return the default set as shares of the price, which keep their meaning as it moves."""
    found: list[tuple[str, Expression | None]] = []
    for name in DEFAULT_FEATURES:
        if name in CLOCK_FEATURES:
            found.append((name, None))
            continue
        (expression,) = _named(name, (), 0).values()
        level = name.split("_")[0] in ("sma", "ema", "hma")
        share = expression / Close()
        found.append((f"{name}_share", share - 1.0 if level else share))
    return found


def _named(name: str, fields: tuple[str, ...], symbol: int) -> dict[str, Expression]:
    """Return what a name stands for, for one symbol."""
    if name in fields:
        return {name: Field(name, symbol)}
    if name == "true_range":
        return {name: TrueRange(symbol=symbol)}
    if name == "macd":
        return dict(_rows(name, MACD(symbol=symbol)))  # type: ignore[arg-type]
    kind, _, number = name.rpartition("_")
    if re.fullmatch(r"[1-9]\d{0,4}", number):
        if kind == "return":
            close = Close(symbol)
            return {name: close / close[int(number)] - 1.0}
        if kind in _KINDS:
            return dict(_rows(name, _KINDS[kind](int(number), symbol=symbol)))  # type: ignore[arg-type]
    raise Refusal("features", repr(name), f"{_ALLOWED} ({_told(fields)})")


def _told(fields: tuple[str, ...]) -> str:
    return ", ".join(fields) or "none"


def minute_table(name: str) -> NDArray[np.float64]:
    """Return sine or cosine of the time of day, ``hour_sin`` or ``hour_cos``, of each minute.

    Returns
    -------
    ndarray of float64, shape (1440,)
    """
    angle = 2.0 * np.pi * (np.arange(1440) / 60.0) / 24.0
    return np.asarray(np.sin(angle) if name == "hour_sin" else np.cos(angle))

"""Indicators of bars on ticks: the bars are made on the way, and a value moves as each closes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.compiled import code_hash
from engine.errors import Refusal
from engine.execution.calling import hook, part
from engine.strategies.indicator import Indicator
from engine.strategies.indicator_code import check_fill, plain_fill, users_fill
from engine.strategies.parameters import Int, Parameter
from engine.strategies.user_functions import compiled_function
from engine.ticks.indicators import PLAN, TickIndicator, span_of

__all__ = ["OnBars"]

_FIELDS: Final = ("open", "high", "low", "close", "volume")
# Numbers of the bar that is open stand behind the value.
_OPEN: Final = 1
#: Bars that are kept for each that the first value needs: what came before them weighs less than a
#: millionth in an average that never forgets.
_TIMES: Final = 16


class OnBars(TickIndicator):
    """An indicator of bars, computed on bars of the middle of the touch as they close.

    Its value is that of the last bar that has closed, NaN before the first. A bar closes with the
    first event of a later one; stretches without a quote of both sides have none. Only the last
    bars are kept, sixteen times as many as the first value needs: an indicator that weighs all bars
    since the first, such as `EMA` or `RSI`, forgets what lies further back.

    Parameters
    ----------
    indicator : Indicator
        Of fields of the bars and of numbers or parameters of the strategy, such as ``SMA(20)`` or
        one of your own.
    interval : str
        Length of a bar, such as ``"1m"``; bars begin at whole multiples of it UTC.
    output : str, optional
        Which of several outputs, such as ``"upper"``; by default the first.
    symbol : int
        Of the stream.

    Raises
    ------
    Refusal
        If the indicator reads what no bar of ticks has.

    Examples
    --------
    >>> import engine as mc
    >>> from engine.strategies import SMA
    >>> class Above(mc.Strategy):
    ...     mean = OnBars(SMA(2), "1m")
    ...     def on_tick(self, tick, order, account):
    ...         if tick.mid > self.mean and account.position == 0.0 and account.open_buys == 0:
    ...             order.market(1.0)
    >>> minute = 60_000_000_000
    >>> bids = [9.0, 9.0, 9.5, 9.0]
    >>> ticks = mc.ArrayTicks([0, minute, 2 * minute, 3 * minute], bids, [b + 1.0 for b in bids],
    ...                       [5] * 4, [5] * 4)
    >>> mc.backtest_ticks(Above, ticks, settings={"latency": {"entry": "1s"}}).fills["price"][0]
    10.5
    """

    # Its value and the bar that is open.
    start = (math.nan,) * (_OPEN + len(_FIELDS))

    def __init__(
        self, indicator: Indicator, interval: str, *, output: str | None = None, symbol: int = 0
    ) -> None:
        super().__init__(symbol)
        kind = type(indicator)
        reads = indicator.reads if indicator.reads_fields else ()
        if not reads or not set(reads) <= set(_FIELDS):
            raise Refusal(
                "indicator", f"{kind.__name__} of other series", f"fields: {', '.join(_FIELDS)}"
            )
        if indicator.timeframe is not None:
            raise Refusal("indicator", f"timeframe {indicator.timeframe!r}", "the interval alone")
        output = kind.outputs[0] if output is None else output
        if output not in kind.outputs:
            raise Refusal("output", repr(output), ", ".join(kind.outputs))
        check_fill(kind)
        self.span = span_of(interval, "interval")
        self._indicator, self._reads, self._output = indicator, reads, output
        self._arguments = indicator.arguments

    @property
    def told_of_ticks(self) -> str:
        """Name and arguments, and the code of one that is the user's own."""
        kind = type(self._indicator)
        own = users_fill(kind)
        values = [v.name if isinstance(v, Parameter) else v for v in self._arguments]
        told = (kind.__name__, values, self._reads, self._output, _TIMES)
        code = "" if own is None else code_hash(own)
        return f"OnBars({told}, {self.span:g}, {self.symbol}){code}"

    def plan(self, parameters: Mapping[str, float]) -> tuple[int, tuple[int, ...]]:
        """Return the numbers of the bars that are kept; how many bars, and how many none is of."""
        kind = type(self._indicator)
        values = self._indicator.values_of(parameters)
        for known, value in zip(kind.parameters.values(), values, strict=True):
            if not known.accepts(value):
                raise Refusal(f"{kind.__name__}.{known.name}", f"{value:g}", known.allowed)
        before = self._indicator.bars_before(values)
        bars = _TIMES * (before + 1)
        series = len(self._reads) + len(kind.outputs)
        return series * bars, (bars, before)

    def moved_by(self, parameters: Sequence[str]) -> Any:
        """Return what moves it with an event."""
        kind = type(self._indicator)
        fill = users_fill(kind)
        scope: dict[str, Any] = {
            **{"fill": hook(plain_fill(kind)) if fill is None else compiled_function(fill)},
            **{"grown": _grown, "open_bar": _open_bar, "close_bar": _close_bar, "nan": math.nan},
        }
        reads, outputs = len(self._reads), len(kind.outputs)
        series = [
            f"s.state[kept + {row} * bars : kept + {row} * bars + count]"
            for row in range(reads + outputs)
        ]
        pushed = [
            f"        close_bar(s, kept + {row} * bars, base + {_OPEN + _FIELDS.index(name)}, "
            "count, bars)"
            for row, name in enumerate(self._reads)
        ]
        declared = zip(kind.parameters.values(), self._arguments, strict=True)
        numbers = [_number(known, value, parameters) for known, value in declared]
        given = [*series[:reads], *numbers, *series[reads:]]
        row = reads + kind.outputs.index(self._output)
        lines = [
            "def step(s, t, base, span, option, p):",
            "    if grown(s, t, base, span):",
            f"        kept = s.whole_state[base + {PLAN}]",
            f"        bars = s.whole_state[base + {PLAN + 1}]",
            f"        before = s.whole_state[base + {PLAN + 2}]",
            "        count = s.whole_state[base + 1]",
            *pushed,
            "        count = min(count + 1, bars)",
            "        s.whole_state[base + 1] = count",
            f"        s.state[kept + {reads} * bars : kept + {reads + outputs} * bars] = nan",
            f"        fill({', '.join(given)})",
            f"        last = s.state[kept + {row} * bars + count - 1]",
            "        s.state[base] = last if count > before else nan",
            "        open_bar(s, t, base)",
        ]
        exec("\n".join(lines), scope)
        return hook(scope["step"])


def _number(known: Parameter, value: float | Parameter, parameters: Sequence[str]) -> str:
    """Return how compiled code reads an argument: a number, or a parameter of the strategy."""
    kind = "int" if isinstance(known, Int) else "float"
    if isinstance(value, Parameter):
        if value.name not in parameters:
            raise Refusal(
                "indicator", f"{known.name} = a parameter of another class", ", ".join(parameters)
            )
        return f"{kind}(p[{parameters.index(value.name)}])"
    return repr(int(value) if kind == "int" else value)


@part
def _grown(s: Any, t: int, base: int, span: float) -> bool:
    """Move the bar that is open; whether an event is of a later one instead."""
    mid = 0.5 * (s.bid[t] + s.ask[t])
    if math.isnan(mid):
        return False
    interval = s.stamps[t] // int(span)
    first = base + 1
    if math.isnan(s.state[first]):
        s.whole_state[base] = interval
        _open_bar(s, t, base)
        return False
    if interval != s.whole_state[base]:
        s.whole_state[base] = interval
        return True
    s.state[first + 1] = max(s.state[first + 1], mid)
    s.state[first + 2] = min(s.state[first + 2], mid)
    s.state[first + 3] = mid
    if not math.isnan(s.trade_size[t]):
        s.state[first + 4] += s.trade_size[t]
    return False


@part
def _open_bar(s: Any, t: int, base: int) -> None:
    """Begin a bar with an event."""
    mid = 0.5 * (s.bid[t] + s.ask[t])
    first = base + 1
    s.state[first] = s.state[first + 1] = s.state[first + 2] = s.state[first + 3] = mid
    s.state[first + 4] = 0.0 if math.isnan(s.trade_size[t]) else s.trade_size[t]


@part
def _close_bar(s: Any, kept: int, field: int, count: int, room: int) -> None:
    """Put a number of the bar that closes behind those of the bars before it."""
    if count == room:
        for bar in range(room - 1):
            s.state[kept + bar] = s.state[kept + bar + 1]
        count -= 1
    s.state[kept + count] = s.state[field]

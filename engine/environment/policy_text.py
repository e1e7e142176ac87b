"""The strategy of a policy: its text, as a user would write it, and its class."""

from __future__ import annotations

import linecache
import types
from functools import lru_cache
from typing import Any, Final

import numpy as np

from engine.environment.deciding import wanted_position
from engine.environment.features import minute_table
from engine.errors import Refusal
from engine.strategies import Int, Strategy
from engine.strategies.expression import Expression

__all__ = ["strategy_of"]

_TEXT: Final = """
def on_start(self, order, account):
    self.start = account.equity
    self.peak = account.equity


def on_bar(self, bar, order, account):
    equity = account.equity
    self.peak = max(self.peak, equity)
    market = ({reads})
    positions = ({positions})
    open_gain = {open_gain}
{wants}{orders}"""
# What is wanted of every symbol is known before the first is ordered.
_WANTS: Final = """\
    wanted_{symbol} = wanted_position(
        {symbol},
        market,
        positions,
        equity,
        open_gain,
        self.peak,
        self.start,
        bar.index,
        MEAN,
        SCALE,
        {weights},
        SIZES,
        NUMBERS,
    )
"""
_ORDERS: Final = """\
    order[{symbol}].cancel(self.sent_{symbol})
    if abs(wanted_{symbol} - account[{symbol}].position) > {tolerance!r}:
        self.sent_{symbol} = order[{symbol}].target(wanted_{symbol})
"""
_MINUTE_OF_HISTORY: Final = "int(bar.hour) * 60 + int(bar.minute)"


@lru_cache(maxsize=64)
def strategy_of(policy: Any, name: str, trainings: tuple[Any, ...] = ()) -> type[Strategy]:
    """Return the strategy of a policy, under a name.

    Of several trainings the parameter ``training`` says which one decides, by default the policy.
    """
    if not name.isidentifier():
        raise Refusal("name", repr(name), "a name of Python, such as agent")
    parameters: dict[str, Int] = {}
    declared: dict[str, Expression] = {}
    reads = []
    for feature in policy.features.names:
        if feature in policy.features.expressions:
            row = f"f{len(declared)}"
            declared[row] = policy.features.expressions[feature]
            reads.append(f"self.{row}")
        else:
            reads.append(_of_clock(feature, policy.session))
    which = "WEIGHTS[int(self.training)]" if trainings else "WEIGHTS"
    symbols = range(len(policy.limits))
    text = _TEXT.format(
        reads=", ".join((*reads, "")),
        positions="".join(f"account[{symbol}].position, " for symbol in symbols).rstrip(),
        open_gain=" + ".join(f"account[{symbol}].unrealised" for symbol in symbols),
        wants="".join(_WANTS.format(symbol=symbol, weights=which) for symbol in symbols),
        orders="".join(
            _ORDERS.format(symbol=symbol, tolerance=1e-9 * float(policy.limits[symbol]))
            for symbol in symbols
        ),
    )
    weights = policy.weights
    if trainings:
        digests = [one.digest for one in trainings]
        weights = np.stack([one.weights for one in trainings])
        chosen = digests.index(policy.digest)
        doc = "which training decides"
        parameters = {"training": Int(chosen, low=0, high=len(trainings) - 1, doc=doc)}
    names: dict[str, Any] = {
        "wanted_position": wanted_position,
        "HOUR_SIN": minute_table("hour_sin"),
        "HOUR_COS": minute_table("hour_cos"),
        "MEAN": policy.normalisation.mean,
        "SCALE": 1.0 / policy.normalisation.spread,
        "WEIGHTS": weights,
        "SIZES": np.array(policy.sizes, dtype=np.int64),
        "NUMBERS": policy.numbers,
        "__name__": f"policy_{name}",
    }
    # Where the text is kept in memory, the compiler and its errors find it.
    file = f"<policy {name} {policy.digest[:12]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)
    hooks = {key: names[key] for key in ("on_start", "on_bar")}
    for function in hooks.values():
        assert isinstance(function, types.FunctionType)
    state = {"start": 0.0, "peak": 0.0, **{f"sent_{symbol}": 0.0 for symbol in symbols}}
    body = {"__doc__": f"The policy {name}.", "name": name, **parameters, **declared, **state}
    body |= hooks
    return type(name, (Strategy,), body)


def _of_clock(feature: str, session: tuple[int, int, int] | None) -> str:
    """Return how a hook reads a feature of the clock."""
    if feature == "timestamp":
        return "bar.time"
    minute = _MINUTE_OF_HISTORY
    if session is not None:
        opening, width, bars = session
        minute = f"({opening} + bar.index % {bars} * {width}) % 1440"
    return f"{feature.upper()}[{minute}]"

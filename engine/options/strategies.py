"""The interface of option strategies: legs that follow parameters, and rules that all share."""

from __future__ import annotations

import ast
from typing import Any, ClassVar

from engine.compiled.code_hash import code_hash
from engine.errors import Refusal
from engine.options import handles
from engine.options.engine import OptionEngine
from engine.options.layout import MOST_POSITIONS, ROLLS, SIZINGS
from engine.options.legs import Leg
from engine.options.rules import WEEKDAYS
from engine.strategies.conditions import Condition, read_condition
from engine.strategies.expression import Expression
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.parameters import Choice, Float, Int, Parameter
from engine.strategies.strategy import Strategy

__all__ = ["OptionStrategy"]

# First word of the names of what a condition compares; no attribute is called so.
_WHEN = "when, comparison"
_HOOKS = ("on_start", "on_bar", "on_finish")


class OptionStrategy(Strategy):
    """Base class of strategies that hold options: a position of legs, opened again and again.

    A subclass declares its legs as data; these may follow parameters that it declares.

    A position is opened at the close of a bar, at the prices of that close, whenever fewer than
    `positions` are open: also at the close at which the one before it ended. It ends, all legs
    together, when its nearest leg expires or one of the rules below says so; legs that expire are
    settled, others closed at the market. A position whose last leg would expire after the end of
    the path is not opened.

    Attributes
    ----------
    legs : tuple of Leg
        What a position is.
    when : str, optional
        Condition at whose closes alone positions are opened, such as ``close > sma(50)``
        (`engine.strategies.conditions.read_condition`); it may name declared parameters.
    settlement : str, optional
        Of every study of the strategy, where it makes sense with one only.
    secured : bool
        Whether puts that are sold ask for their strikes in money.
    near_and_far : (str, str), optional
        Parameters that hold days to expiry, of which the second must be later.

    Examples
    --------
    >>> import engine as mc
    >>> class WheelPut(mc.OptionStrategy):
    ...     otm = mc.Float(3.0, low=0.0, high=50.0)
    ...     legs = (mc.Leg(side="sell", right="put", otm=otm, days=21),)
    >>> study = mc.Study("puts", mc.GBM(mu=0.0), WheelPut, {"otm": [1, 3]}, seeds=4, steps=63)
    >>> study.run().frame["trades"].to_list()
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """

    legs: ClassVar[tuple[Leg, ...]] = ()
    when: ClassVar[str | None] = None
    condition: ClassVar[Condition | None] = None
    leg_groups: ClassVar[dict[str, tuple[Leg, ...]]] = {}
    engine: ClassVar[Any] = OptionEngine()
    offered: ClassVar[Any] = handles
    settlement: ClassVar[str | None] = None
    secured: ClassVar[bool] = False
    near_and_far: ClassVar[tuple[str, str] | None] = None

    contracts = Float(1.0, low=1e-6, high=1e6, doc="size of a position")
    profit_target = Float(
        None, low=1e-6, high=100.0, doc="profit at which to close, as a share of the premium"
    )
    stop_loss = Float(
        None, low=1e-6, high=1000.0, doc="loss at which to close, as a multiple of the premium"
    )
    roll_at_dte = Float(0.0, low=0.0, high=1000.0, doc="days to expiry at which to close; 0: hold")
    entry_every = Float(0.0, low=0.0, high=1000.0, doc="days between entries; 0: whenever flat")
    positions = Int(1, low=1, high=MOST_POSITIONS, doc="positions that may be open at once")
    sizing = Choice("contracts", list(SIZINGS), doc="what the size of a position follows")
    size = Float(0.1, low=1e-6, high=100.0, doc="share of equity that `sizing` speaks of")
    hedge_every = Float(0.0, low=0.0, high=1000.0, doc="days between delta hedges; 0: none")
    hedge_band = Float(None, low=0.0, high=100.0, doc="delta of a contract that is hedged beyond")
    weekday = Choice("any", list(WEEKDAYS), doc="day on which positions are opened")
    volatility_rank = Float(
        None, low=0.0, high=1.0, doc="least rank of volatility in its last 252 bars at entry"
    )
    exit_delta = Float(None, low=0.0, high=1.0, doc="delta of a sold leg at which to close")
    exit_touch = Choice("no", ["no", "yes"], doc="close where the price reaches a sold strike")
    exit_days = Float(0.0, low=0.0, high=1000.0, doc="days after which to close; 0: never")
    roll = Choice("recentre", list(ROLLS), doc="strikes of what follows on `roll_at_dte`")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = {name: value for name, value in vars(cls).items() if _are_legs(value)}
        cls.leg_groups = cls.leg_groups | own
        if cls.__dict__.get("when") is not None:
            try:
                cls.condition = read_condition(cls.__dict__["when"], cls.parameters)
            except Refusal as refusal:
                raise refusal.within(cls.__name__) from None
            own = dict(zip(cls.condition_names(cls.condition), cls.condition.series, strict=True))
            kept = {n: item for n, item in cls.indicators.items() if not n.startswith(_WHEN)}
            cls.indicators = kept | own

    @classmethod
    def condition_names(cls, condition: Condition) -> list[str]:
        """Return the names by which the series of a condition stand among the indicators."""
        return [f"{_WHEN} {place + 1}" for place in range(len(condition.series))]

    @classmethod
    def awaited(cls) -> dict[str, Expression]:
        """Return the indicators that trading waits for: not those of `when`, which open nothing."""
        return {n: item for n, item in cls.indicators.items() if not n.startswith(_WHEN)}

    @classmethod
    def handed(cls) -> dict[str, int]:
        """Return the legs that hooks may open, by the name of their declaration."""
        return {name: number for number, name in enumerate(cls.leg_groups)}

    @classmethod
    def trades_underlying(cls) -> bool:
        """Return whether a hook trades the underlying by ``order.target``."""
        return any(
            isinstance(node, ast.Attribute) and node.attr == "target"
            for function in cls.hooks().values()
            for node in ast.walk(HookText(function).definition())
        )

    @classmethod
    def check_option_hooks(cls) -> None:
        """Refuse hooks that would never run, and what none can stand beside.

        Raises
        ------
        StrategyError
            If a function is no hook, or there is no `on_bar` among some.
        Refusal
            If a condition stands beside them, or several groups of legs without them.
        """
        found = cls.hooks()
        for name, function in found.items():
            if name not in _HOOKS and (name.startswith("on_") or name == "signals"):
                raise HookText(function).error_at(
                    function.__code__.co_firstlineno, f"found {name}, allowed {', '.join(_HOOKS)}"
                )
        if found and "on_bar" not in found:
            raise StrategyError(f"{cls.__name__}: found {', '.join(found)}, allowed on_bar too")
        if found and cls.when is not None:
            raise Refusal(f"{cls.__name__}.when", "a condition beside on_bar", "one of the two")
        if not found and len(cls.leg_groups) > 1:
            names = ", ".join(cls.leg_groups)
            raise Refusal(cls.__name__, names, "legs alone, or on_bar, which opens them")

    @classmethod
    def check_hooks(cls) -> None:
        """Refuse to be run as a strategy of bars."""
        raise StrategyError(f"{cls.__name__}: holds options, which a study runs (`mc.Study`)")

    @classmethod
    def code_hash(cls) -> str:
        """SHA-256 of parameters, legs and what they are settled in."""
        return code_hash(
            {
                "parameters": {name: _told(item) for name, item in cls.parameters.items()},
                "legs": [
                    {name: _told(getattr(leg, name)) for name in Leg.model_fields}
                    for leg in cls.legs
                ],
                "settlement": cls.settlement,
                "secured": cls.secured,
                "when": cls.when,
                "groups": [
                    [_told(getattr(leg, name)) for leg in legs for name in Leg.model_fields]
                    for legs in cls.leg_groups.values()
                ],
                "hooks": super().code_hash() if cls.hooks() else "",
            }
        )


def _are_legs(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(item, Leg) for item in value)


def _told(item: Any) -> Any:
    """Return what of a declaration decides numbers: a set has its values, within any bounds."""
    if isinstance(item, Parameter):
        return [item.name, item.kind, getattr(item, "choices", None)]
    return item

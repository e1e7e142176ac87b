"""The strategy interface: a small class that the engine compiles."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Final

import numpy as np

from engine.calendar import BarCalendar
from engine.local_time import is_zone
from engine.strategies.expression import Expression
from engine.strategies.fingerprint import fingerprint_of
from engine.strategies.hook_text import HookText, StrategyError, declaration_error
from engine.strategies.option_builders import OptionBuilders
from engine.strategies.parameters import Parameter
from engine.strategies.warm_up import bars_before

__all__ = ["Strategy"]

_HOOKS = ("on_start", "on_bar", "on_finish")
_TICK_HOOKS = ("on_start", "on_tick", "on_ticks", "on_fill", "on_finish")


class Strategy(OptionBuilders):
    """Base class of strategies.

    A subclass declares parameters (`Int`, `Float`, `Choice`), indicators (`SMA`, `RSI`, ...) and
    state (plain numbers) in its body, and trades in its hooks::

        class SmaCrossover(Strategy):
            fast = Int(10, low=2, high=200)
            slow = Int(30, low=2, high=400)
            fast_mean = SMA(fast)
            slow_mean = SMA(slow)

            def on_bar(self, bar: Bar, order: Order) -> None:
                if crossed_above(self.fast_mean, self.slow_mean):
                    order.target_percent(1.0)
                elif crossed_below(self.fast_mean, self.slow_mean):
                    order.close()

    Hooks are plain Python, compiled by Numba on first use. ``on_start(self, order, account)``
    runs before the first bar, ``on_bar(self, bar, order, account)`` at the close of each,
    ``on_finish(self, bar, account)`` after the last; a hook names the arguments it needs, in any
    order. `Bar`, `Order` and `Account` say what they offer; annotated with these, an editor
    completes them. ``bar.close`` is the current close, ``bar.close[1]`` the one before;
    ``self.fast_mean[1]`` likewise. A later bar cannot be read. An `Indicator` may be the user's
    own, of other series in place of fields (``SMA(RSI(14), 5)``, ``SMA(Close() - SMA(20), 5)``),
    and on longer bars than those of the path (``SMA(20, timeframe="1h")``). Fields and arithmetic
    of series can be declared as well: ``width = High() - Low()``.

    Instead of ``on_bar`` a strategy may have ``signals(self, bars, target)``, which fills the array
    ``target`` with the share of equity to hold from each bar on (NaN: no change), reading whole
    arrays ``bars.close``, ``bars.hour`` and ``self.fast_mean``; with several symbols ``target`` has
    shape (symbols, bars) and ``bars[1].close`` is the second's. Nothing stops it from reading
    ahead: audit it. On quote ticks ``on_tick`` and ``on_ticks(self, ticks, target)`` are the two
    forms.

    Numbers assigned to ``self`` must be declared in the class body; they start anew with every
    simulation. Names in capitals are constants. A word is compared with ``==``, ``!=`` or ``in``; a
    parameter that may be None is asked with ``is None`` and is no condition by itself. Hooks and
    their helpers are refused where they draw at random, read a clock or a file, print, or change
    what simulations share.

    Attributes
    ----------
    name : str
        Registry name; by default the class name in snake_case.
    parameters : dict of str to Parameter
        Declared parameters in order.
    engine : object, optional
        What runs it (`engine.jobs.engine.Engine`); None: the engine of bars.
    offered : module, optional
        Whose functions ``order_NAME`` and ``account_NAME`` hooks reach; None: those of bars.
    time_zone : str
        IANA zone of ``bar.hour``, ``bar.minute`` and ``bar.weekday``, such as
        ``"America/New_York"``; by default that of the bars' exchange.
    """

    name: ClassVar[str] = ""
    parameters: ClassVar[dict[str, Parameter]] = {}
    indicators: ClassVar[dict[str, Expression]] = {}
    state: ClassVar[dict[str, float]] = {}
    engine: ClassVar[Any] = None
    offered: ClassVar[Any] = None
    time_zone: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, value in vars(cls).items():
            if name in _OWN_NAMES and isinstance(value, Parameter | Expression | int | float):
                raise declaration_error(
                    f"{name} is a name of Strategy's own; found {value!r}, allowed another name"
                )
        if not isinstance(cls.time_zone, str) or (cls.time_zone and not is_zone(cls.time_zone)):
            raise declaration_error(
                f"{cls.__name__}.time_zone: found {cls.time_zone!r}, allowed an IANA name such as "
                "America/New_York"
            )
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls.parameters = dict(cls.parameters)
        cls.indicators = dict(cls.indicators)
        cls.state = dict(cls.state)
        for name, value in list(vars(cls).items()):
            if isinstance(value, np.number | np.bool):
                value = value.item()
                setattr(cls, name, value)
            if isinstance(value, Parameter):
                cls.parameters[name] = value
            elif isinstance(value, Expression):
                cls.indicators[name] = value
            elif _is_state(name, value):
                cls.state[name] = value
        if cls.engine is None and cls.hears_ticks():
            # A room above this one: found by its name, as strategies of options are.
            cls.engine = import_module("engine.ticks.engine").TickEngine()
        for name, indicator in cls.indicators.items():
            for item in indicator.parameters_of():
                if item.name not in cls.parameters:
                    raise declaration_error(
                        f"{cls.__name__}.{name}: found a parameter that the class does not "
                        "declare, allowed a number or one declared above it"
                    )

    @classmethod
    def hooks(cls) -> dict[str, Any]:
        """Return the functions that this class or a base below `Strategy` defines."""
        found: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            if base in (object, Strategy):
                continue
            found |= {name: f for name, f in vars(base).items() if inspect.isfunction(f)}
        return found

    @classmethod
    def hears_ticks(cls) -> bool:
        """Return whether it trades on quote ticks: it has ``on_tick`` or ``on_ticks``."""
        return not {"on_tick", "on_ticks"}.isdisjoint(cls.hooks())

    @classmethod
    def check_hooks(cls) -> None:
        """Refuse a class without hooks, or with what looks like one and would never run.

        Raises
        ------
        StrategyError
            If there is none, or one that is not a plain function or has an unknown name.
        """
        found = cls.hooks()
        hooks = _TICK_HOOKS if cls.hears_ticks() else _HOOKS
        for base in cls.__mro__:
            for name in (*hooks, "signals"):
                if name in vars(base) and not inspect.isfunction(vars(base)[name]):
                    kind = type(vars(base)[name]).__name__
                    raise StrategyError(f"{cls.__name__}.{name} is a plain function, found {kind}")
        for name, function in found.items():
            if name.startswith("on_") and name not in hooks:
                raise HookText(function).error_at(
                    function.__code__.co_firstlineno,
                    f"found {name}, allowed {', '.join(hooks)} or signals",
                )
        if not {"on_start", "on_bar", "on_tick", "on_ticks", "signals"} & set(found):
            raise StrategyError(
                f"{cls.__name__}: found no hook, allowed on_bar, on_tick, on_start or signals"
            )

    @classmethod
    def check_symbols(cls, symbol_count: int) -> None:
        """Refuse indicators of a symbol that is not simulated.

        Raises
        ------
        StrategyError
            If there is one.
        """
        for name, declared in cls.indicators.items():
            for symbol in (symbol for part in declared.walk() for symbol in part.symbols):
                if not 0 <= symbol < symbol_count:
                    raise StrategyError(
                        f"{cls.name}.{name}: found symbol {symbol}, allowed 0 to {symbol_count - 1}"
                    )

    @classmethod
    def warm_up(
        cls,
        parameters: Mapping[str, Any] | None = None,
        calendar: BarCalendar | None = None,
        bars_per_session: float = 1.0,
    ) -> int:
        """Return the number of bars before every indicator has a value.

        Parameters
        ----------
        parameters : mapping, optional
            Parameter values by name; defaults fill the gaps.
        calendar : BarCalendar, optional
            Of the bars; indicators with a timeframe need it.
        bars_per_session : float
            Of the sessions as they are, where there are more than in the calendar.

        Returns
        -------
        int
            The largest of all indicators, 0 without any: `Indicator.warm_up`, added to that of the
            series it is of, in bars of the path. One whose period is None never has a value and
            does not count.

        Raises
        ------
        ValueError
            If a value is not allowed, or an indicator has a timeframe that the bars cannot make.
        """
        given = dict(parameters or {})
        encoded = {
            name: declared.encode(given.get(name, declared.default))
            for name, declared in cls.parameters.items()
        }
        found = (
            bars_before(item, encoded, calendar, bars_per_session)
            for item in cls.awaited().values()
        )
        return max((bars for bars in found if bars is not None), default=0)

    @classmethod
    def handed(cls) -> Mapping[str, int]:
        """Return what hooks may hand on as ``self.name`` beside numbers, by number."""
        return {}

    @classmethod
    def awaited(cls) -> dict[str, Expression]:
        """Return the indicators that trading waits for, by name."""
        return cls.indicators

    @classmethod
    def code_hash(cls) -> str:
        """SHA-256 of everything that decides what the strategy does."""
        constants: dict[str, Any] = {
            name: value
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if name.isupper() and isinstance(value, bool | int | float)
        }
        # What of ticks a class declares, by what it computes (`engine.ticks.indicators`).
        constants |= {
            name: value.told_of_ticks
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if hasattr(value, "told_of_ticks")
        }
        return fingerprint_of(
            parameters=cls.parameters,
            indicators=cls.indicators,
            state=cls.state,
            constants=constants,
            hooks=cls.hooks(),
            time_zone=cls.time_zone,
        )


def _is_state(name: str, value: Any) -> bool:
    if name.startswith("__") or name.isupper() or name in _HOOKS:
        return False
    return isinstance(value, bool | int | float)


_OWN_NAMES: Final = frozenset(name for name in vars(Strategy) if not name.startswith("__"))

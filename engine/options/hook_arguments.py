"""What hooks of option strategies are given, as editors and type checkers see it.

The compiler replaces every use by a call of `engine.options.handles`; none of this code ever runs.
"""

from __future__ import annotations

from typing import Any

from engine.options.layout import BY_RULES

__all__ = ["OptionAccount", "OptionOrder"]


class OptionAccount:
    """Money and positions at the close of the current bar, in account currency."""

    #: Cash: premiums are paid and received, the underlying is marked to market in it.
    cash: float
    #: Cash plus what all options are worth at the close.
    equity: float
    #: What everything that is held ties up at the close.
    margin: float
    #: The underlying that is held, in contracts' worth; negative if short.
    position: float
    #: Positions of legs that are open.
    open_positions: int
    #: Closed positions.
    trades: int


class OptionOrder:
    """Orders of legs, which are served at the very close at which they are placed.

    Each returns its number, from 1 on, or 0 where more than sixteen were placed at one close.

    Examples
    --------
    >>> import engine as mc
    >>> from engine.strategies import SMA
    >>> class AfterAFall(mc.OptionStrategy):
    ...     mean = SMA(50)
    ...     legs = (mc.Leg(side="sell", right="put", otm=5.0, days=21),)
    ...     call = (mc.Leg(side="sell", right="call", otm=5.0, days=21),)
    ...
    ...     def on_bar(self, bar, order, account):
    ...         if account.open_positions == 0:
    ...             if bar.close < self.mean:
    ...                 order.open_legs()
    ...             else:
    ...                 order.open_legs(self.call, contracts=2.0)
    >>> list(AfterAFall.leg_groups)
    ['legs', 'call']
    """

    def open_legs(self, legs: Any = 0.0, contracts: float = BY_RULES) -> int:
        """Open a position of legs, all of them or none.

        `legs` is a tuple of legs that the class declares, by its name on ``self``; by default
        the first that it declares, such as ``legs``. Without `contracts` its size is that of the
        parameters `contracts`, `sizing` and `size`. Nothing is opened, and it counts among the
        rejected orders, where `positions` are open, a leg has no contract or quote, equity does
        not cover the margin, or `contracts` is no number above zero (an indicator without a value
        yet, for one).
        """
        raise TypeError("order: allowed in the hooks of a strategy only, which are compiled")

    def close_legs(self) -> int:
        """Close every position of legs at the market."""
        raise TypeError("order: allowed in the hooks of a strategy only, which are compiled")

    def target(self, units: float) -> int:
        """Hold so much of the underlying, in contracts' worth; nothing where margin forbids it."""
        raise TypeError("order: allowed in the hooks of a strategy only, which are compiled")

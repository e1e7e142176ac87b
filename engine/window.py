"""Windows: which bars of a path are seen, on which of them a strategy trades, how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import Refusal

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """Bars of a path that a strategy sees, and the first on which it trades.

    Indicators and looks back reach from `first_bar` on. Hooks are called from `first_trading_bar`
    on, and orders, metrics and the equity curve count from there: the first trading bar is bar 0
    of the results.

    Parameters
    ----------
    first_bar : int
        First bar that is seen, counted from the start of the series or path.
    first_trading_bar : int
        First bar that counts.
    last_bar : int
        Last bar, which counts.
    at_end : {"mark", "close"}
        What becomes of positions that are open at the last bar's close: valued there, or closed.

    Raises
    ------
    Refusal
        If the bars are not in this order or start below 0, or the end is another.

    Examples
    --------
    >>> window = Window(first_bar=100, first_trading_bar=300, last_bar=551)
    >>> window.bar_count, window.warm_up, window.trading_bars
    (452, 200, 252)
    """

    first_bar: int
    first_trading_bar: int
    last_bar: int
    at_end: Literal["mark", "close"] = "mark"

    def __post_init__(self) -> None:
        if not 0 <= self.first_bar <= self.first_trading_bar <= self.last_bar:
            raise Refusal(
                "window",
                f"bars {self.first_bar}, {self.first_trading_bar}, {self.last_bar}",
                "0 <= first bar <= first trading bar <= last bar",
            )
        if self.at_end not in ("mark", "close"):
            raise Refusal("at_end", repr(self.at_end), "'mark' or 'close'")

    @classmethod
    def of(
        cls, warm_up: int, trading_bars: int, at_end: Literal["mark", "close"] = "mark"
    ) -> Window:
        """Return the window of a path of its own: bars to warm up on, then bars that count."""
        return cls(0, warm_up, warm_up + trading_bars - 1, at_end)

    @property
    def bar_count(self) -> int:
        """Number of bars that are seen."""
        return self.last_bar - self.first_bar + 1

    @property
    def warm_up(self) -> int:
        """Number of bars that are seen before the first that counts."""
        return self.first_trading_bar - self.first_bar

    @property
    def trading_bars(self) -> int:
        """Number of bars that count."""
        return self.last_bar - self.first_trading_bar + 1

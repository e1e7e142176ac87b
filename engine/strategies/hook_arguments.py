"""What hooks are given, as editors and type checkers see it.

The compiler replaces every use of these classes by a call of `engine.execution.handles`, whose
signatures they repeat; none of their code ever runs.
"""

from __future__ import annotations

import math
from typing import Literal, NoReturn, TypeAlias

__all__ = ["Account", "Bar", "Order", "Series", "TimeInForce"]

#: How long an order rests: ``"gtc"`` until it is cancelled, ``"day"`` to the end of the session in
#: which it can first fill, ``"ioc"`` at the next open alone, ``"fok"`` the same, but all of it or
#: nothing (they differ where ``execution.volume_limit`` lets orders fill in part), or a number of
#: bars.
TimeInForce: TypeAlias = Literal["gtc", "day", "ioc", "fok"] | float


class _Given:
    """Something that a hook is given."""

    def __init__(self) -> None:
        _not_here(type(self).__name__)


class Series(float):
    """A field of the bars: a number, the value at the current bar, that can be indexed.

    ``bar.close`` is the current close and ``bar.close[1]`` the one before; before the first bar it
    is NaN. An index below 0 asks for a later bar and fails the simulation.
    """

    def __getitem__(self, bars_back: int) -> float:
        """Return the value a number of bars ago."""
        _not_here("a field of the bars")


class Bar(_Given):
    """The current bar: its fields and those of the bars before it.

    With several symbols ``bar[1].close`` is the second's and ``bar.close`` the first's. States of a
    price model are fields too, such as ``bar.variance`` on paths of `Heston`.

    Examples
    --------
    ::

        def on_bar(self, bar: Bar, order: Order) -> None:
            if bar.close > bar.high[1]:
                order.long()
    """

    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series
    #: Number of the bar, 0 for the first on which the strategy trades.
    index: int
    #: Instant at which the bar opened, seconds since 1970-01-01 UTC. Like the next three it needs
    #: bars with times: history.
    time: Series
    #: Hour of the day at which it opened, 0 to 23, by the clock of the strategy's `time_zone`.
    hour: Series
    #: Minute of that hour, 0 to 59.
    minute: Series
    #: Day of the week by that clock, 0 for Monday to 6 for Sunday.
    weekday: Series

    def __getitem__(self, symbol: int) -> Bar:
        """Return the bar of a symbol by its position."""
        _not_here("bar")

    def __getattr__(self, state: str) -> Series:
        """Return a state of the price model."""
        _not_here("bar")


class Account(_Given):
    """Money and positions at the close of the current bar, in account currency.

    With several symbols ``account[1].position`` is the second's and ``account.position`` the
    first's; cash, equity, realised profit and the number of trades are those of the whole account.

    Examples
    --------
    ::

        def on_bar(self, bar: Bar, order: Order, account: Account) -> None:
            if account.position > 0.0 and bar.close < 0.95 * account.average_price:
                order.close()
    """

    #: Cash; buying futures does not spend it, buying anything else does.
    cash: float
    #: Cash and the value of all positions at the close.
    equity: float
    #: Units held, negative if short.
    position: float
    #: Mean entry price of the open lots; NaN without a position.
    average_price: float
    #: Profit of the open lots at the close, before commissions.
    unrealised: float
    #: Profit of all closed trades, net of their commissions, over all symbols.
    realised: float
    #: Orders of the symbol that rest in the book.
    open_orders: int
    #: Open lots of the symbol: fills that are still held.
    open_lots: int
    #: Closed trades, over all symbols.
    trades: int

    def __getitem__(self, symbol: int) -> Account:
        """Return the account as a symbol's position sees it."""
        _not_here("account")


class Order(_Given):
    """Orders of the first symbol, or of another: ``order[1].market(10)``.

    Every call that places an order returns its number, from 1 on, or 0 if it was rejected because
    a price or quantity is not a number, or the book is full. Market orders fill at the next open
    (or where ``execution`` says). Units are shares, contracts or coins; negative units sell.

    An order by units against the position, not larger than it, only reduces: it trades at most what
    is left of it when it fills, and is cancelled when the position is gone. To turn a position, use
    a larger order or a target: ``order.target(-10, stop=95.0)``.

    `take_profit` and `stop_loss` make a bracket: prices at which the position that the order opens
    is closed again; where one of the two fills, the other is cancelled.

    `tif`, the time in force of an order that rests: ``"gtc"``, ``"day"``, ``"ioc"``, ``"fok"`` or a
    number of bars, see `TimeInForce`.

    With `limit`, with `stop` or with both, orders whose size follows from the account rest there
    and are sized when they fill: ``order.long(stop=bar.high)``. Of a target, what is held when the
    price is reached decides the side; where another fill of that bar turns it, the next open does.
    """

    def __getitem__(self, symbol: int) -> Order:
        """Return the orders of a symbol by its position."""
        _not_here("order")

    def market(
        self, units: float, take_profit: float = math.nan, stop_loss: float = math.nan
    ) -> int:
        """Trade `units` (negative: sell) at the next fill."""
        _not_here("order")

    def limit(
        self,
        units: float,
        price: float,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Trade `units` at `price` or better."""
        _not_here("order")

    def stop(
        self,
        units: float,
        price: float,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Trade `units` at the market once `price` is reached.

        Of several stops that one bar touches the one nearest to its open fills first, whichever
        was placed first; of two at one distance, the buy.
        """
        _not_here("order")

    def stop_limit(
        self,
        units: float,
        stop: float,
        limit: float,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Place a limit order of `units` at `limit` once `stop` is reached."""
        _not_here("order")

    def trailing_stop(
        self,
        units: float,
        distance: float = 0.0,
        share: float = 0.0,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Place a stop that follows the best price from the current close on.

        It stays `distance` in price, or `share` of the best price (0.05 is 5 %), behind: a stop
        that sells below the highest high, one that buys above the lowest low. Each bar moves it for
        the bars after it.
        """
        _not_here("order")

    def market_on_close(self, units: float) -> int:
        """Trade `units` at the close of the session in which an order can first fill.

        On daily bars that is the close of the next bar.
        """
        _not_here("order")

    def market_on_open(self, units: float) -> int:
        """Trade `units` at the open of the session after that of the current bar.

        On daily bars that is the next open, as of a market order; on minutes the first of tomorrow.
        """
        _not_here("order")

    def bracket(self, units: float, take_profit: float, stop_loss: float) -> int:
        """Trade `units` at the next fill with both exits in place."""
        _not_here("order")

    def target(
        self,
        units: float,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        limit: float = math.inf,
        stop: float = math.inf,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Trade to a position of `units`."""
        _not_here("order")

    def target_percent(
        self,
        fraction: float,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        limit: float = math.inf,
        stop: float = math.inf,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Trade to a position worth `fraction` of equity: 1.0 is all of it, -0.5 half, short."""
        _not_here("order")

    def percent(
        self,
        fraction: float,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        limit: float = math.inf,
        stop: float = math.inf,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Buy for `fraction` of equity (negative: sell), whatever is held."""
        _not_here("order")

    def long(
        self,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        limit: float = math.inf,
        stop: float = math.inf,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Be long by the sizing rule of the settings; nothing happens if already long."""
        _not_here("order")

    def short(
        self,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        limit: float = math.inf,
        stop: float = math.inf,
        tif: TimeInForce = "gtc",
    ) -> int:
        """Be short by the sizing rule of the settings; nothing happens if already short."""
        _not_here("order")

    def close(self, now: bool = False) -> int:
        """Close the position and cancel its bracket when that fills.

        With `now` it fills at the close of the current bar, whatever ``execution`` says of other
        orders: at the price that the decision was taken at.
        """
        _not_here("order")

    def exit(
        self,
        take_profit: float = math.nan,
        stop_loss: float = math.nan,
        from_fill: bool = False,
        trailing: bool = False,
    ) -> int:
        """Replace the exits of the position, and of orders that wait to open one.

        Each lot of the position gets a take-profit and a stop-loss for its units, of which one
        cancels the other; an order in the book gets them when it fills. With `from_fill` they are
        distances from the price of the fill, to the side where each belongs: 3.0 below it for the
        stop-loss of a long position, above it for that of a short one. With `trailing` the
        stop-loss is a distance, at which it follows the best price: from the close on for what is
        open, from its fill on for an order that waits. What is not given is removed. Returns how
        many exits were placed.
        """
        _not_here("order")

    def one_cancels_other(self, first: float, second: float) -> bool:
        """Let the fill of one of two orders cancel the other; false if one is not in the book.

        Orders are named by their numbers. Further calls make larger groups, of which the first
        order that fills cancels the rest.
        """
        _not_here("order")

    def all_or_none(self, first: float, second: float) -> bool:
        """Let two orders fill in the same bar or not at all; false if they cannot be tied so.

        Orders are named by their numbers, of one symbol or of two. Further calls make larger
        groups. They wait for a bar that fills each of them by its own terms, then all fill; what
        rejects one rejects all, and where one expires or is cancelled, all go. Margin must cover
        what they come to. Not to be tied are exits, orders of which one cancels the other, and an
        order for the close with one that is not. ::

            order.all_or_none(order[0].market(10.0), order[1].limit(-10.0, bar[1].close))
        """
        _not_here("order")

    def good_till(self, number: float, instant: float) -> bool:
        """Let an order fill only on bars that open up to `instant`, else let it expire.

        `instant` is in seconds since 1970-01-01 UTC, as ``bar.time`` is: it needs bars with times.
        False if the order is not in the book, or is one for the close. ::

            order.good_till(order.limit(10.0, 95.0), bar.time + 5 * 86_400)
        """
        _not_here("order")

    def tag(self, number: float, tag: float) -> bool:
        """Give an order in the book a number of your own; false if it is not there.

        Trades tell it: ``entry_tag`` is that of the order that opened the lot, ``exit_tag`` that of
        the order that closed it. Exits have the tag of the order whose lot they close. ::

            order.tag(order.long(), 3)
        """
        _not_here("order")

    def cancel(self, number: float) -> bool:
        """Cancel the order with this number; false if it is no longer in the book.

        A liquidation is the broker's order: it stays.
        """
        _not_here("order")

    def cancel_all(self) -> int:
        """Cancel every order of the symbol and return how many there were."""
        _not_here("order")


def _not_here(what: str) -> NoReturn:
    raise TypeError(f"{what}: allowed in the hooks of a Strategy only, which are compiled")

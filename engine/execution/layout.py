"""Where everything lies in the arrays that the compiled event loop works on.

The loop keeps a simulation's state in a few plain arrays that a worker owns and reuses, so
nothing is allocated per simulation. The integer constants below are the columns; Numba
freezes them into the machine code.
"""

from __future__ import annotations

from typing import Final

import numpy as np


def _typed(value: int) -> int:
    """Return a NumPy integer: for each plain one a callee would be compiled anew."""
    return np.int64(value)  # type: ignore[return-value]


# Fields of a bar, and how many a sub-bar has: open, high, low.
OPEN: Final = _typed(0)
CLOSE: Final = _typed(3)
VOLUME: Final = 4
SUB_BAR_WIDTH: Final = 3

# --- clock: float64[CLOCK_WIDTH, bars], what hooks may ask of a bar's opening instant --------
CLOCK_NAMES: Final = ("time", "hour", "minute", "weekday")
CLOCK_WIDTH: Final = len(CLOCK_NAMES)

# --- account: float64[ACCOUNT_WIDTH], one per simulation ---------------------------------
CASH: Final = 0  # cash had every position been paid in full; may be negative under leverage
START_CASH: Final = 1
COMMISSION_PAID: Final = 2
SLIPPAGE_PAID: Final = 3
TRADED_VALUE: Final = 4
REALISED: Final = 5
FINANCING_PAID: Final = 6
WON: Final = 7
LOST: Final = 8
DURATION_SUM: Final = 9
DURATION_MAX: Final = 10
MFE_SUM: Final = 11
MAE_SUM: Final = 12
DIVIDENDS: Final = 13  # received, less paid
MARGIN_INTEREST: Final = 14  # paid on negative cash: a part of FINANCING_PAID, as the next ones
WALK_LEG: Final = 15  # of a bar that is walked: the leg, from -1, at the open
WALK_SHARE: Final = 16  # how much of the leg lies behind
WALK_SYMBOL: Final = 17  # of the last fill on it, -1: none
WALK_PRICE: Final = 18  # of that fill
CASH_INTEREST: Final = 19  # received: at most 0
BORROW_FEES: Final = 20
FUNDING_PAID: Final = 21  # less received
LOW_GUARD: Final = 22  # prices between which the margin of what is held needs no look
HIGH_GUARD: Final = 23
ACCOUNT_WIDTH: Final = 24

# --- counts: int64[COUNTS_WIDTH], one per simulation -------------------------------------
ACTIVE: Final = 0  # non-zero: the bar must go through the order engine
PENDING: Final = 1  # orders in the book
NEXT_ID: Final = 2
STATUS: Final = 3
MARKED: Final = 4  # first bar whose equity is not yet on the curve
EXPOSED: Final = 5  # bars closed with a position
TRADES: Final = 6
WINS: Final = 7
LOSSES: Final = 8
STREAK: Final = 9
STREAK_MAX: Final = 10
MARGIN_CALLS: Final = 11
TRADE_ROWS: Final = 12  # rows written to the trade buffer
ORDER_ROWS: Final = 13  # rows written to the order log
WATCH: Final = 14  # non-zero: the position must be marked at every bar
DIPS: Final = 15  # non-zero: the path trades at or below zero; kept between simulations
VIEW: Final = 16  # field of the path at which the bar, or sub-bar, being worked starts
REJECTED: Final = 17  # first of the counters by reason
TRAILS: Final = 24  # non-zero: there may be a stop that trails
FOR_CLOSE: Final = 25  # non-zero: there may be an order for the close
SEED: Final = 26  # of the path, and its number; kept between simulations
PATH: Final = 27
HEARD: Final = 28  # number of the last order that is older than the bar's close
AT_ONCE: Final = 29  # non-zero: there may be an order for the close at which it was placed
READ_AHEAD: Final = 30  # bar at which a later one was asked for, where the status says so
BEYOND: Final = 31  # non-zero: may be tied or dated orders, recorded fills, quoted slots
TAPE_BARS: Final = 32  # bars whose fills are recorded, from the first on; kept between simulations
TAPE_AT: Final = 33  # first recorded fill that is not of an earlier bar
REDUCES: Final = 34  # non-zero: there may be orders that only reduce
GUARDED_SYMBOL: Final = 35  # whose prices these are
COUNTS_WIDTH: Final = 36

# Reasons for which an order is rejected; counters follow REJECTED in this order.
REJECTIONS: Final = (
    "invalid",
    "buying_power",
    "position_limit",
    "not_shortable",
    "size_below_lot",
    "halted",
)
INVALID: Final = 0
BUYING_POWER: Final = 1
POSITION_LIMIT: Final = 2
NOT_SHORTABLE: Final = 3
SIZE_BELOW_LOT: Final = 4
HALTED: Final = 5

# --- marks: float64[rows, MARK_WIDTH, bars], quotes of slots that are no symbols ------------
BID: Final = 0
ASK: Final = 1
MARK: Final = 2  # what a position is valued at
MARK_WIDTH: Final = 3

# --- positions: float64[slots, POSITION_WIDTH], the symbols' first -------------------------
UNITS: Final = 0
COST: Final = 1  # sum of units times entry price over the open lots
OPEN_LOTS: Final = 2
FIRST_LOT: Final = 3  # slot of the oldest open lot
LARGEST_FILL: Final = 4  # in units, since the position was last zero: what rounding is beside
TAKEN_BAR: Final = 5  # bar whose volume was last traded against, and how much of it
TAKEN: Final = 6
SET_ASIDE: Final = 7  # first of a copy of the columns above, while a fill is tried
POSITION_WIDTH: Final = 14

# --- lots: float64[slots, capacity, LOT_WIDTH], oldest first ----------------------
LOT_UNITS: Final = 0
LOT_PRICE: Final = 1
LOT_BAR: Final = 2
LOT_COMMISSION: Final = 3  # commission per unit still in the lot
LOT_FULL_BAR: Final = 4  # first bar whose whole range the lot was held through
LOT_ORDER: Final = 5  # number of the order that opened it
LOT_POINT: Final = 6  # account currency per point and unit when it was opened
LOT_TAG: Final = 7  # of the order that opened it
LOT_WIDTH: Final = 8
MOST_LOTS: Final = 65_536  # of a symbol by default; fewer on paths with fewer bars

# --- orders: float64[capacity, ORDER_WIDTH], oldest first --------------------------------
ORDER_ID: Final = 0
ORDER_SYMBOL: Final = 1
ORDER_KIND: Final = 2
ORDER_MODE: Final = 3
ORDER_QUANTITY: Final = 4
ORDER_LIMIT: Final = 5
ORDER_STOP: Final = 6
ORDER_BAR: Final = 7  # bar at whose close it was submitted
ORDER_EXPIRY: Final = 8  # last bar on which it may fill; with .5: gone at the next open
ORDER_PARENT: Final = 9  # of a bracket's child: the order whose lot it closes; 0: none
ORDER_TAKE_PROFIT: Final = 10
ORDER_STOP_LOSS: Final = 11
ORDER_STATE: Final = 12
ORDER_FROM_FILL: Final = 13  # of the exits: 0 prices, or one of the three below
# The orders that its fill cancels have the same; below zero, those that fill with it; 0: none.
ORDER_GROUP: Final = 14
ORDER_TRAIL: Final = 15  # distance at which a stop follows the best price; 0: it does not
ORDER_TRAIL_SHARE: Final = 16  # the same as a share of that price
ORDER_TAG: Final = 17  # a number of the strategy's own; exits have that of the order they close
ORDER_PARTS: Final = 18  # 0, or one of the two below
ORDER_WIDTH: Final = 19
ORDER_CAPACITY: Final = 512  # by default

WHOLE: Final = 1.0  # it fills whole or not at all
BEGUN: Final = -1.0  # it has filled in part: what waits is the rest

# How the exits of an order are meant, where they are not prices.
DISTANCES: Final = 1.0  # from the price of the fill
TRAILING: Final = 2.0  # a price, and the distance of a stop-loss that trails
TRAILING_DISTANCES: Final = 3.0  # both distances; the stop-loss trails

RESTING: Final = _typed(0)
BORN_OF_STOP: Final = _typed(1)  # a bracket's child whose entry filled inside this bar, by a stop
BORN_OF_LIMIT: Final = _typed(2)  # ... or by a limit
IMMEDIATE: Final = _typed(3)  # cancelled unless it fills at the next open
FORCED: Final = _typed(4)  # liquidation: no check applies
THIS_CLOSE: Final = _typed(5)  # for the very close at which it was placed
AGREED: Final = _typed(6)  # all of its group fill now: nothing objects, price and moment are set
PASSED: Final = _typed(7)  # the bar would fill it, but the record of fills does not say so

# Where in its bar a fill happens.
AT_OPEN: Final = _typed(0)
INSIDE_BY_STOP: Final = _typed(1)
INSIDE_BY_LIMIT: Final = _typed(2)
AT_CLOSE: Final = _typed(3)

# --- tape: float64[fills, TAPE_WIDTH], recorded fills by bar -----------------------------------
TAPE_BAR: Final = 0
TAPE_SYMBOL: Final = 1
TAPE_UNITS: Final = 2  # 0: the order was withdrawn
TAPE_PRICE: Final = 3
TAPE_COMMISSION: Final = 4
TAPE_ORDER: Final = 5  # number of the order that filled; 0: it is not known, -1: none
TAPE_TAG: Final = 6
TAPE_TAKEN: Final = 7  # non-zero: it is in the books
TAPE_WIDTH: Final = 8

# --- bars of a symbol: int64[symbols, bars], 0 where it trades in a session -----------------
RESTS: Final = 1  # it does not trade
OFF_HOURS: Final = 2  # it trades, before the open or behind the close of its exchange

# --- trades: float64[capacity, TRADE_WIDTH]; a trade is one lot, or part of one, closed ----
TRADE_SYMBOL: Final = 0
TRADE_UNITS: Final = 1  # negative: sold short
TRADE_ENTRY_BAR: Final = 2
TRADE_ENTRY_PRICE: Final = 3
TRADE_EXIT_BAR: Final = 4
TRADE_EXIT_PRICE: Final = 5
TRADE_PNL: Final = 6  # net of both commissions
TRADE_COMMISSION: Final = 7
TRADE_MFE: Final = 8
TRADE_MAE: Final = 9
TRADE_ENTRY_TAG: Final = 10
TRADE_EXIT_TAG: Final = 11
TRADE_WIDTH: Final = 12
TRADE_COLUMNS: Final = (
    "symbol",
    "units",
    "entry_bar",
    "entry_price",
    "exit_bar",
    "exit_price",
    "pnl",
    "commission",
    "mfe",
    "mae",
    "entry_tag",
    "exit_tag",
)

# --- events: float64[capacity, EVENT_WIDTH], the life of every order -----------------------
EVENT_WIDTH: Final = 9
EVENT_COLUMNS: Final = (
    "bar",
    "order",
    "symbol",
    "kind",
    "event",
    "units",
    "price",
    "commission",
    "size",
)
SUBMITTED: Final = _typed(0)
FILLED: Final = _typed(1)
CANCELLED: Final = _typed(2)
EXPIRED: Final = _typed(3)
REFUSED: Final = _typed(4)  # plus the reason: REFUSED + reason
EVENT_NAMES: Final = (
    "submitted",
    "filled",
    "cancelled",
    "expired",
    *(f"rejected: {reason}" for reason in REJECTIONS),
)

MARKET: Final = _typed(0)
LIMIT: Final = _typed(1)
STOP: Final = _typed(2)
STOP_LIMIT: Final = _typed(3)
MARKET_ON_CLOSE: Final = _typed(4)
MARKET_ON_OPEN: Final = _typed(5)
KIND_NAMES: Final = (
    *("market", "limit", "stop", "stop_limit"),
    *("market_on_close", "market_on_open"),
)

# How ORDER_QUANTITY is read when the order fills.
BY_UNITS: Final = _typed(0)
TO_UNITS: Final = _typed(1)
TO_PERCENT: Final = _typed(2)
BY_PERCENT: Final = _typed(3)
ENTER: Final = _typed(4)
CLOSE_LOT: Final = _typed(5)  # a bracket's child: closes its parent's lot
REDUCE: Final = _typed(6)  # by units, at most what is held
SIZE_NAMES: Final = (
    *("units", "target", "target_percent", "percent", "sizing", "bracket"),
    "reduce",
)

# Sizing of ENTER.
PERCENT: Final = 0
FIXED: Final = 1
RISK: Final = 2
KELLY: Final = 3
EQUAL_WEIGHT: Final = 4
VOLATILITY: Final = 5

# Bracket rules.
PESSIMISTIC: Final = 0
BACKTESTING_PY: Final = 1
TRADINGVIEW: Final = 2

# --- rules: float64[slots, RULES_WIDTH], an `Execution` as numbers ---------------------
MULTIPLIER: Final = 0
TICK: Final = 1
LOT_NUMERATOR: Final = 2  # smallest tradable step of units, a decimal fraction; 0 / 0: none
INITIAL_RATE: Final = 3  # initial margin as a share of notional
INITIAL_FIXED: Final = 4  # initial margin per unit
MAINTENANCE_RATE: Final = 5
MAINTENANCE_FIXED: Final = 6
SHORTABLE: Final = 7
BORROW_RATE: Final = 8  # per mean bar
COMMISSION_PERCENT: Final = 9
COMMISSION_PER_UNIT: Final = 10
COMMISSION_FIXED: Final = 11
COMMISSION_MINIMUM: Final = 12
COMMISSION_MAKER: Final = 13  # percent of a resting limit fill
SLIPPAGE_TICKS: Final = 14
SLIPPAGE_BPS: Final = 15
SLIPPAGE_VOLUME: Final = 16
SLIPPAGE_IMPACT: Final = 17
POSITION_CAP: Final = 18  # largest absolute units; infinity: none
SAME_CLOSE: Final = 19
SIZING_KIND: Final = 20
SIZING_VALUE: Final = 21
SIZING_WINDOW: Final = 22
CASH_RATE: Final = 23  # interest on negative cash per mean bar
BRACKET_RULE: Final = 24
BARS_PER_YEAR: Final = 25
SESSION_BARS: Final = 26  # bars per session, at least 1
SIZING_CAP: Final = 27
FUTURES: Final = 28
DAILY_VOLATILITY: Final = 29
SLIPPAGE_VOLUME_CAP: Final = 30
INITIAL_CASH: Final = 31
MAY_REST: Final = 32  # there may be bars at which the symbol does not trade
SUB_BARS: Final = 33  # finer bars inside each bar; 1: none
FIRST_SUB_BAR: Final = 34  # field of the path at which they start
LOT_DENOMINATOR: Final = 35
ISOLATED: Final = 36  # each symbol is a margin account of its own
TO_MAINTENANCE: Final = 37  # a margin call sells what must be sold, not everything
RATE_KIND: Final = 38  # how the symbol's currency becomes the account's; 0: it is the account's
RATE: Final = 39  # a constant, or the number of the symbol whose price is the rate
UNPAID: Final = 40  # a position in another currency whose price is not paid
CLOSE_AT_END: Final = 41  # positions are closed at the close of the last bar
TICK_NUMERATOR: Final = 42  # step of resting prices, a decimal fraction; 0 / 0: none
TICK_DENOMINATOR: Final = 43
FLAT_AT_CLOSE: Final = 44  # nothing is held, and no order rests, over the end of a session
FUNDING_RATE: Final = 45  # that a long position pays, and a short one receives, per mean bar
FUNDING_FIELD: Final = 46  # field of the bars that says so for each of them; 0: none
WATCHED: Final = 47  # a position must be looked at on every bar: margin, funding, dividends
EVERY_BAR: Final = 48  # an account must be, whatever it holds: interest on cash, ends of sessions
INTEREST_RATE: Final = 49  # on cash above zero, per mean bar
# Fields of the bars with an annual rate for each of them; 0: the rate is constant.
CASH_RATE_FIELD: Final = 50
INTEREST_RATE_FIELD: Final = 51
BORROW_RATE_FIELD: Final = 52
FUNDING_RATE_FIELD: Final = 53
RISK_FREE_FIELD: Final = 54
RISK_FREE: Final = 55  # annual
DIVIDEND_FIELD: Final = 56  # of what a unit is paid at the open; 0: none
TRADED_FIELD: Final = 57  # of whether the symbol trades at a bar; 0: it does
VOLUME_LIMIT: Final = 58  # largest share of a bar's volume that is traded; 0: any
FILL_PROBABILITY: Final = 59  # of a limit that the range of a bar reaches
STOP_LOSS: Final = 60  # of orders without exits, as shares of the price of the fill; 0: none
TAKE_PROFIT: Final = 61
RULES_WIDTH: Final = 62
# Rules that follow what only bars have.
OF_BARS: Final = (
    *(FUNDING_FIELD, BORROW_RATE_FIELD, FUNDING_RATE_FIELD),
    *(DIVIDEND_FIELD, TRADED_FIELD, VOLUME_LIMIT),
)

# Rates of exchange.
CONSTANT_RATE: Final = 1
DIRECT_RATE: Final = 2  # account currency per unit of the other
INVERSE_RATE: Final = 3

# --- statuses ----------------------------------------------------------------------------
OK: Final = 0
FUTURE_READ: Final = 1
RAISED: Final = 2
NOT_FINITE: Final = 3
BOOK_FULL: Final = 4
LOTS_FULL: Final = 5
TRADES_FULL: Final = 6
NO_SYMBOL: Final = 7
NO_RATE: Final = 8
STATUS_TEXTS: Final = {
    OK: "",
    FUTURE_READ: "the strategy read a bar after the current one",
    RAISED: "the strategy raised an exception",
    NOT_FINITE: "net_pnl is not finite",
    BOOK_FULL: f"more than {ORDER_CAPACITY} orders were open at once",
    LOTS_FULL: "more lots of one symbol were open at once than there are bars",
    TRADES_FULL: "more trades were closed than the trade buffer holds",
    NO_SYMBOL: "the strategy named a symbol that is not simulated",
    NO_RATE: "a rate of interest, borrowing or funding that was needed is not a number",
}

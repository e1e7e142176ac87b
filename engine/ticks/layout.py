"""Where things stand in the arrays of one running simulation of ticks."""

from __future__ import annotations

import math
from typing import Final

NEVER: Final = 2**62
#: Target of an event at which the batch form wants no order.
NO_TARGET: Final = math.nan
NANOSECONDS: Final = 1_000_000_000
#: Marks of equity that are kept; when they are full every second goes, the interval doubles.
MOST_MARKS: Final = 2048
#: Orders of a simulation that may be under way or at rest, requests and responses under way.
ORDER_ROOM: Final = 64
REQUEST_ROOM: Final = 256
RESPONSE_ROOM: Final = 1024
#: Fills whose further course is still watched.
WATCH_ROOM: Final = 2048
WATCH_HORIZONS: Final = (1 * NANOSECONDS, 10 * NANOSECONDS, 60 * NANOSECONDS)

# --- touch: float64[TOUCH_WIDTH] of each symbol --------------------------------------------
BID: Final = 0
ASK: Final = 1
BID_SIZE: Final = 2
ASK_SIZE: Final = 3
LAST_BID: Final = 4
LAST_ASK: Final = 5
TOUCH_WIDTH: Final = 6

# --- books: float64[BOOK_WIDTH] of each symbol, once as it is and once as it is heard of -----
UNITS: Final = 0
AVERAGE: Final = 1
OPENED: Final = 2
OPEN_FEES: Final = 3
BUYS: Final = 4
SELLS: Final = 5
BUY_UNITS: Final = 6
SELL_UNITS: Final = 7
BOOK_WIDTH: Final = 8

# --- orders: int64[ORDER_WIDTH] and float64[ORDER_NUMBERS] -----------------------------------
ORDER_NUMBER: Final = 0
ORDER_STATE: Final = 1
ORDER_SYMBOL: Final = 2
ORDER_TIF: Final = 3
ORDER_POST: Final = 4
ORDER_EXPIRES: Final = 5
ORDER_WIDTH: Final = 6
FREE: Final = 0
SENT: Final = 1
LIVE: Final = 2
GONE: Final = 3

ORDER_UNITS: Final = 0
ORDER_PRICE: Final = 1
ORDER_AHEAD: Final = 2
ORDER_TRADED: Final = 3
ORDER_KNOWN: Final = 4
ORDER_NUMBERS: Final = 5

#: How long an order rests: the words of `tif`; a positive number is seconds.
GOOD_TILL_CANCELLED: Final = math.inf
IMMEDIATE: Final = -1.0
ALL_OR_NOTHING: Final = -2.0
TIMES_IN_FORCE: Final = {
    "gtc": GOOD_TILL_CANCELLED,
    "ioc": IMMEDIATE,
    "fok": ALL_OR_NOTHING,
}
RESTS: Final = 0
AT_ONCE: Final = 1
WHOLE_AT_ONCE: Final = 2

# --- requests: int64[REQUEST_WIDTH] and float64[2] (units, price) ----------------------------
REQUEST_DUE: Final = 0
REQUEST_KIND: Final = 1
REQUEST_SLOT: Final = 2
REQUEST_NUMBER: Final = 3
REQUEST_WIDTH: Final = 4
PLACE: Final = 0
CANCEL: Final = 1
AMEND: Final = 2

# --- responses: int64[RESPONSE_WIDTH] and float64[RESPONSE_NUMBERS] ---------------------------
RESPONSE_DUE: Final = 0
RESPONSE_KIND: Final = 1
RESPONSE_SLOT: Final = 2
RESPONSE_ORDER: Final = 3
RESPONSE_FINAL: Final = 4
RESPONSE_MAKER: Final = 5
RESPONSE_SYMBOL: Final = 6
RESPONSE_STAMP: Final = 7
RESPONSE_WIDTH: Final = 8
FILLED: Final = 0
ENDED: Final = 1
AMENDED: Final = 2
RESPONSE_UNITS: Final = 0
RESPONSE_PRICE: Final = 1
RESPONSE_FEE: Final = 2
RESPONSE_NUMBERS: Final = 3

# --- fills: int64[FILL_WIDTH] and float64[FILL_NUMBERS], where they are recorded ---------------
FILL_COLUMNS: Final = ("stamp", "heard", "order", "symbol", "maker")
FILL_NUMBER_COLUMNS: Final = ("units", "price", "fee", "position", "cash", "pnl")
FILL_WIDTH: Final = len(FILL_COLUMNS)
FILL_NUMBERS: Final = len(FILL_NUMBER_COLUMNS)

# --- the log of orders: int64[LOG_WIDTH] and float64[LOG_NUMBERS], where fills are recorded ------
LOG_COLUMNS: Final = ("stamp", "order", "symbol", "event")
LOG_NUMBER_COLUMNS: Final = ("units", "price")
LOG_WIDTH: Final = len(LOG_COLUMNS)
LOG_NUMBERS: Final = len(LOG_NUMBER_COLUMNS)
#: What may happen to an order: what is sent, by the clock of the strategy, and what comes of it.
LOG_EVENTS: Final = ("submitted", "cancel sent", "amend sent", "filled", "ended", "amended")
#: Where in it the answers of the exchange begin, in the order of their kinds.
ANSWERED: Final = 3

# --- times: int64[TIMES_WIDTH], settings -------------------------------------------------------
ENTRY: Final = 0
ENTRY_KIND: Final = 1
ENTRY_SPAN: Final = 2
RESPONSE: Final = 3
RESPONSE_KIND_OF_LATENCY: Final = 4
RESPONSE_SPAN: Final = 5
FUNDING_EVERY: Final = 6
QUEUE: Final = 7
POWER: Final = 8
SEED: Final = 9
PATH: Final = 10
#: What is added to the times of `heard`: the delay of the feed where it is fixed.
FEED: Final = 11
TIMES_WIDTH: Final = 12
CONSTANT: Final = 0
OF_DATA: Final = 1
DRAWN: Final = 2
PESSIMISTIC: Final = 0
RISK_AVERSE: Final = 1
BY_POWER: Final = 2
BY_LOGARITHM: Final = 3
DRAWN_QUEUE: Final = 4
QUEUES: Final = {
    "pessimistic": PESSIMISTIC,
    "risk_averse": RISK_AVERSE,
    "power": BY_POWER,
    "log_probability": BY_LOGARITHM,
    "drawn": DRAWN_QUEUE,
}

# --- rules: float64[RULES_WIDTH], settings ------------------------------------------------------
MAKER_FEE: Final = 0
TAKER_FEE: Final = 1
TICK: Final = 2
TICK_PARTS: Final = 3
LOT: Final = 4
MULTIPLIER: Final = 5
MOST_UNITS: Final = 6
MARK_AT_MID: Final = 7
IN_PARTS: Final = 8
FUNDING: Final = 9
START_CASH: Final = 10
MOST_ORDERS: Final = 11
RULES_WIDTH: Final = 12

# --- counts: int64[COUNTS_WIDTH] ----------------------------------------------------------------
NEXT_DUE: Final = 0
NEXT_CLOCK: Final = 1
LOCAL: Final = 2
STATUS: Final = 3
LIVE_COUNT: Final = 4
REQUEST_HEAD: Final = 5
REQUEST_TAIL: Final = 6
RESPONSE_HEAD: Final = 7
RESPONSE_TAIL: Final = 8
LAST_NUMBER: Final = 9
NOW: Final = 10
FEED_NOW: Final = 11
LAST_REQUEST: Final = 12
LAST_RESPONSE: Final = 13
REQUESTS: Final = 14
RESPONSES: Final = 15
NEXT_MARK: Final = 16
MARKS: Final = 17
INTERVAL: Final = 18
NEXT_FUNDING: Final = 19
NEXT_EXPIRY: Final = 20
WATCH_TAIL: Final = 21
WATCH_HEAD: Final = 22  # one of each horizon
ORIGIN: Final = 25
LAST_STAMP: Final = 26
FILLS: Final = 27
MAKER_FILLS: Final = 28
TAPED: Final = 29
QUOTES: Final = 30  # events of which the strategy was told
TRADES: Final = 31
WINS: Final = 32
LOSSES: Final = 33
STREAK: Final = 34
STREAK_MAX: Final = 35
PLACED: Final = 36
CHANGED: Final = 37  # cancels and amendments
HELD_SINCE: Final = 38
STARTED: Final = 39
FIRST_EVENT: Final = 40
FILLED_ORDERS: Final = 41
LOGGED: Final = 42
REJECTED: Final = 43  # one of each reason
REJECTIONS: Final = (
    "no number",
    "too many orders",
    "position limit",
    "would have taken",
    "nothing quoted",
)
NO_NUMBER: Final = 0
TOO_MANY: Final = 1
POSITION_LIMIT: Final = 2
WOULD_TAKE: Final = 3
NOTHING_QUOTED: Final = 4
COUNTS_WIDTH: Final = REJECTED + len(REJECTIONS)

# --- numbers: float64[NUMBERS_WIDTH] --------------------------------------------------------------
CASH: Final = 0
HEARD_CASH: Final = 1
FEES: Final = 2
HEARD_FEES: Final = 3
REALISED: Final = 4
HEARD_REALISED: Final = 5
FUNDING_PAID: Final = 6
TRADED_VALUE: Final = 7
WON: Final = 8
LOST: Final = 9
DURATION_SUM: Final = 10
DURATION_MAX: Final = 11
SPREAD_SUM: Final = 12
FILLED_UNITS: Final = 13
MAKER_UNITS: Final = 14
PLACED_UNITS: Final = 15
ADVERSE_SUM: Final = 16  # one of each horizon
ADVERSE_UNITS: Final = 19  # likewise
INVENTORY_TIME: Final = 22  # units times nanoseconds
INVENTORY_MOST: Final = 23
EXPOSED_TIME: Final = 24
# Prices nearer to the market than every order that rests: one that a trade or the other side of the
# touch does not reach fills none of them.
BUY_EDGE: Final = 25
SELL_EDGE: Final = 26
# An order moves in no queue while its side of the touch is nearer to the market than `BEHIND`, or
# stays at `AT` with no less displayed than `LEAST`.
BUY_BEHIND: Final = 27
BUY_AT: Final = 28
BUY_LEAST: Final = 29
SELL_BEHIND: Final = 30
SELL_AT: Final = 31
SELL_LEAST: Final = 32
NUMBERS_WIDTH: Final = 33

# --- the watch: int64 (stamp) and float64[WATCH_NUMBERS] ----------------------------------
WATCH_SYMBOL: Final = 0
WATCH_UNITS: Final = 1
WATCH_MID: Final = 2
WATCH_NUMBERS: Final = 3

# --- how a simulation ends ------------------------------------------------------------------------
OK: Final = 0
RAISED: Final = 1
TOO_MANY_RESPONSES: Final = 2
NOT_FINITE: Final = 3
ENDLESS: Final = 4
READ_AHEAD: Final = 5
STATUS_TEXTS: Final = {
    OK: "",
    RAISED: "the strategy raised an error",
    TOO_MANY_RESPONSES: f"more than {RESPONSE_ROOM} fills and cancellations were not yet heard of",
    NOT_FINITE: "net_pnl is not finite",
    READ_AHEAD: "on_ticks reads ahead: without the later half of the first block it fills other "
    "targets",
    ENDLESS: "orders and answers without end between two events: give them a latency",
}

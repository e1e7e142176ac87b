"""Where everything lies in the arrays that the compiled loop over option positions works on."""

from __future__ import annotations

import sys
from typing import Final

#: Contracts of an order of legs that is sized by the rules: a number that nothing comes to, while
#: NaN is what a hook computes of what is not there.
BY_RULES: Final = -sys.float_info.max

#: Bars that are priced at once. Few of them are for nothing where a position is closed early;
#: a whole number of vectors, and one more than the 21 days of a month have.
BLOCK: Final = 24

# --- series: float64[SERIES_WIDTH, bars + BLOCK], of one path ----------------------------------
PRICE: Final = 0  # of the underlying, or of the spot behind its futures
LOG_PRICE: Final = 1
YIELD: Final = 2  # the convenience yield; 0 where the model has none
LEVEL: Final = 3  # volatility that changes from bar to bar; 1 where the tables hold all of it
SERIES_WIDTH: Final = 4

# --- tables: float64[TABLES_WIDTH, bars to expiry], of one path ---------------------------------
# Columns count down to 0 bars, as time does, and stay there for BLOCK more.
DEVIATION: Final = 0  # of the log price up to expiry, over LEVEL; of the price under Bachelier
# What makes the future of an option: a factor of the price or, of a model's future,
# exp(GROWTH + SPOT_LOADING log price + YIELD_LOADING yield).
GROWTH: Final = 1
SPOT_LOADING: Final = 2
YIELD_LOADING: Final = 3
DISCOUNT: Final = 4
TABLES_WIDTH: Final = 5

# --- terms: float64[TERMS_WIDTH], `OptionSettings` as numbers ----------------------------------
MULTIPLIER: Final = 0
COMMISSION: Final = 1  # per contract
EXERCISE_FEE: Final = 2  # per contract that expires in the money
SPREAD_SHARE: Final = 3  # of the premium
SPREAD_POINTS: Final = 4
STRIKE_STEP: Final = 5  # 0: any strike
MARGIN_RATE: Final = 6  # share of the underlying's value per uncovered short contract
CASH: Final = 7
OF_FUTURE: Final = 8  # non-zero: the underlying is a future of the model, by the tables
NORMAL: Final = 9  # non-zero: Bachelier's price
MARGIN_POINTS: Final = 10  # of the price per uncovered short contract
TERMS_WIDTH: Final = 11

# --- margin: float64[MARGIN_TERMS_WIDTH + numbers of the rule], `engine.options.path_margin` -----
MARGIN_RULE: Final = 0  # 0: the share MARGIN_RATE, and MARGIN_POINTS
BAR_YEARS: Final = 1
RESCAN_YEARS: Final = 2  # after which a scan is made anew
RESCAN_STEP: Final = 3  # share of the price by which it moves before that
DISCOUNT_RATE: Final = 4
UNDERLYING_YIELD: Final = 5  # the rate itself where the underlying is a future
MARGIN_TERMS_WIDTH: Final = 6

# --- rules: float64[RULES_WIDTH], of one parameter set -----------------------------------------
CONTRACTS: Final = 0
PROFIT_TARGET: Final = 1  # NaN: none
STOP_LOSS: Final = 2  # NaN: none
ROLL_BARS: Final = 3  # bars left at which the position is closed; 0: at expiry
ENTRY_BARS: Final = 4  # between bars on which a position may be opened; 0: on any
CROSSED: Final = 5  # share of the half-spread that a fill pays
# Those below are read by the book alone (`engine.options.book`).
BOOKED: Final = 6  # non-zero: traded by the book
MOST_OPEN: Final = 7  # positions at once
SIZING: Final = 8  # place in SIZINGS
SIZE: Final = 9  # share of equity that SIZING speaks of
HEDGE_BARS: Final = 10  # between hedges; 0: never
HEDGE_BAND: Final = 11  # delta of a contract beyond which is hedged; NaN: none
WEEKDAY: Final = 12  # of entries, 0 for Monday; -1: any
RANK: Final = 13  # least rank of volatility at entry; NaN: any
EXIT_DELTA: Final = 14  # of a short leg, beyond which the position is closed; NaN: none
TOUCH: Final = 15  # non-zero: closed where the underlying reaches a short strike
HELD_MOST: Final = 16  # bars after which the position is closed; 0: never
ROLL: Final = 17  # place in ROLLS
RULES_WIDTH: Final = 18

SIZINGS: Final = ("contracts", "value", "margin", "risk", "kelly")
ROLLS: Final = ("recentre", "same_strikes", "credit")

# --- legs: float64[legs, LEG_WIDTH], of one parameter set --------------------------------------
LEG_UNITS: Final = 0  # per contract of the position, below 0: sold
LEG_CALL: Final = 1
LEG_RULE: Final = 2
LEG_OFFSET: Final = 3
LEG_BARS: Final = 4  # from entry to expiry
# Those below are read by the book alone.
LEG_UNDERLYING: Final = 5  # non-zero: the underlying itself, and no option
LEG_WHEN: Final = 6  # place in WHEN
LEG_NTH: Final = 7  # which of the listed expiries; 0: the one nearest to LEG_BARS
LEG_LOW: Final = 8  # least and most bars to a listed expiry
LEG_HIGH: Final = 9
LEG_LISTED: Final = 10  # row of the listed expiries
LEG_WIDTH: Final = 11

WHEN: Final = ("always", "flat", "holding")
MOST_LEGS: Final = 8
MOST_POSITIONS: Final = 16

# Rules for strikes, by the words of `Leg.by`.
PERCENT: Final = 0
DEVIATIONS: Final = 1
POINTS: Final = 2
DELTA: Final = 3
ABSOLUTE: Final = 4
PREMIUM_RULE: Final = 5  # the strike whose option costs so much: read by the book alone
FIRST_LEG: Final = 6  # that of the first leg
STRIKE_RULES: Final = (
    *("percent", "deviations", "points", "delta", "absolute", "premium"),
    "first_leg",
)

# --- room: float64[LEG_ROOM + legs, BLOCK], what is priced at once ------------------------------
FORWARD: Final = 0
VALUE: Final = 1  # of the position, in account currency
SMILE_DEVIATION: Final = 2  # over LEVEL, of one leg, where there is a surface
LEG_ROOM: Final = 3  # first of the legs, per unit

# --- held: float64[legs, HELD_WIDTH], the open position ----------------------------------------
STRIKE: Final = 0
ENTRY_FILL: Final = 1
ENTRY_PAID: Final = 2  # beside the middle, per unit
HELD_WIDTH: Final = 3

# --- totals: float64[TOTALS_WIDTH], of one simulation ------------------------------------------
TRADES: Final = 0
WINS: Final = 1
LOSSES: Final = 2
WON: Final = 3
LOST: Final = 4
DURATION_SUM: Final = 5
DURATION_MAX: Final = 6
STREAK: Final = 7
STREAK_MAX: Final = 8
EXPOSED: Final = 9
COMMISSION_PAID: Final = 10
SLIPPAGE_PAID: Final = 11
TRADED_VALUE: Final = 12
REJECTED: Final = 13
PREMIUM: Final = 14  # received, less paid
PREMIUM_SIZE: Final = 15  # sum of what each position received or paid
KEPT: Final = 16  # profit of all positions
WORST: Final = 17  # profit of the worst position
WORST_SHARE: Final = 18  # least profit over premium of a position
MARGIN_USE: Final = 19  # largest margin over equity
ASSIGNED: Final = 20  # legs that expired in the money
EXITS: Final = 21  # first of the counters by reason
# Those below are of the book alone.
HEDGES: Final = 31  # trades in the underlying
UNDERLYING_PNL: Final = 32  # profit of the underlying that was held, after its costs
SHORTS_ASSIGNED: Final = 33
EARLY: Final = 34  # legs that were exercised before their expiry
UNQUOTED: Final = 35  # entries and exits for which a quote was missing
OF_DELTA: Final = 36  # profit by greek
OF_GAMMA: Final = 37
OF_THETA: Final = 38
OF_VEGA: Final = 39
PER_CONTRACT: Final = 40  # sum of the profits of positions over their contracts, and of squares
PER_CONTRACT_SQUARED: Final = 41
CARRIED: Final = 42  # marks of legs by a quote of an earlier bar
TOTALS_WIDTH: Final = 43

EXIT_REASONS: Final = (
    *("expiry", "margin_call", "stop_loss", "profit_target", "days_left"),
    *("early_exercise", "delta_breach", "touch", "days_held", "order"),
)
AT_EXPIRY: Final = 0
MARGIN_CALL: Final = 1
STOPPED: Final = 2
TARGET: Final = 3
DAYS_LEFT: Final = 4
EXERCISED: Final = 5
DELTA_BREACH: Final = 6
TOUCHED: Final = 7
DAYS_HELD: Final = 8
BY_ORDER: Final = 9
#: Of a stretch of the underlying on a tape: the holding changed, or the path ended.
REBALANCED: Final = 10

# --- tape: float64[TAPE_WIDTH, capacity], a column a leg of a position that was closed ----------
TAPE_COLUMNS: Final = (
    *("position", "leg", "call", "strike", "expiry_bar", "units", "entry_bar", "entry_price"),
    *("exit_bar", "exit_price", "pnl", "commission", "reason", "slippage"),
    *("delta", "gamma", "theta", "vega", "delta_pnl", "gamma_pnl", "theta_pnl", "vega_pnl"),
)
TAPE_WIDTH: Final = len(TAPE_COLUMNS)

# --- statuses ----------------------------------------------------------------------------------
OK: Final = 0
NOT_PRICED: Final = 1
TAPE_FULL: Final = 2  # the tape has to grow; no simulation ends with it
#: Added to a status of `engine.execution.layout` that a hook has brought about.
OF_HOOK: Final = 16

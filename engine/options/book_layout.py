"""Where everything lies in the arrays of the book, which trades several positions at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.framed_record import Entry, Layout, framed_record
from engine.options.book_american import PAD_WIDTH
from engine.options.layout import (
    MOST_LEGS,
    MOST_POSITIONS,
    SERIES_WIDTH,
    TABLES_WIDTH,
    TAPE_WIDTH,
    TERMS_WIDTH,
    TOTALS_WIDTH,
)
from engine.options.path_margin import MARGIN_ROOM
from engine.options.scan_rules import HELD_SCAN_WIDTH
from engine.options.smile_rows import SMILE_WIDTH
from engine.options.strike_grid import GRID_WIDTH
from engine.strategies.conditions import STEP_WIDTH

__all__ = ["BookArrays", "book_at"]

# --- own: float64[OWN_WIDTH], what the settings of a study say to the book alone -----------------
GREEKS: Final = 0  # non-zero: profit by greek
AMERICAN: Final = 1
PHYSICAL: Final = 2
KEEPS: Final = 3  # non-zero: the underlying that was delivered stays
OF_SPOT: Final = 4  # non-zero: greeks are those of a spot with a yield
RATE: Final = 5
YIELD_RATE: Final = 6  # of the underlying: the rate itself for a future
UNDERLYING_SHARE: Final = 7  # spread of the underlying, of its price
UNDERLYING_POINTS: Final = 8
UNDERLYING_COMMISSION: Final = 9  # per unit of the multiplier
UNDERLYING_MARGIN: Final = 10  # share of its value that holding it asks for
YEARS_OF_BAR: Final = 11
SECURED: Final = 12  # non-zero: short puts ask for their strikes
WIDER_OTM: Final = 13  # of the spread, per standard deviation out of the money
WIDER_NEAR: Final = 14  # of the spread on the last day, falling with the days left
BARS_OF_DAY: Final = 15
QUOTED_PRICES: Final = 16  # non-zero: prices are those of a chain
DIVIDEND: Final = 17  # that a unit of the underlying is paid per year
OWN_WIDTH: Final = 18

# --- positions: float64[MOST_POSITIONS, POSITION_WIDTH] -----------------------------------------
ACTIVE: Final = 0
NUMBER: Final = 1
ENTRY: Final = 2
NEAREST: Final = 3  # bar at which its nearest leg expires
CONTRACTS_HELD: Final = 4
CREDIT: Final = 5
REALISED: Final = 6  # by legs that have ended
PROFIT: Final = 7  # of everything that has ended, and of the underlying up to now
LAST_HEDGE: Final = 8
PART_PAID: Final = 9  # of the half-spread, by its fills
BESIDE: Final = 10  # of the underlying, held beside its options
POSITION_WIDTH: Final = 11

# --- states: float64[MOST_POSITIONS * MOST_LEGS, STATE_WIDTH], a leg of a position ---------------
HELD: Final = 0  # non-zero: open
STRIKE_OF: Final = 1
EXPIRY: Final = 2  # bar
UNITS: Final = 3  # contracts, below 0: sold
CALL: Final = 4
FILL: Final = 5
PAID: Final = 6  # at entry beside the middle, per unit
MIDDLE: Final = 7
HALF: Final = 8  # of the spread
AT: Final = 9  # price of the underlying
SIGMA: Final = 10
DELTA_NOW: Final = 11  # per unit
GAMMA_NOW: Final = 12
THETA_NOW: Final = 13
VEGA_NOW: Final = 14
DELTA_THEN: Final = 15  # at entry
GAMMA_THEN: Final = 16
THETA_THEN: Final = 17
VEGA_THEN: Final = 18
DELTA_PNL: Final = 19  # in account currency
GAMMA_PNL: Final = 20
THETA_PNL: Final = 21
VEGA_PNL: Final = 22
CONTRACT: Final = 23  # row of the chain
BEST_EXERCISED: Final = 24  # non-zero: worth more exercised than held
TRADEABLE: Final = 25  # non-zero: there is a quote
STATE_WIDTH: Final = 26

# --- holdings: float64[MOST_POSITIONS + 1, HOLDING_WIDTH], hedges, then what was delivered --------
AMOUNT: Final = 0  # contracts' worth
LAST_PRICE: Final = 1
FROM_BAR: Final = 2
FROM_PRICE: Final = 3
FEES: Final = 4
SLIPPED: Final = 5
DIVIDENDS: Final = 6
HOLDING_WIDTH: Final = 7
SHARES: Final = MOST_POSITIONS

# --- account: float64[ACCOUNT_WIDTH] ------------------------------------------------------------
MONEY: Final = 0
FULL: Final = 1  # non-zero: the tape had no room
OPENED: Final = 2
USED: Final = 3  # columns of the tape
WITH_GREEKS: Final = 4
PART_CROSSED: Final = 5  # of the half-spread, by a fill of what is opened next
ASKED: Final = 6  # contracts that a hook asked for; NaN: sized by the rules
TIED_UP: Final = 7  # margin at the last close
ACCOUNT_WIDTH: Final = 8

# --- contracts: float64[contracts, CONTRACT_WIDTH]; quotes: float64[QUOTE_WIDTH, contracts, bars]
QUOTED_EXPIRY: Final = 0  # bar; beyond the path: not tradeable
QUOTED_STRIKE: Final = 1
QUOTED_CALL: Final = 2
CONTRACT_WIDTH: Final = 3
BID: Final = 0
ASK: Final = 1
IMPLIED: Final = 2
QUOTED_DELTA: Final = 3
FRESH: Final = 4  # non-zero: a quote that is not too old
QUOTE_WIDTH: Final = 5

# --- reads: int64[READS_WIDTH], how rows that a strategy reads are filled on a path: addresses ---
SIMULATION: Final = 0  # of the frame of the simulation
PLANS: Final = 1
PLAN_COUNT: Final = 2
PLAN_WIDTH: Final = 3
WORK: Final = 4
ROW_FLAGS: Final = 5
FILL_CODE: Final = 6  # 0: there is nothing to read
READS_WIDTH: Final = 7

# --- groups: float64[groups, GROUP_WIDTH], legs that a hook opens together -----------------------
GROUP_FIRST: Final = 0  # of all legs of the parameter set
GROUP_SIZE: Final = 1
GROUP_CROSSED: Final = 2  # share of the half-spread that its fills pay
GROUP_WIDTH: Final = 3

# --- hook: int64[HOOK_WIDTH], the simulation whose hooks drive the book ---------------------------
HOOK_SET: Final = 0
HOOK_FIRST: Final = 1  # bar that trades
HOOK_STATUS: Final = 2
HOOK_FAILED: Final = 3  # rows that could not be filled
HOOK_STRATEGY: Final = 4  # address of its event loop
HOOK_STEP: Final = 5  # address of a step of the book
HOOK_WIDTH: Final = 6

# --- codes: int64[CODES_WIDTH], addresses of what is compiled where it is asked for ----------
OWN_FRAME: Final = 0  # of the book itself
AMERICAN_CODE: Final = 1
RULE_MARGIN_CODE: Final = 2
MARK_CODE: Final = 3
CLOSE_CODE: Final = 4
TRADE_CODE: Final = 5
CODES_WIDTH: Final = 6

_ARRAYS: Final = (
    *("series", "tables", "surface", "terms", "own", "plans", "positions", "states", "holdings"),
    *("account", "totals", "curve", "tape", "margin", "margin_room", "calls", "scans", "weekdays"),
    *("listed", "grid", "ticks", "contracts", "quotes", "strikes", "pad", "codes"),
    *("reads", "rows", "row_of", "row_flags", "row_work", "steps", "gate"),
    *("groups", "hook", "parameters"),
)
_FIRST_SIZE: Final = len(_ARRAYS)
# The arrays whose sizes are known only when it runs, with the axes that are.
_OPEN_AXES: Final = {
    "series": (1,), "tables": (1,), "surface": (0,), "plans": (0, 1), "curve": (0,),
    "tape": (1,), "margin": (0,), "weekdays": (0,), "listed": (0, 1), "grid": (0,),
    "ticks": (0,), "contracts": (0,), "quotes": (1, 2),
    "rows": (0,), "row_of": (0, 1), "row_flags": (0,), "row_work": (0,),
    "steps": (0,), "gate": (0,), "groups": (0,), "parameters": (0, 1),
}  # fmt: skip
_SIZES: Final = [(name, axis) for name, axes in _OPEN_AXES.items() for axis in axes]
_KNOWN: Final[dict[str, tuple[int, ...]]] = {
    "series": (SERIES_WIDTH, 0), "tables": (TABLES_WIDTH, 0), "surface": (0, SMILE_WIDTH),
    "terms": (TERMS_WIDTH,), "own": (OWN_WIDTH,), "plans": (0, 0),
    "positions": (MOST_POSITIONS, POSITION_WIDTH),
    "states": (MOST_POSITIONS * MOST_LEGS, STATE_WIDTH),
    "holdings": (MOST_POSITIONS + 1, HOLDING_WIDTH), "account": (ACCOUNT_WIDTH,),
    "totals": (TOTALS_WIDTH,), "curve": (0,), "tape": (TAPE_WIDTH, 0), "margin": (0,),
    "margin_room": MARGIN_ROOM, "calls": (MOST_LEGS,),
    "scans": (MOST_POSITIONS, HELD_SCAN_WIDTH), "weekdays": (0,), "listed": (0, 0),
    "grid": (0, GRID_WIDTH), "ticks": (0, 2), "contracts": (0, CONTRACT_WIDTH),
    "quotes": (QUOTE_WIDTH, 0, 0), "strikes": (MOST_LEGS,), "pad": (PAD_WIDTH,),
    "codes": (CODES_WIDTH,), "reads": (READS_WIDTH,),
    # Rows of indicators one behind the other, and which of them each output of a set is.
    "rows": (0,), "row_of": (0, 0), "row_flags": (0,), "row_work": (0,),
    "steps": (0, STEP_WIDTH), "gate": (0,), "groups": (0, GROUP_WIDTH),
    "hook": (HOOK_WIDTH,), "parameters": (0, 0),
}  # fmt: skip
_WHOLE: Final = frozenset(
    {"calls", "weekdays", "listed", "codes", "reads", "row_of", "row_flags", "steps", "hook"}
)


def _layout() -> Layout:
    made = {}
    for name in _ARRAYS:
        sizes: list[int | Entry] = list(_KNOWN[name])
        for axis in _OPEN_AXES.get(name, ()):
            sizes[axis] = Entry(_FIRST_SIZE + _SIZES.index((name, axis)))
        made[name] = ("int64" if name in _WHOLE else "float64", tuple(sizes))
    return made


#: Called inside compiled code: the book whose frame is at an address.
book_at: Any = framed_record("OptionBook", _layout())


class BookArrays:
    """The arrays of a book by name, and the frame by which compiled code reads them.

    Parameters
    ----------
    **given : ndarray
        Those whose sizes are not fixed, and any other; what is not given is made.
    """

    def __init__(self, **given: NDArray[Any]) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.frame = np.zeros(_FIRST_SIZE + len(_SIZES), dtype=np.int64)
        for name in _ARRAYS:
            kind = np.int64 if name in _WHOLE else np.float64
            self.put(name, given[name] if name in given else np.zeros(_KNOWN[name], dtype=kind))

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Let an array stand in the frame; it is kept alive."""
        kind = np.int64 if name in _WHOLE else np.float64
        assert array.flags.c_contiguous
        assert array.dtype == kind
        self.arrays[name] = array
        self.frame[_ARRAYS.index(name)] = array.ctypes.data
        for axis in _OPEN_AXES.get(name, ()):
            self.frame[_FIRST_SIZE + _SIZES.index((name, axis))] = array.shape[axis]

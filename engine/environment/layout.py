"""Where everything lies in the arrays that environments and their kernels share."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.framed_record import Entry, Layout, framed_record
from engine.execution.layout import REJECTIONS

# --- actions -------------------------------------------------------------------------------------
SIDES: Final = 0  # flat, long or short
TARGET: Final = 1  # a share of the limit, from -1 to 1
ORDERS: Final = 2  # kind, side and distance of an order

# --- settings: float64[SETTINGS_WIDTH], the same for every environment ---------------------------
ACTION_KIND: Final = 0
RUIN: Final = 1  # equity at which an episode terminates
DISTANCE: Final = 2  # of a resting order, per step of its action, as a share of the close
REWARD_CODE: Final = 3  # address of the reward's code; below 2**53, so a float64 holds it
BARS_PER_YEAR: Final = 4
AT_ONCE_FILLS: Final = 5  # non-zero: orders fill at the close at which they are placed
SETTINGS_WIDTH: Final = 6

# --- kept: float64[environments, KEPT_WIDTH], what an environment remembers from step to step
EQUITY: Final = 0  # at the close of the last bar
COMMISSION: Final = 1  # paid so far, as the account says
SLIPPAGE: Final = 2
PEAK: Final = 3  # highest equity so far
DEEPEST: Final = 4  # largest drawdown so far, in account currency
MARGIN_CALLED: Final = 5  # margin calls so far
START: Final = 6  # equity at the start
RETURN: Final = 7  # sum of rewards
STEPS: Final = 8  # so far
KEPT_WIDTH: Final = 9

# --- now: float64[environments, NOW_WIDTH], what a reward is told of a step ----------------------
NOW: Final = (
    "pnl",
    "gross_pnl",
    "commission",
    "slippage",
    "change",
    "exposure",
    "margin_calls",
    "refusals",
    "idle",
    "equity",
    "start",
    "drawdown",
    "deeper",
)
NOW_WIDTH: Final = len(NOW)
# --- whole: float64[environments, WHOLE_WIDTH], what a reward is told of an episode ---------------
WHOLE: Final = (
    "sharpe",
    "net_pnl",
    "max_drawdown",
    "losing_streak",
    "profit_factor",
    "win_rate",
    "diversity",
    "length",
)
WHOLE_WIDTH: Final = len(WHOLE)

# --- flags: int64[environments, FLAGS_WIDTH], of the last step -----------------------------------
REFUSED: Final = 0  # orders refused, one column for each reason
MARGIN: Final = len(REJECTIONS)  # margin calls
ENDED: Final = MARGIN + 1  # 1: terminated, 2: truncated
FAILED: Final = MARGIN + 2  # status of a simulation that failed, or one of those below
FLAGS_WIDTH: Final = MARGIN + 3
TERMINATED: Final = 1
TRUNCATED: Final = 2
OUT_OF_SPACE: Final = 101
REWARD_RAISED: Final = 102

# What the kernel that steps returns where no environment failed, besides 0.
NOTED: Final = -1  # the flags of one say something
AT_REST: Final = -2  # the episodes of all are over: nothing was stepped

# --- sizes ---------------------------------------------------------------------------------------
#: Numbers that a reward may remember over an episode.
REMEMBERED_WIDTH: Final = 8
#: Actions told apart where their diversity is measured.
ACTION_KINDS: Final = 8
#: Observations are cut to this size, so that their space has bounds.
LARGEST: Final = 1e12
#: Numbers of an account that are observed besides the position of each symbol.
ACCOUNT_FEATURES: Final = 4


class Environments(NamedTuple):
    """Arrays of environments that run side by side."""

    settings: NDArray[np.float64]  # (SETTINGS_WIDTH,)
    frames: NDArray[np.int64]  # (environments, width of a frame) of their simulations
    table_at: NDArray[np.int64]  # (environments,) address of the features that each reads
    actions: NDArray[np.float64]  # (environments, action width)
    observations: NDArray[np.float32]  # (environments, features)
    rewards: NDArray[np.float64]  # (environments,)
    bar: NDArray[np.int64]  # (environments,) bar at whose close each decides; -1: at rest
    kept: NDArray[np.float64]  # (environments, KEPT_WIDTH)
    now: NDArray[np.float64]  # (environments, NOW_WIDTH)
    whole: NDArray[np.float64]  # (environments, WHOLE_WIDTH)
    flags: NDArray[np.int64]  # (environments, FLAGS_WIDTH)
    remembered: NDArray[np.float64]  # (environments, REMEMBERED_WIDTH) by rewards
    taken: NDArray[np.float64]  # (environments, ACTION_KINDS) how often each action was
    sent: NDArray[np.int64]  # (environments, symbols) number of the last order
    held: NDArray[np.float64]  # (environments, symbols) units after the last step
    limits: NDArray[np.float64]  # (symbols,) largest position, in units
    weights: NDArray[np.float64]  # (weights,) of the reward
    chosen: NDArray[np.int64]  # (environments,) those to reset, the first of them
    fresh: NDArray[np.int64]  # (environments,) whether the features of each are to be filled
    plans: NDArray[np.float64]  # (rows, width) of the rows of indicators
    rows: NDArray[np.float64]  # (rows, bars) values of these
    work: NDArray[np.float64]  # (WORK_ROWS, bars)
    failed: NDArray[np.int64]  # (rows,)
    row_of: NDArray[np.int64]  # (market features,) row of each; -1 - k: row k of the clock
    clock: NDArray[np.float64]  # (clock rows, bars of a path)
    first_bars: NDArray[np.int64]  # (environments,) of the clock at which a window begins
    mean: NDArray[np.float64]  # (market features,)
    scale: NDArray[np.float64]  # (market features,) one over the spread
    metrics: NDArray[np.float64]  # (environments, metrics) of the order engine, at the end


_SIZES: Final[dict[str, tuple[str, tuple[str | int, ...]]]] = {
    "settings": ("float64", (SETTINGS_WIDTH,)),
    "frames": ("int64", ("environments", "frame")),
    "table_at": ("int64", ("environments",)),
    "actions": ("float64", ("environments", "action")),
    "observations": ("float32", ("environments", "features")),
    "rewards": ("float64", ("environments",)),
    "bar": ("int64", ("environments",)),
    "kept": ("float64", ("environments", KEPT_WIDTH)),
    "now": ("float64", ("environments", NOW_WIDTH)),
    "whole": ("float64", ("environments", WHOLE_WIDTH)),
    "flags": ("int64", ("environments", FLAGS_WIDTH)),
    "remembered": ("float64", ("environments", REMEMBERED_WIDTH)),
    "taken": ("float64", ("environments", ACTION_KINDS)),
    "sent": ("int64", ("environments", "symbols")),
    "held": ("float64", ("environments", "symbols")),
    "limits": ("float64", ("symbols",)),
    "weights": ("float64", ("weights",)),
    "chosen": ("int64", ("environments",)),
    "fresh": ("int64", ("environments",)),
    "plans": ("float64", ("rows", "plan")),
    "rows": ("float64", ("rows", "window")),
    "work": ("float64", ("work_rows", "window")),
    "failed": ("int64", ("rows",)),
    "row_of": ("int64", ("market",)),
    "clock": ("float64", ("clock_rows", "clock_bars")),
    "first_bars": ("int64", ("environments",)),
    "mean": ("float64", ("market",)),
    "scale": ("float64", ("market",)),
    "metrics": ("float64", ("environments", "metrics")),
}
_NAMED: Final = tuple(
    dict.fromkeys(size for _, sizes in _SIZES.values() for size in sizes if isinstance(size, str))
)
_PLACE: Final = {name: len(_SIZES) + place for place, name in enumerate(_NAMED)}
_LAYOUT: Final[Layout] = {
    name: (element, tuple(Entry(_PLACE[s]) if isinstance(s, str) else s for s in sizes))
    for name, (element, sizes) in _SIZES.items()
}

# Called inside compiled code: the environments whose control block is at an address.
environments_at: Any = framed_record("Environments", _LAYOUT)


def control_of(environments: Environments) -> NDArray[np.int64]:
    """Return the addresses and sizes of arrays, which must outlive it, as kernels take them."""
    control = np.zeros(len(_SIZES) + len(_NAMED), dtype=np.int64)
    for place, (name, (_, sizes)) in enumerate(_SIZES.items()):
        array = getattr(environments, name)
        control[place] = array.ctypes.data
        for size, found in zip(sizes, array.shape, strict=True):
            if isinstance(size, str):
                control[_PLACE[size]] = found
    return control

"""How large positions of an environment may be, and how many orders and lots it holds."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.environment.episodes import Episodes
from engine.environment.layout import ORDERS
from engine.environment.settings import ACTION_KINDS_BY_NAME, Settings
from engine.errors import Refusal
from engine.execution import Execution

__all__ = ["capacities_of", "limits_of"]

_CASH_SHARE: Final = 0.95


def limits_of(
    episodes: Episodes, settings: Settings, execution: Execution, s0: Any
) -> NDArray[np.float64]:
    """Return the largest position of each symbol that actions ask for, in units.

    Parameters
    ----------
    episodes : Episodes
        Theirs are the symbols, and of history the first prices.
    settings : Settings
        Of the environment: its `units`.
    execution : Execution
        Position limit, cash and instruments.
    s0 : float or tuple of float
        Start prices of paths.

    Returns
    -------
    ndarray of float64, shape (symbols,)

    Raises
    ------
    Refusal
        If `units` are not a number above 0, or one for each symbol.
    """
    symbols, given = episodes.symbols, settings.units
    if given is not None:
        limits = np.atleast_1d(np.asarray(given, dtype=np.float64))
        limits = np.repeat(limits, len(symbols)) if len(limits) == 1 else limits
        if len(limits) != len(symbols) or not (np.isfinite(limits) & (limits > 0)).all():
            raise Refusal("units", repr(given), f"a number above 0 for each of {symbols}")
        return limits
    if execution.position_limit is not None:
        return np.full(len(symbols), float(execution.position_limit))
    found = np.ones(len(symbols))
    share = _CASH_SHARE * execution.cash / len(symbols)
    for place, (symbol, price) in enumerate(zip(symbols, _prices(episodes, s0), strict=True)):
        terms = execution.terms_of(symbol)
        if not terms.futures:
            units = share / (abs(price) * terms.multiplier)
            lot = terms.lot_size
            found[place] = units if lot == 0.0 else max(math.floor(units / lot), 1) * lot
    return found


def capacities_of(
    episodes: Episodes, settings: Settings, execution: Execution, limits: NDArray[np.float64]
) -> tuple[int, int]:
    """Return how many orders may be open at once, and how many lots of a symbol."""
    kind = ACTION_KINDS_BY_NAME[settings.actions]
    orders = settings.order_capacity
    if orders is None:
        orders = 64 if kind == ORDERS else 8 * len(limits)
    lots = settings.lot_capacity
    if lots is None:
        lots = episodes.window_bars + 64
        sizes = [execution.terms_of(name).lot_size for name in episodes.symbols]
        if kind != ORDERS and min(sizes) > 0.0:
            # Each lot that is open holds at least the smallest size, within the limit.
            most = math.ceil(max(limits / np.array(sizes)))
            lots = min(lots, 2 * most + 8)
    return orders, lots


def _prices(episodes: Episodes, s0: Any) -> tuple[float, ...]:
    """Return where trading starts: of history at its first bar that is traded."""
    if not episodes.one_path:
        return episodes.source.start_prices(s0)
    opens = episodes.path(0)[:, episodes.fields.index("open"), :]
    return tuple(float(price) for price in opens[:, episodes.warm_up])

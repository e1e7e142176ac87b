"""Profit and loss of holding a contract and rolling it."""

from __future__ import annotations

from datetime import date

import polars as pl

from mc_assets.market_data.futures.roll import RollRule, held_contracts
from mc_assets.providers import MarketDataError

__all__ = ["holding_pnl", "night_by_night"]


def holding_pnl(
    curve: pl.DataFrame,
    roll: RollRule | None = None,
    *,
    multiplier: float = 1.0,
    contracts: float = 1.0,
    cost: float = 0.0,
) -> pl.DataFrame:
    """Profit of a position that is held and rolled at settlement prices.

    Parameters
    ----------
    curve : polars.DataFrame
        `curve.CURVE_SCHEMA`.
    roll : RollRule, optional
        When to roll; at the close of the last trade date by default.
    multiplier : float
        Units of the underlying per contract (1,000 barrels of crude oil).
    contracts : float
        Position; negative is short.
    cost : float
        Cost of one contract bought or sold, account currency; a roll is two.

    Returns
    -------
    polars.DataFrame
        ``date``, ``contract`` (held over the night), ``settle``, ``rolled``, ``pnl`` of the
        day net of the cost of its roll, and ``cumulative``. The first day has no profit.

    Notes
    -----
    A day's profit is the change of the contract held over the night before,
    ``multiplier × contracts × (settle[t] - settle[t-1])``. A roll changes the contract at the
    day's settlements and earns nothing by itself: the jump of an unadjusted continuous
    series is not a profit.
    """
    nights = night_by_night(curve, roll or RollRule())
    earned = (pl.col("settle_before") - pl.col("settle").shift(1)).fill_null(0.0)
    paid = pl.when("rolled").then(2.0 * cost * abs(contracts)).otherwise(0.0)
    return nights.select(
        "date",
        "contract",
        "settle",
        "rolled",
        pnl=multiplier * contracts * earned - paid,
    ).with_columns(cumulative=pl.col("pnl").cum_sum())


def night_by_night(curve: pl.DataFrame, roll: RollRule) -> pl.DataFrame:
    """Prices a holder sees: of the contract held into a day, and of the one held out of it.

    Returns
    -------
    polars.DataFrame
        ``date``, ``contract`` (held out of the day), ``settle`` (its price),
        ``settle_before`` (the same day's price of the contract held into it) and ``rolled``.

    Raises
    ------
    MarketDataError
        If the rule holds a contract that has no day in common with the one before it.

    Notes
    -----
    A day on which the held contract has no price is left out: what it earned is in the next
    day's change. A roll needs both prices of its day; where one is missing it moves to the
    nearest day before that has both, or else after.
    """
    held = held_contracts(curve, roll)
    priced = set(curve.select("date", "contract").iter_rows())
    days, contracts = held["date"].to_list(), held["contract"].to_list()
    _move_rolls(days, contracts, priced)
    held = pl.DataFrame({"date": days, "contract": contracts}, schema=held.schema)
    held = held.join(curve.select("date", "contract"), on=["date", "contract"], how="semi")
    held = held.sort("date")
    before = held["contract"].shift(1).fill_null(held["contract"].first())
    nights = held.with_columns(before=before).with_columns(
        rolled=pl.col("before") != pl.col("contract")
    )
    prices = curve.select("date", "contract", "price")
    nights = nights.join(
        prices.rename({"price": "settle"}), on=["date", "contract"], how="left"
    ).join(
        prices.rename({"price": "settle_before", "contract": "before"}),
        on=["date", "before"],
        how="left",
    )
    return nights.sort("date").select("date", "contract", "settle", "settle_before", "rolled")


def _move_rolls(days: list[date], contracts: list[str], priced: set[tuple[date, str]]) -> None:
    """Move each roll, in place, to a day on which both of its contracts have a price."""
    started = 0
    place = 1
    while place < len(days):
        old, new = contracts[place - 1], contracts[place]
        if old != new:
            end = next((at for at in range(place, len(days)) if contracts[at] != new), len(days))
            candidates = [*range(place, started - 1, -1), *range(place + 1, end)]
            both = [at for at in candidates if {(days[at], old), (days[at], new)} <= priced]
            if not both:
                raise MarketDataError(
                    new,
                    f"no day with a price of it and of {old} from {days[started]} to "
                    f"{days[end - 1]}",
                    "one to roll on",
                )
            roll_day = both[0]
            contracts[started:roll_day] = [old] * (roll_day - started)
            contracts[roll_day:end] = [new] * (end - roll_day)
            started = place = roll_day
        place += 1

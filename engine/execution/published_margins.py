"""Margins of futures as their clearing house published them.

What CME Clearing asked of an outright contract, initial of a speculator and maintenance, from a day
on: its performance bond advisories ("Chadv"), as QuantConnect's Lean lists them by contract
(``github.com/QuantConnect/Lean``, ``Data/future/EXCHANGE/margins/SYMBOL.csv``, the last row of the
newest version that was at hand on 27 November 2026). They move with the market; a study of another
time gives its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["PUBLISHED_MARGINS", "Margin"]


class Margin(NamedTuple):
    """Margins of a contract.

    Parameters
    ----------
    initial, maintenance : float
        Dollars per contract.
    since : str
        The day from which they held.
    """

    initial: float
    maintenance: float
    since: str


PUBLISHED_MARGINS: Final[dict[str, Margin]] = {
    "ES": Margin(11_880.0, 10_800.0, "2022-01-21"),
    "MES": Margin(1_188.0, 1_080.0, "2022-01-21"),
    "NQ": Margin(16_500.0, 15_000.0, "2022-01-21"),
    "MNQ": Margin(1_650.0, 1_500.0, "2022-01-21"),
    "RTY": Margin(6_050.0, 5_500.0, "2022-01-07"),
    "M2K": Margin(605.0, 550.0, "2022-01-07"),
    "YM": Margin(8_800.0, 8_000.0, "2022-01-21"),
    "MYM": Margin(880.0, 800.0, "2022-01-21"),
    "CL": Margin(7_480.0, 6_800.0, "2022-02-07"),
    "MCL": Margin(748.0, 680.0, "2022-02-07"),
    "NG": Margin(2_200.0, 2_000.0, "2020-05-08"),
    "GC": Margin(10_065.0, 9_150.0, "2020-04-14"),
    "MGC": Margin(660.0, 600.0, "2022-01-21"),
    "SI": Margin(10_450.0, 9_500.0, "2022-01-05"),
    "HG": Margin(2_970.0, 2_700.0, "2020-01-09"),
    "ZF": Margin(1_018.0, 925.0, "2021-11-30"),
    "ZN": Margin(1_980.0, 1_800.0, "2020-05-26"),
    "ZB": Margin(3_850.0, 3_500.0, "2021-05-27"),
    "6E": Margin(2_420.0, 2_200.0, "2021-04-16"),
    "6J": Margin(4_400.0, 4_000.0, "2020-03-24"),
    "6B": Margin(2_365.0, 2_150.0, "2021-04-30"),
    "ZC": Margin(990.0, 900.0, "2020-05-26"),
    "ZS": Margin(3_410.0, 3_100.0, "2016-07-19"),
    "ZW": Margin(1_568.0, 1_425.0, "2020-03-20"),
}

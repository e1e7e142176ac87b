"""Terms of the usual futures contracts, as their exchange publishes them.

From the contract specifications of CME Group (``cmegroup.com``, page "Contract Specs" of each
product): unit, price quotation, minimum price fluctuation, trading hours on Globex. Margins are no
terms of a contract: the clearing house moves them with the market. Those here are round figures of
2025's order, the initial one a tenth above maintenance; ``margin: published`` takes those of
`engine.execution.published_margins`, and a study that depends on them gives its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from engine.execution.session import Session

__all__ = ["FUTURES", "Contract"]

#: Of nearly all products: from the evening before, with an hour of maintenance.
_GLOBEX: Final = Session(zone="America/Chicago", open="17:00", close="16:00")
#: Of grains and oilseeds, which also pause from 7:45 to 8:30.
_GRAINS: Final = Session(zone="America/Chicago", open="19:00", close="13:20")


class Contract(NamedTuple):
    """Terms of a futures contract; prices are in US dollars, those of grains in cents.

    Parameters
    ----------
    name : str
        Of the product.
    unit : str
        What one contract is for.
    multiplier : float
        Dollars per point of the quoted price.
    tick : float
        Minimum price fluctuation of an outright.
    maintenance : float
        Maintenance margin of a contract in dollars, a round figure.
    hours : Session
        Trading hours on Globex.
    """

    name: str
    unit: str
    multiplier: float
    tick: float
    maintenance: float
    hours: Session = _GLOBEX

    @property
    def initial(self) -> float:
        """Initial margin of a contract: a tenth above maintenance."""
        return round(1.1 * self.maintenance, 2)


FUTURES: Final[dict[str, Contract]] = {
    # Equity indices: CME, and CBOT for the Dow.
    "ES": Contract("E-mini S&P 500", "$50 x index", 50.0, 0.25, 20_000.0),
    "MES": Contract("Micro E-mini S&P 500", "$5 x index", 5.0, 0.25, 2_000.0),
    "NQ": Contract("E-mini Nasdaq-100", "$20 x index", 20.0, 0.25, 30_000.0),
    "MNQ": Contract("Micro E-mini Nasdaq-100", "$2 x index", 2.0, 0.25, 3_000.0),
    "RTY": Contract("E-mini Russell 2000", "$50 x index", 50.0, 0.1, 9_000.0),
    "M2K": Contract("Micro E-mini Russell 2000", "$5 x index", 5.0, 0.1, 900.0),
    "YM": Contract("E-mini Dow", "$5 x index", 5.0, 1.0, 13_000.0),
    "MYM": Contract("Micro E-mini Dow", "$0.50 x index", 0.5, 1.0, 1_300.0),
    # Energy: NYMEX.
    "CL": Contract("WTI Crude Oil", "1,000 barrels", 1000.0, 0.01, 6_000.0),
    "MCL": Contract("Micro WTI Crude Oil", "100 barrels", 100.0, 0.01, 600.0),
    "NG": Contract("Henry Hub Natural Gas", "10,000 MMBtu", 10_000.0, 0.001, 5_000.0),
    # Metals: COMEX.
    "GC": Contract("Gold", "100 troy ounces", 100.0, 0.1, 20_000.0),
    "MGC": Contract("Micro Gold", "10 troy ounces", 10.0, 0.1, 2_000.0),
    "SI": Contract("Silver", "5,000 troy ounces", 5000.0, 0.005, 20_000.0),
    "HG": Contract("Copper", "25,000 pounds", 25_000.0, 0.0005, 10_000.0),
    # Treasuries: CBOT, quoted in points of 1/32 and parts of it.
    "ZF": Contract("5-Year T-Note", "$100,000 face value", 1000.0, 1.0 / 128.0, 1_300.0),
    "ZN": Contract("10-Year T-Note", "$100,000 face value", 1000.0, 1.0 / 64.0, 2_000.0),
    "ZB": Contract("T-Bond", "$100,000 face value", 1000.0, 1.0 / 32.0, 3_900.0),
    # Currencies: CME, quoted in dollars of one unit.
    "6E": Contract("Euro FX", "125,000 euros", 125_000.0, 0.00005, 2_800.0),
    "6J": Contract("Japanese Yen", "12,500,000 yen", 12_500_000.0, 0.0000005, 3_000.0),
    "6B": Contract("British Pound", "62,500 pounds", 62_500.0, 0.0001, 2_200.0),
    # Grains and oilseeds: CBOT, quoted in cents per bushel.
    "ZC": Contract("Corn", "5,000 bushels", 50.0, 0.25, 1_200.0, _GRAINS),
    "ZS": Contract("Soybeans", "5,000 bushels", 50.0, 0.25, 2_000.0, _GRAINS),
    "ZW": Contract("Chicago SRW Wheat", "5,000 bushels", 50.0, 0.25, 1_900.0, _GRAINS),
}

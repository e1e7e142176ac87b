"""Real bars, and other engines run on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.strategies import Backtest

REFERENCE_BARS = {
    "ES minutes": "data/minute/lean_es_z13_1min_trades.csv",
    "BTC minutes": "data/minute/lean_coinbase_btcusd_1min.csv",
    "AAPL days": "data/daily/lean_aapl_unadjusted_1998_2021.csv",
    "WTI closes": "data/daily/eia_wti_spot_daily.csv",
}


@pytest.fixture(scope="session")
def market(request: pytest.FixtureRequest) -> Callable[[str], Bars]:
    """Bars by name: "SP500 days", which every checkout has, or one of the reference data's."""
    known: dict[str, Bars] = {}

    def load(name: str) -> Bars:
        if name not in known:
            known[name] = _sp500() if name == "SP500 days" else _reference(request, name)
        return known[name]

    return load


def _sp500() -> Bars:
    from arch.data import sp500

    frame = sp500.load()[:1500]
    stamps = frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    names = ["Open", "High", "Low", "Close", "Volume"]
    return Bars("SP500", stamps, *(frame[name].to_numpy().astype(float) for name in names))


def _reference(request: pytest.FixtureRequest, name: str) -> Bars:
    folder: Path = request.getfixturevalue("reference")
    frame = pl.read_csv(folder / REFERENCE_BARS[name], null_values=".")
    when = frame.get_columns()[0].str.to_datetime(strict=True, time_zone="UTC")
    stamps = when.dt.epoch("us").to_numpy().astype(np.int64)
    if "Price" in frame.columns:
        # Settlements alone: a bar runs from the one before. Sub-zero days leave the peers behind.
        close = frame["Price"].to_numpy()[:6000].astype(float)
        opens = np.concatenate([close[:1], close[:-1]])
        high, low = np.maximum(opens, close), np.minimum(opens, close)
        return Bars(name, stamps[:6000], opens, high, low, close, np.ones(6000))
    columns = [frame[field].to_numpy().astype(float) for field in ("open", "high", "low", "close")]
    return Bars(name, stamps, *columns, frame["volume"].to_numpy().astype(float))


@dataclass(frozen=True)
class PeerRun:
    """What another engine did: trades in our column names, equity at every close."""

    trades: pl.DataFrame
    equity: np.ndarray
    figures: dict[str, Any]


@pytest.fixture(scope="session")
def backtesting_py() -> Callable[..., PeerRun]:
    """``run(bars, on_bar, **options)`` of backtesting.py; `on_bar` takes its strategy object."""
    peer = pytest.importorskip("backtesting", reason="backtesting.py is an optional dev extra")
    pd = pytest.importorskip("pandas")

    def run(bars: Bars, on_bar: Callable[[Any], None], **options: Any) -> PeerRun:
        columns = {name.title(): getattr(bars, name) for name in ("open", "high", "low", "close")}
        index = pd.to_datetime(bars.timestamps, unit="us")
        frame = pd.DataFrame({**columns, "Volume": bars.volume}, index=index)

        class Peer(peer.Strategy):
            def init(self) -> None:
                pass

            def next(self) -> None:
                on_bar(self)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            test = peer.Backtest(frame, Peer, **{"cash": 1_000_000, **options})
            stats = test.run()
        theirs = stats["_trades"]
        trades = pl.DataFrame(
            {
                "units": theirs["Size"].to_numpy().astype(float),
                "entry_bar": theirs["EntryBar"].to_numpy().astype(np.int64),
                "exit_bar": theirs["ExitBar"].to_numpy().astype(np.int64),
                "entry_price": theirs["EntryPrice"].to_numpy().astype(float),
                "exit_price": theirs["ExitPrice"].to_numpy().astype(float),
                "pnl": theirs["PnL"].to_numpy().astype(float),
                "commission": theirs["Commission"].to_numpy().astype(float),
            }
        )
        return PeerRun(trades, stats["_equity_curve"]["Equity"].to_numpy(), dict(stats))

    return run


TRADE_KEYS = ("entry_bar", "exit_bar", "units", "entry_price", "exit_price")


@pytest.fixture(scope="session")
def assert_same_run() -> Callable[..., None]:
    """Every trade, its profit and the equity at every close agree to the cent.

    `before` leaves out trades that end at that bar or later.
    """

    def check(
        ours: Backtest, theirs: PeerRun, *, at_least: int = 11, before: int | None = None
    ) -> None:
        mine = ours.trades.sort(*TRADE_KEYS)
        if before is not None:
            mine = mine.filter(pl.col("exit_bar") < before)
        other = theirs.trades.sort(*TRADE_KEYS)
        assert mine.height >= at_least
        assert mine.height == other.height
        assert mine["entry_bar"].to_list() == other["entry_bar"].to_list()
        assert mine["exit_bar"].to_list() == other["exit_bar"].to_list()
        np.testing.assert_allclose(mine["units"], other["units"], rtol=1e-12)
        for name in ("entry_price", "exit_price"):
            np.testing.assert_allclose(mine[name], other[name], rtol=1e-12)
        for name in ("pnl", "commission"):
            np.testing.assert_allclose(mine[name], other[name], rtol=0, atol=0.005)
        np.testing.assert_allclose(ours.equity, theirs.equity, rtol=0, atol=0.005)

    return check

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.sources import Bootstrap

DAY = 86_400_000_000
METHODS = ("iid", "moving_block", "circular_block", "stationary")


def bars_of(
    returns: NDArray[np.float64], symbol: str = "X", calendar: BarCalendar | None = None
) -> Bars:
    """Bars whose n + 1 closes have the given log returns, with gaps and ranges."""
    close = 100 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    opening = np.concatenate([[100.0], close[:-1]]) * (1 + 0.001 * np.cos(np.arange(close.size)))
    top, bottom = np.maximum(opening, close) * 1.002, np.minimum(opening, close) * 0.997
    stamps = np.arange(close.size, dtype=np.int64) * DAY
    volume = 1000.0 + np.arange(close.size)
    return Bars(symbol, stamps, opening, top, bottom, close, volume, calendar or BarCalendar())


def log_returns(block) -> NDArray[np.float64]:
    """Close-to-close log returns; the first bar follows a close of 100."""
    return np.diff(np.log(block.close), axis=-1, prepend=math.log(100.0))


@pytest.fixture(scope="module")
def small() -> Bars:
    return bars_of(np.random.default_rng(3).normal(0, 0.01, 400))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("paths", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_mean_and_variance_of_the_sample_mean_are_the_closed_forms(method, paths, reference: Path):
    table = json.loads((reference / "oracles" / "bootstrap_exact_variance.json").read_text())
    case = table["cases"]["ar1_phi07_n1200_b20"]
    series = np.loadtxt(reference / "oracles" / "ar1_phi07_n1200.csv", delimiter=",", skiprows=1)
    series = series[..., -1] if series.ndim == 2 else series
    # The series has unit scale; as log returns it is shrunk, which the statistics undo.
    source = Bootstrap(
        bars_of(series * 1e-3), method=method, block_length=1 if method == "iid" else 20
    )
    means = np.concatenate(
        [
            source.paths(
                seeds=[seed], paths_per_seed=2000, steps=1200, s0=100.0, bars="close"
            ).close[:, -1]
            for seed in range(paths // 2000)
        ]
    )
    means = np.log(means / 100) / 1200 * 1e3
    exact = case[f"{method}_var"]
    centre = case["moving_block_mean"] if method == "moving_block" else case["sample_mean"]
    assert abs(means.mean() - centre) < 4 * math.sqrt(exact / paths)
    assert abs(means.var() / exact - 1) < 4 * math.sqrt(2 / paths)


@pytest.mark.parametrize("method", METHODS)
def test_whole_bars_are_drawn(method, small):
    length = 1 if method == "iid" else 7
    block = Bootstrap(small, method=method, block_length=length).paths(seeds=range(9), steps=500)
    previous = np.concatenate([np.full((9, 1), small.close[-1]), block.close[:, :-1]], axis=1)
    records = np.stack(
        [getattr(block, name) / previous for name in ("open", "high", "low", "close")]
    )
    history = np.stack(
        [getattr(small, n)[1:] / small.close[:-1] for n in ("open", "high", "low", "close")]
    )
    drawn = (block.volume - 1001).astype(int)  # the fixture's volume numbers its bars
    np.testing.assert_allclose(records, history[:, drawn], rtol=1e-14)
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()


def _block_starts(drawn: NDArray, count: int) -> NDArray:
    return np.diff(drawn, axis=1) % count != 1


def test_moving_blocks_never_wrap_and_circular_blocks_do(small):
    for method, wraps in (("moving_block", False), ("circular_block", True)):
        source = Bootstrap(small, method=method, block_length=50)
        drawn = (source.paths(seeds=range(200), steps=500).volume - 1001).astype(int)
        inside = drawn.reshape(200, 10, 50)
        steps = np.diff(inside, axis=2)
        assert set(np.unique(steps)) == ({1, -399} if wraps else {1})


def test_stationary_blocks_have_geometric_lengths(small):
    source = Bootstrap(small, method="stationary", block_length=12.5)
    drawn = (source.paths(seeds=range(400), steps=1000).volume - 1001).astype(int)
    # A new block starts with probability 1/L; one in 400 goes unseen, the next bar by chance.
    share = _block_starts(drawn, 400).mean()
    expected = (1 / 12.5) * (1 - 1 / 400)
    assert abs(share - expected) < 4 * math.sqrt(expected / drawn.size)


def test_joint_blocks_keep_the_correlation_of_symbols():
    shocks = np.random.default_rng(5).normal(0, 0.01, (2, 1500))
    first, second = shocks[0], 0.8 * shocks[0] + 0.6 * shocks[1]
    history = (bars_of(first, "A"), bars_of(second, "B"))
    block = Bootstrap(history, method="CircularBlock", block_length=10).paths(
        seeds=range(100), steps=1500, s0=100.0
    )
    assert block.symbols == ("A", "B")
    returns = log_returns(block)
    found = np.corrcoef(returns[:, 0].ravel(), returns[:, 1].ravel())[0, 1]
    assert found == pytest.approx(np.corrcoef(first, second)[0, 1], abs=0.01)
    assert (block.volume[:, 0] == block.volume[:, 1]).all()


@pytest.mark.parametrize(
    ("spelling", "method"),
    [
        ("Stationary", "stationary"),
        ("MovingBlock", "moving_block"),
        ("CircularBlock", "circular_block"),
        ("IID", "iid"),
    ],
)
def test_class_style_spellings_are_accepted(spelling, method, small):
    assert Bootstrap(small, method=spelling, block_length=1).method == method


def test_the_automatic_block_length_is_that_of_arch(reference: Path):
    import polars as pl

    table = json.loads((reference / "oracles" / "optimal_block_length.json").read_text())
    expected = table["results"]["sp500_returns"]
    frame = pl.read_csv(reference / "data" / "daily" / "arch_sp500.csv")
    close = frame["Adj Close" if "Adj Close" in frame.columns else "Close"].to_numpy()
    returns = np.diff(close) / close[:-1]
    bars = bars_of(np.log1p(returns))
    length = Bootstrap(bars).resolved_block_length()
    assert length == pytest.approx(expected["arch_stationary"], rel=1e-9)
    circular = Bootstrap(bars, method="circular_block").resolved_block_length()
    assert circular == round(expected["arch_circular"])


def test_negative_prices_need_differences():
    price = np.array([20.0, 10.0, -37.63, 9.0, 12.0, 15.0])
    stamps = np.arange(6, dtype=np.int64) * DAY
    bars = Bars("WTI", stamps, price, price, price, price, np.zeros(6))
    with pytest.raises(ValueError, match=r"bars: WTI open: found -37.63 at bar 2, allowed > 0"):
        Bootstrap(bars, block_length=2)
    block = Bootstrap(bars, block_length=2, returns="difference").paths(
        seeds=range(50), steps=20, s0=-5.0
    )
    changes = np.diff(block.close, prepend=-5.0)
    assert np.isin(changes.round(9), np.diff(price).round(9)).all()


def test_the_session_clock_is_kept():
    minute = 60_000_000
    sessions, length = 30, 390
    stamps = (
        np.arange(sessions)[:, None] * DAY + 14 * 60 * minute + np.arange(length) * minute
    ).ravel()
    keep = np.random.default_rng(0).random(stamps.size) > 0.01
    keep[: 2 * length] = True
    stamps = stamps[keep].astype(np.int64)
    place = (stamps % DAY) // minute - 14 * 60
    price = 100 + np.sin(np.arange(stamps.size))
    bars = Bars(
        "ES", stamps, price, price + 1, price - 1, price, place.astype(float),
        BarCalendar("XNYS", "1m"),
    )  # fmt: skip
    source = Bootstrap(bars, method="stationary", block_length=60.0, session_clock=True)
    block = source.paths(seeds=range(10), steps=2 * length)
    assert (block.volume == np.arange(2 * length) % length).all()
    with pytest.raises(ValueError, match="session_clock: found bars of 1d, allowed intraday"):
        Bootstrap(bars_of(np.zeros(40)), session_clock=True, block_length=2).prepare(steps=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "jackknife"}, "method: found 'jackknife', allowed stationary, circular_block"),
        (
            {"block_length": 401},
            r"block_length: found 401, allowed 'auto' or a number from 1 to 400",
        ),
        ({"block_length": 0.5}, "block_length: found 0.5"),
        ({"block_length": "long"}, "block_length: found 'long'"),
        ({"method": "circular_block", "block_length": 2.5}, "allowed a whole number"),
        ({"returns": "log"}, "returns: found 'log'"),
    ],
)
def test_bad_options_are_named(arguments, message, small):
    with pytest.raises(ValueError, match=message):
        Bootstrap(small, **arguments)


def test_a_history_that_is_too_short_is_an_error(small):
    with pytest.raises(ValueError, match="bars: found 2 bars, allowed >= 3"):
        Bootstrap(small[:2])
    with pytest.raises(ValueError, match="bars: found 10 bars, allowed >= 30 for block_length"):
        Bootstrap(small[:10]).prepare(steps=5)
    with pytest.raises(ValueError, match="bars: found none"):
        Bootstrap(())


@pytest.mark.parametrize(
    ("file", "exchange"),
    [("lean_es_z13_1min_trades.csv", "CMES"), ("lean_coinbase_btcusd_1min.csv", "24/7")],
)
def test_real_minute_bars_keep_their_session_clock(file, exchange, reference: Path):
    import polars as pl

    frame = pl.read_csv(reference / "data" / "minute" / file, try_parse_dates=True)
    frame = frame.rename({"timestamp_utc": "timestamp"})
    stamps = frame["timestamp"].dt.epoch("us").to_numpy()
    bars = Bars(
        "X",
        stamps,
        *(frame[n].to_numpy().astype(float) for n in ("open", "high", "low", "close")),
        np.arange(len(frame), dtype=float),  # the volume numbers the bars
        BarCalendar(exchange, "1m"),
    )
    source = Bootstrap(bars, block_length=30.0, session_clock=True)
    block = source.paths(seeds=range(5), steps=2000)
    drawn = block.volume.astype(int)
    # Every path is at the same place of the session at the same step.
    place = stamps[drawn] // 60_000_000 % 1440
    assert (np.abs(place - np.median(place, axis=0)) <= 60).mean() > 0.99

"""American options on the quotes of a chain: volatilities, greeks, early exercise, real quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc

ES = "data/options/lean_es_futures_option_quotes_20200106.csv"
ES_FUTURES = "data/options/lean_es_future_quotes_20200106.csv"
SIGMA, RATE, YIELD = 0.3, 0.08, 0.0


def weekdays(first: str, after: str) -> Any:
    days = np.arange(first, after, dtype="datetime64[D]")
    return days[np.is_busday(days)]


def bars_of(days: Any, closes: Any, symbol: str = "ABC") -> mc.Bars:
    stamps = pl.Series(days.astype("datetime64[us]")).dt.replace_time_zone("UTC")
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    table = pl.DataFrame({"timestamp": stamps, **prices, "volume": np.ones(len(days))})
    return mc.Bars.from_frame(table, symbol=symbol)


def american_chain(days: Any, closes: Any, folder: Path) -> Path:
    """Quotes at the American price, a cent beside it, of puts and calls of one expiry."""
    expiry, rows = np.datetime64("2024-03-15"), []
    for day, close in zip(days, closes, strict=True):
        left = float((expiry - day).astype(int)) / 365.0
        if left <= 0.0:
            continue
        for right in ("call", "put"):
            for strike in range(80, 131, 5):
                value = float(
                    mc.american(
                        close, strike, left, SIGMA, model="black_scholes", rate=RATE,
                        dividend=YIELD, call=right == "call",
                    ).price
                )  # fmt: skip
                quote = (max(value - 0.01, 0.0), value + 0.01)
                rows.append((f"{day} 16:00", str(expiry), float(strike), right, *quote, close))
    names = ["quote_datetime", "expiration", "strike", "type", "bid", "ask", "underlying_price"]
    pl.DataFrame(rows, schema=names, orient="row").write_csv(folder / "american.csv")
    return folder / "american.csv"


def test_volatilities_and_greeks_are_those_of_the_american_price(tmp_path: Path) -> None:
    days = weekdays("2024-01-02", "2024-01-05")
    file = american_chain(days, np.full(len(days), 100.0), tmp_path)
    american = mc.read_option_chain(file, rate=RATE, exercise="american").frame
    european = mc.read_option_chain(file, rate=RATE).frame
    puts = (pl.col("right") == "put") & (pl.col("strike") == 110.0)
    found, taken = american.filter(puts), european.filter(puts)
    # The forward is read from American quotes by parity, which holds nearly: hence per cents.
    assert found["implied_volatility"].to_numpy() == pytest.approx(SIGMA, rel=0.03)
    assert (taken["implied_volatility"] - SIGMA).abs().min() > 0.01
    expected = mc.american(
        100.0, 110.0, found["years"].to_numpy(), SIGMA, model="black_scholes", rate=RATE,
        call=False,
    )  # fmt: skip
    assert found["delta"].to_numpy() == pytest.approx(expected.delta, abs=0.02)
    assert found["gamma"].to_numpy() == pytest.approx(expected.gamma, rel=0.1)


def test_a_put_deep_in_the_money_is_assigned_when_its_quote_says_so(tmp_path: Path) -> None:
    days = weekdays("2024-01-02", "2024-03-22")
    closes = np.concatenate([np.full(5, 100.0), np.full(len(days) - 5, 62.0)])
    file = american_chain(days, closes, tmp_path)
    leg = {"side": "sell", "right": "put", "by": "absolute", "otm": 100.0, "nth": 1}
    ended = {}
    for exercise in ("american", "european"):
        study = mc.Study(
            "assigned", bars_of(days, closes), "option_legs", {"entry_every": 1000}, seeds=1,
            options={
                "chain": {"file": str(file)}, "legs": [leg], "exercise": exercise, "rate": RATE,
                "pricing": "black_scholes",
            },
            record={"metrics": ["bar_trading", "options"], "trades": True},
        )  # fmt: skip
        results = study.run()
        row = results.frame
        ended[exercise] = (int(row["early_exercises"][0]), int(results.trades()["exit_bar"][0]))
        assert results.trades()["exit_price"][0] == pytest.approx(38.0)
    # At the first close at which the price has fallen, waiting is worth nothing.
    assert ended["american"] == (1, 5)
    expiry = int(np.flatnonzero(days == np.datetime64("2024-03-15"))[0])
    assert ended["european"] == (0, expiry)


def test_quotes_of_options_on_a_future_run_through_a_study(reference: Path) -> None:
    quoted = pl.read_csv(reference / ES_FUTURES).filter(pl.col("contract_month") == 202003)
    middle = quoted.select((pl.col("bid") + pl.col("ask")) / 2).to_series().to_list()
    days = weekdays("2020-01-06", "2020-03-21")
    # The close of the quoted day is the future's own; what follows is made up, as the file ends.
    closes = np.linspace(middle[-1], 3100.0, len(days))
    legs = [
        {"side": "sell", "right": "put", "by": "absolute", "otm": 3200.0, "nth": 1},
        {"side": "sell", "right": "call", "by": "absolute", "otm": 3250.0, "nth": 1},
    ]
    study = mc.Study(
        "es", bars_of(days, closes, "ES"), "option_legs", {"entry_every": 1000}, seeds=1,
        execution={"cash": 1_000_000.0},
        options={
            "chain": {"file": str(reference / ES), "underlying": "202003", "stale_after": 86_400},
            "legs": legs, "exercise": "american", "multiplier": 50, "greeks": True,
            "spread": {"crossed": 1.0},
        },
        record={"metrics": ["bar_trading", "options"], "trades": True},
    )  # fmt: skip
    results = study.run()
    trades = results.trades().sort("symbol")
    last = (
        pl.read_csv(reference / ES)
        .filter(pl.col("underlying_month") == 202003, pl.col("as_of").str.contains("T20:00"))
        .filter(pl.col("expiry") == 20200320)
    )
    for right, strike, row in (("call", 3250.0, 0), ("put", 3200.0, 1)):
        quote = last.filter(pl.col("right") == right, pl.col("strike") == strike)
        # The whole half-spread is crossed: what is sold is sold at the bid.
        assert trades["entry_price"][row] == pytest.approx(quote["bid"].item())
        worth = max(strike - 3100.0, 0.0) if right == "put" else 0.0
        assert trades["exit_price"][row] == pytest.approx(worth, abs=1.0)
    row = results.frame
    assert row["status"][0] == "ok"
    assert row["carried_marks"][0] > 50
    chain = mc.read_option_chain(reference / ES, underlying="202003", exercise="american")
    near = chain.frame.filter(pl.col("strike") == 3200.0, pl.col("right") == "put")
    assert trades["delta"][1] == pytest.approx(near["delta"][-1], abs=0.05)

"""Options that no study can trade are refused by the field that says so, before anything runs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc

PUT = {"side": "sell", "right": "put"}
DAYS = np.arange("2024-01-02", "2024-03-29", dtype="datetime64[D]")
DAYS = DAYS[np.is_busday(DAYS)]


def study(strategy: str, parameters: dict[str, Any], **options: Any) -> mc.Study:
    return mc.Study(
        "refused", mc.GBM(mu=0.0), strategy, parameters, seeds=1, steps=60, options=options
    )


def history(closes: Any) -> mc.Bars:
    stamps = pl.Series(DAYS[: len(closes)].astype("datetime64[us]")).dt.replace_time_zone("UTC")
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    frame = pl.DataFrame({"timestamp": stamps, **prices, "volume": np.ones(len(closes))})
    return mc.Bars.from_frame(frame, symbol="CL")


SWEPT = {"strikes": "absolute", "put_otm": [75.0, 71.3]}


@pytest.mark.parametrize(
    ("strategy", "parameters", "options", "sentence"),
    [
        ("short_put", SWEPT, {"strike_step": 0.25},
         "strategy.parameters.put_otm: found 71.3, a strike that is not listed, allowed listed "
         "ones, such as 71.25 or 71.5"),
        ("short_put", SWEPT, {"listing": "CL", "start": "2024-01-02"},
         "strategy.parameters.put_otm: found 71.3, a strike that is not listed"),
        ("option_legs", {}, {"legs": [PUT | {"otm": 150.0}]},
         "options.legs.0.otm: found 150 by percent, allowed less than 100"),
        ("short_put", {"put_otm": [2.0, 100.0]}, {},
         "strategy.parameters.put_otm: found 100 by percent, allowed less than 100"),
        ("option_legs", {}, {"legs": [PUT | {"otm": -5.0, "by": "absolute"}]},
         "options.legs.0.otm: found -5 by absolute, allowed a strike above 0"),
        ("short_put", {"strikes": "absolute", "put_otm": 0.0}, {},
         "strategy.parameters.put_otm: found 0 by absolute, allowed a strike above 0"),
        ("option_legs", {}, {"legs": [PUT | {"otm": -1.0, "by": "premium"}]},
         "options.legs.0.otm: found -1 by premium, allowed a premium of more than 0"),
        ("short_put", {"strikes": "premium", "put_otm": 0.0}, {},
         "strategy.parameters.put_otm: found 0 by premium"),
        ("option_legs", {}, {"legs": [PUT | {"by": "first_leg"}]},
         "options.legs.0.by: found first_leg, allowed a later leg"),
        ("option_legs", {}, {"legs": [PUT, PUT | {"by": "first_leg", "otm": 2.0}]},
         "options.legs.1.otm: found 2 by first_leg, allowed 0"),
        ("calendar_spread", {"dte": 10, "far_dte": [20, 10]}, {},
         "strategy.parameters.far_dte: found 10 with dte 10, allowed more than dte"),
        ("short_put", {"dte": 5}, {"volatility": {"kind": "realised", "lookback": 500}},
         "options.volatility.lookback: found 500 on paths of 60 bars, on which nothing would be "
         "opened, allowed at most 58"),
        ("short_put", {"dte": 21}, {"volatility": {"kind": "realised", "lookback": 40}},
         "found an expiry 21 bars after the entry, the first of which is at bar 40, on paths of "
         "60, allowed at most 19"),
    ],
)  # fmt: skip
def test_what_no_option_has_is_refused_by_the_field_that_asks_for_it(
    strategy: str, parameters: dict[str, Any], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(mc.Refusal) as refused:
        study(strategy, parameters, **options).resolve()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_below_zero_margin_is_an_amount_and_prices_of_zero_warn_of_nothing() -> None:
    closes = np.where(np.arange(50) < 10, 0.0, -15.0) + 0.01 * (np.arange(50) % 7)
    ran = {}
    for name, margin in (("share", 0.1), ("small", {"points": 5}), ("large", {"points": 5000})):
        each = mc.Study(
            "oil", history(closes), "short_put", {"dte": 20, "strikes": "points"}, seeds=1,
            options={"pricing": "bachelier", "volatility": 3.0, "margin": margin},
            record={"metrics": ["bar_trading", "options"]},
        )  # fmt: skip
        if name == "share":
            with pytest.raises(mc.Refusal, match=r"options\.margin: found 0\.1, a share of prices"):
                each.resolve()
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ran[name] = each.run(workers=1).frame.row(0, named=True)
    assert ran["small"]["trades"] > 0.0
    assert ran["large"]["trades"] == 0.0 < ran["large"]["rejected_orders"]


@pytest.mark.parametrize("greeks", [False, True])
def test_margin_in_points_is_that_of_each_uncovered_option(greeks: bool) -> None:
    """By the loop and by the book."""
    use = []
    for points in (0.0, 7.0):
        ran = mc.Study(
            "points", history(np.full(50, 100.0)), "short_put", {"dte": 20, "contracts": 3},
            seeds=1, record={"metrics": ["bar_trading", "options"]},
            options={"volatility": 0.2, "margin": {"points": points}, "greeks": greeks},
        ).run(workers=1).frame  # fmt: skip
        use.append(ran["max_margin_use"][0])
    assert use[1] - use[0] == pytest.approx(3 * 7.0 * 100.0 / 100_000.0, rel=1e-9)


@pytest.mark.parametrize("greeks", [False, True])
def test_a_calendar_spread_has_one_strike_under_carry(greeks: bool) -> None:
    trades = mc.Study(
        "calendar", mc.GBM(mu=0.0, sigma=0.3), "calendar_spread", {"dte": 10, "far_dte": 40},
        seeds=1, steps=60, record={"trades": True},
        options={"pricing": "black_scholes", "rate": 0.05, "greeks": greeks},
    ).run(workers=1).trades()  # fmt: skip
    strikes = trades["symbol"].str.split(" ").list.get(1)
    assert strikes[0] == strikes[1]
    assert float(strikes[0]) == pytest.approx(100.0 * np.exp(0.05 * 10 / 252), rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"listing": "CL", "start": "2024-01-02"},
        {"spread": {"points": 0.1}},
        {"spread": {"points": 0.1}, "greeks": True},
    ],
)
def test_an_option_that_brings_nothing_is_not_sold(options: dict[str, Any]) -> None:
    ran = mc.Study(
        "nothing", mc.GBM(mu=0.0, sigma=0.25), "short_put", {"dte": 10, "put_otm": 40}, seeds=1,
        steps=40, s0=75.0, options=options | {"volatility": 0.25, "commission": 2.5},
        record={"metrics": ["bar_trading", "options"]},
    ).run(workers=1).frame  # fmt: skip
    assert ran["trades"][0] == 0.0
    assert ran["unquoted"][0] > 0.0


@pytest.mark.parametrize("as_of", ["2024-01-02 16:00", "2024-01-02T21:00Z"])
def test_the_time_of_quotes_may_be_text(as_of: str) -> None:
    quote = {"expiry": "2024-02-16", "strike": 70.0, "right": "put", "bid": 1.0, "ask": 1.1}
    chain = mc.OptionChain.from_frame(pl.DataFrame(quote), as_of=as_of)
    assert chain.timestamps.tolist() == [1_704_229_200_000_000]
    with pytest.raises(mc.Refusal, match="as_of: found 'noon', allowed a time, such as"):
        mc.OptionChain.from_frame(pl.DataFrame(quote), as_of="noon")

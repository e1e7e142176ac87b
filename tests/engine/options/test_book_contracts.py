"""Studies of listed and of quoted options: which contracts are traded, at which prices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc

DAYS = np.arange("2024-01-02", "2024-04-30", dtype="datetime64[D]")
SESSIONS = DAYS[np.is_busday(DAYS)]
EXPIRIES = ("2024-01-19", "2024-02-16", "2024-03-15", "2024-04-19")
RECORD = {"metrics": ["bar_trading", "options"], "trades": True}
SIGMA = 0.2


def bars_of(closes: Any) -> mc.Bars:
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(SESSIONS.astype("datetime64[us]")).dt.replace_time_zone("UTC"),
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": np.ones(len(closes)),
        }
    )
    return mc.Bars.from_frame(frame, symbol="ABC")


@pytest.fixture(scope="module")
def bars() -> mc.Bars:
    draws = np.random.default_rng(3).standard_normal(len(SESSIONS))
    return bars_of(100.0 * np.exp(np.cumsum(0.012 * draws)))


def quotes(bars: mc.Bars, drop: Any = None) -> pl.DataFrame:
    """Quotes of every day at its close, by Black's formula, on strikes of 1 and 2.5 %."""
    rows = []
    for day, close in zip(SESSIONS, bars.close.tolist(), strict=True):
        for expiry in EXPIRIES:
            left = int(np.busday_count(day, np.datetime64(expiry)))
            if left <= 0 or (drop is not None and drop(str(day), expiry)):
                continue
            strikes = np.arange(80.0, 121.0)
            for right in ("call", "put"):
                values = mc.black76(close, strikes, left / 252, SIGMA, call=right == "call").price
                for strike, value in zip(strikes, values, strict=True):
                    half = 0.01 + 0.02 * value
                    rows.append(
                        (
                            f"{day} 16:00",
                            expiry,
                            strike,
                            right,
                            max(value - half, 0.0),
                            value + half,
                        )
                    )
    names = ["quote_datetime", "expiration", "strike", "type", "bid", "ask"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.fixture(scope="module")
def chain_file(bars: mc.Bars, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chains") / "abc.csv"
    quotes(bars).write_csv(path)
    return path


def study_on(bars: mc.Bars, path: Path, parameters: dict[str, Any], **options: Any) -> mc.Study:
    more = options.pop("strategy", "short_strangle")
    return mc.Study(
        "quoted", bars, more, parameters, seeds=1, record=RECORD,
        options={"chain": {"file": str(path)}, "multiplier": 100.0, "margin": 0.1, **options},
    )  # fmt: skip


def test_a_strangle_on_history_trades_the_nearest_quotes_at_a_share_of_their_spread(
    bars: mc.Bars, chain_file: Path
) -> None:
    ran = study_on(
        bars, chain_file, {"dte": 30, "put_otm": 4.2, "call_otm": 4.2}, spread={"crossed": 0.5}
    ).run(workers=1)
    rows = ran.trades()
    assert len(rows) >= 4
    table = pl.read_csv(chain_file, try_parse_dates=False)
    for row in rows.iter_rows(named=True):
        right, strike, expiry = row["symbol"].replace("@", "").split(" ")
        entry, close = row["entry_bar"], bars.close[row["entry_bar"]]
        seen = table.filter(
            (pl.col("quote_datetime") == f"{SESSIONS[entry]} 16:00") & (pl.col("type") == right)
        )
        ahead = {each: np.busday_count(SESSIONS[entry], np.datetime64(each)) for each in EXPIRIES}
        ahead = {each: left for each, left in ahead.items() if left > 0}
        nearest = min(ahead, key=lambda each: abs(ahead[each] - 30))
        assert int(expiry) == int(np.flatnonzero(np.datetime64(nearest) == SESSIONS)[0])
        target = close * (1.042 if right == "call" else 0.958)
        of_expiry = seen.filter(pl.col("expiration") == nearest)
        away = np.abs(of_expiry["strike"].to_numpy() - target)
        chosen = of_expiry.row(int(away.argmin()), named=True)
        assert float(strike) == chosen["strike"]
        middle, half = 0.5 * (chosen["bid"] + chosen["ask"]), 0.5 * (chosen["ask"] - chosen["bid"])
        assert row["entry_price"] == pytest.approx(middle - 0.5 * half, rel=1e-12)
        assert row["exit_bar"] == int(expiry)
        settled = bars.close[row["exit_bar"]] - float(strike)
        expected = max(settled if right == "call" else -settled, 0.0)
        assert row["exit_price"] == pytest.approx(expected, abs=1e-12)
    assert rows["pnl"].sum() == pytest.approx(ran.frame["net_pnl"][0], abs=1e-9)
    assert ran.frame["carried_marks"][0] == 0.0


def test_strikes_by_delta_are_chosen_by_the_deltas_of_quotes(
    bars: mc.Bars, chain_file: Path
) -> None:
    ran = study_on(
        bars, chain_file, {"dte": 30, "strikes": "delta", "put_otm": 0.25, "call_otm": 0.25},
        greeks=True,
    ).run(workers=1)  # fmt: skip
    rows = ran.trades()
    assert (rows["delta"].abs() - 0.25).abs().max() < 0.06
    told = ran.frame
    total = told.select("delta_pnl", "gamma_pnl", "theta_pnl", "vega_pnl", "rest_pnl")
    assert total.sum_horizontal()[0] == pytest.approx(told["net_pnl"][0], abs=1e-9)
    assert told["theta_pnl"][0] > 0.0


def test_missing_quotes_open_nothing_keep_marks_and_are_counted(
    bars: mc.Bars, tmp_path: Path
) -> None:
    whole, holed = tmp_path / "whole.csv", tmp_path / "holed.csv"
    quotes(bars).write_csv(whole)

    def missing(day: str, expiry: str) -> bool:
        return "2024-02-05" <= day <= "2024-02-09"

    quotes(bars, missing).write_csv(holed)
    parameters = {"dte": 30, "profit_target": 0.4}
    full, ran = (study_on(bars, path, parameters).run(workers=1).frame for path in (whole, holed))
    assert full["carried_marks"][0] == 0.0
    # Five days without quotes: a strangle that is open keeps its marks on each of them.
    assert ran["carried_marks"][0] == 10.0
    kept = study_on(
        bars, holed, parameters, chain={"file": str(holed), "stale_after": 10 * 86_400.0}
    ).run(workers=1)
    assert kept.frame["carried_marks"][0] == 0.0


def test_yesterdays_quote_does_not_stand_in_for_a_crossed_one_of_today(
    bars: mc.Bars, tmp_path: Path
) -> None:
    path = tmp_path / "crossed.csv"
    today = pl.col("quote_datetime").str.starts_with(str(SESSIONS[3]))
    crossed = {"bid": pl.col("ask"), "ask": pl.col("bid") - 0.01}
    quotes(bars).with_columns(
        pl.when(today).then(new).otherwise(pl.col(name)).alias(name)
        for name, new in crossed.items()
    ).write_csv(path)
    ran = study_on(bars, path, {"dte": 30, "exit_days": 3}).run(workers=1)
    assert ran.frame["carried_marks"][0] == 2.0
    assert ran.frame["unquoted"][0] == 1.0
    # Three days after the entry nothing has a quote: the strangle is closed on the fourth.
    assert ran.trades()["exit_bar"].to_list()[:2] == [4, 4]


def test_a_margin_call_waits_for_quotes_of_all_legs_and_is_counted(tmp_path: Path) -> None:
    jumps = bars_of(np.where(np.arange(len(SESSIONS)) < 2, 100.0, 116.0))
    gone = pl.col("quote_datetime").is_between(pl.lit(str(SESSIONS[1])), pl.lit(str(SESSIONS[9])))
    path = tmp_path / "gone.csv"
    quotes(jumps).filter(~(gone & (pl.col("type") == "put"))).write_csv(path)
    ran = study_on(jumps, path, {"dte": 30, "contracts": 60}).run(workers=1)
    # Called from the jump on, at bar 2; the puts are quoted again at bar 9.
    assert ran.trades()["exit_bar"].to_list()[:2] == [9, 9]
    assert ran.frame.select("margin_calls", "unquoted").row(0) == (1.0, 7.0)


def test_what_nobody_bids_for_is_not_sold(bars: mc.Bars, tmp_path: Path) -> None:
    path = tmp_path / "nobody.csv"
    quotes(bars).with_columns(
        bid=pl.when(pl.col("type") == "put").then(0.0).otherwise(pl.col("bid"))
    ).write_csv(path)
    ran = study_on(bars, path, {"dte": 30}).run(workers=1).frame
    assert ran["trades"][0] == 0.0
    # At every close that has an expiry within the path ahead of it.
    assert ran["unquoted"][0] == np.busday_count(SESSIONS[0], np.datetime64(EXPIRIES[-1]))


def test_a_study_of_quotes_is_known_by_their_content(
    bars: mc.Bars, chain_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(chain_file.read_bytes())
    first, same = (study_on(bars, path, {}).resolve().world.id for path in (chain_file, copy))
    assert first == same
    copy.write_bytes(chain_file.read_bytes() + b"\n2024-02-01 16:00,2024-03-15,200,call,0.1,0.2\n")
    assert study_on(bars, copy, {}).resolve().world.id != first


def test_a_study_file_names_its_chain_beside_itself(bars: mc.Bars, chain_file: Path) -> None:
    class Market:
        def bars(self, symbol: str, timeframe: str, **_: Any) -> mc.Bars:
            return bars

    file = chain_file.parent / "chained.yaml"
    file.write_text(
        "name: chained\n"
        "source: {model: historical, symbol: ABC, warm_up: 0}\n"
        "strategy: {name: covered_call, parameters: {dte: 30}}\n"
        "options: {chain: {file: abc.csv}, pricing: black_scholes}\n"
        "seeds: 1\n"
    )
    market: Any = Market()
    rows = mc.load_study(file).run(market_data=market, workers=1).frame
    assert rows["status"].to_list() == ["ok"]
    assert rows["trades"][0] >= 2.0


@pytest.mark.parametrize(
    ("listing", "parameters", "dates"),
    [
        ("CL", {"dte": 25}, {"monthly", "weekly"}),
        ("equity", {"dte": 25}, {"monthly", "weekly"}),
    ],
)
def test_listed_options_expire_and_are_struck_where_their_exchange_lists_them(
    listing: str, parameters: dict[str, Any], dates: set[str]
) -> None:
    from engine.options.expiry_rules import business_days

    study = mc.Study(
        "listed", mc.GBM(mu=0.0, sigma=0.3), "short_strangle", parameters, seeds=3, steps=126,
        s0=75.0, options={"listing": listing, "start": "2024-01-02"}, record=RECORD,
    )  # fmt: skip
    rows = study.run(workers=1).trades()
    terms = mc.option_listing(listing)
    days = business_days(2024, 2025)
    days = days[days >= np.datetime64("2024-01-02")][:126]
    allowed = {str(day) for day in terms.expiries("2024-01-02", "2024-12-31", sorted(dates))}
    for row in rows.iter_rows(named=True):
        _, strike, expiry = row["symbol"].replace("@", "").split(" ")
        assert str(days[int(expiry)]) in allowed
        assert abs(int(expiry) - row["entry_bar"] - 25) <= 4
        terms.grid.check(float(strike), price=75.0)
        steps = row["entry_price"] / terms.tick(row["entry_price"])
        assert steps == pytest.approx(round(steps), abs=1e-6)
    assert len(rows) >= 18


def test_the_nth_listed_month_is_the_nth() -> None:
    class Second(mc.OptionStrategy):
        """Sell the second month."""

        legs = (mc.Leg(side="sell", right="put", otm=3.0, nth=2, kinds=("monthly",)),)

    study = mc.Study(
        "second", mc.GBM(mu=0.0, sigma=0.3), Second, seeds=1, steps=126, s0=75.0,
        options={"listing": "CL", "start": "2024-01-02"}, record=RECORD,
    )  # fmt: skip
    first = study.run(workers=1).trades().row(0, named=True)
    expected = mc.option_listing("CL").nth_expiry("2024-01-02", 2)
    held = np.busday_count("2024-01-02", expected)
    assert abs(first["exit_bar"] - held) <= 3  # holidays


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"listing": "CL"}, "options.start: found none, with listed options on paths of gbm"),
        ({"chain": {"file": "none.csv"}}, "options.chain: found quotes on paths of gbm"),
        ({"chain": {"file": "none.csv"}, "listing": "CL"}, "listing: found CL beside a chain"),
        ({"listing": "XX"}, "listing"),
    ],
)
def test_contracts_that_nothing_tells_are_refused(options: dict[str, Any], message: str) -> None:
    study = mc.Study("refused", mc.GBM(mu=0.0), "short_put", seeds=1, steps=64, options=options)
    with pytest.raises(ValueError, match=message):
        study.resolve()


def test_a_leg_that_asks_for_listed_expiries_needs_a_listing() -> None:
    legs = [{"side": "sell", "right": "put", "nth": 2}]
    study = mc.Study(
        "refused", mc.GBM(mu=0.0), "option_legs", seeds=1, steps=64, options={"legs": legs}
    )
    with pytest.raises(mc.Refusal, match=r"options.legs.0.nth: found 2 without listed expiries"):
        study.resolve()


def test_a_file_without_quotes_is_named(bars: mc.Bars, tmp_path: Path) -> None:
    with pytest.raises(mc.Refusal, match=r"options.chain.file: found no file or folder"):
        study_on(bars, tmp_path / "none.csv", {}).resolve()


@pytest.mark.parametrize(
    ("options", "beside"),
    [
        ({"strike_step": 0.25}, "75 or 75.25"),
        ({"listing": "CL", "start": "2024-01-02"}, "75 or 75.5"),
    ],
)
def test_a_strike_off_the_grid_is_refused_with_those_beside_it(
    options: dict[str, Any], beside: str
) -> None:
    legs = [{"side": "sell", "right": "put", "by": "absolute", "otm": 75.1}]
    study = mc.Study(
        "refused", mc.GBM(mu=0.0), "option_legs", seeds=1, steps=64,
        options={"legs": legs, **options},
    )  # fmt: skip
    with pytest.raises(mc.Refusal, match=rf"options.legs.0.otm: found 75.1, .* such as {beside}"):
        study.resolve()


@pytest.mark.parametrize(
    ("strategy", "parameters", "legs", "field"),
    [
        ("option_legs", {}, [{"side": "sell", "right": "put", "otm": 1.5, "by": "delta"}],
         r"options\.legs\.0\.otm: found 1\.5"),
        ("short_strangle",
         {"strikes": ["percent", "delta"], "put_otm": [0.2, 2.0], "call_otm": 0.2},
         [], r"strategy\.parameters\.put_otm: found 2"),
    ],
)  # fmt: skip
def test_a_delta_that_no_option_has_is_refused_before_anything_runs(
    strategy: str, parameters: dict[str, Any], legs: list[dict[str, Any]], field: str
) -> None:
    study = mc.Study(
        "refused", mc.GBM(mu=0.0), strategy, parameters, seeds=1, steps=64,
        options={"legs": legs} if legs else {},
    )  # fmt: skip
    with pytest.raises(mc.Refusal, match=f"{field} by delta, allowed more than 0 and less than 1"):
        study.resolve()


def test_a_chain_of_one_instant_says_when_and_is_traded(reference: Path) -> None:
    file = str(reference / "data" / "options" / "lean_spx_chain_20151222.csv")
    days = np.arange("2015-12-21", "2016-01-20", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    prices = dict.fromkeys(("open", "high", "low", "close"), np.full(len(days), 2038.97))
    stamps = pl.Series(days.astype("datetime64[us]")).dt.replace_time_zone("UTC")
    index = mc.Bars.from_frame(
        pl.DataFrame({"timestamp": stamps, **prices, "volume": np.ones(len(days))}), symbol="SPX"
    )

    def study(**chain: Any) -> mc.Study:
        return mc.Study(
            "index", index, "short_strangle", {"dte": 20, "put_otm": 3, "call_otm": 3}, seeds=1,
            options={"chain": {"file": file, "underlying": "SPX", "stale_after": 86_400} | chain},
            record={"metrics": ["bar_trading", "options"], "trades": True},
        )  # fmt: skip

    with pytest.raises(mc.Refusal, match="allowed one for the time of the quotes; or give `as_of`"):
        study().resolve()
    ran = study(as_of="2015-12-22T16:15").run(workers=1)
    legs, row = ran.trades(), ran.frame.row(0, named=True)
    assert legs["symbol"].str.split(" ").list.first().to_list() == ["put", "call"]
    chain = mc.read_option_chain(file, as_of=datetime(2015, 12, 22, 16, 15), underlying="SPX")
    assert chain.counts == {"one price": len(chain.frame)} == {"one price": 233}
    # 16:15 is after the close of its day: the first close that knows it is the next.
    assert legs["entry_bar"].to_list() == [2, 2]
    assert row["premium"] == pytest.approx(100.0 * legs["entry_price"].sum(), abs=1e-9)
    # No quote came after the first day: marks are carried up to the expiry.
    assert row["carried_marks"] > 0.0
    assert row["net_pnl"] == pytest.approx(legs["pnl"].sum(), abs=1e-9)

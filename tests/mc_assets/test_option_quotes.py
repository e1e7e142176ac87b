"""Heston from option quotes named in the series file, end to end."""

import datetime
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.pricing.heston_prices import heston_price
from mc_assets.market_data import load_series
from mc_assets.market_data.option_quotes import OptionQuotes
from mc_assets.project import Project
from mc_assets.providers.errors import MarketDataError
from mc_assets.stored_market_data import StoredMarketData
from tests.mc_assets.mc_here import mc_here

CHECKOUT = Path(__file__).parents[2]
TRUE = {"v0": 0.05, "kappa": 2.0, "theta": 0.06, "xi": 0.7, "rho": -0.6}
DAY = datetime.date(2016, 6, 30)


def chain(day: datetime.date) -> pl.DataFrame:
    """Quotes of a surface with known parameters, bid and ask a hair apart."""
    strikes, rows = np.linspace(70.0, 140.0, 15), []
    for days in (36, 91, 182, 365, 730):
        for call in (True, False):
            prices = heston_price(100.0, strikes, days / 365, call=np.full(15, call), **TRUE)
            rows += [
                {
                    "as_of": day.isoformat(),
                    "expiry": (day + datetime.timedelta(days=days)).isoformat(),
                    "strike": strike,
                    "type": "call" if call else "put",
                    "bid": max(price, 1e-6) * 0.9999,
                    "ask": max(price, 1e-6) * 1.0001,
                }
                for strike, price in zip(strikes, prices, strict=True)
            ]
    return pl.DataFrame(rows)


def series_file(folder: Path, quotes: str, models: str = "gbm, heston") -> Path:
    file = folder / "series.yaml"
    file.write_text(
        "series:\n"
        "  - symbol: SP500\n"
        "    provider: csv\n"
        "    start: 2012-01-01\n"
        "    end: 2016-12-31\n"
        f"    options: {{path: '{CHECKOUT / 'data/sample/SP500.csv'}'}}\n"
        f"    models: [{models}]\n"
        f"    option_quotes: {quotes}\n"
    )
    return file


def quotes_of(folder: Path, name: str) -> OptionQuotes:
    config = load_series(series_file(folder, name))
    return OptionQuotes(config.series[0], config.folder)


@pytest.mark.slow
def test_dates_with_quotes_take_heston_from_them_and_studies_use_it(tmp_path):
    later = chain(DAY + datetime.timedelta(days=1)).with_columns(pl.col("bid", "ask") * 3)
    pl.concat([chain(DAY), later]).write_csv(tmp_path / "SP500_options.csv")
    (tmp_path / "studies").mkdir()
    study = tmp_path / "studies/on_quotes.yaml"
    study.write_text(
        "name: on_quotes\n"
        f"source: {{model: heston, symbol: SP500, calibration: {DAY}, steps: 5}}\n"
        "strategy: {name: buy_and_hold}\nseeds: 4\n"
    )
    places = {
        "MC_DATA": str(tmp_path / "data"),
        "MC_SERIES": str(series_file(tmp_path, "'{symbol}_options.csv'")),
        "MC_STUDIES": str(tmp_path / "studies"),
    }
    days = (DAY, DAY - datetime.timedelta(days=1))
    commands = [
        ["ingest", "SP500"],
        *(["calibrate", "SP500@1d", "--as-of", str(day), "--json"] for day in days),
        ["run", "on_quotes", "--json"],
        ["calibrate", "SP500@1d", "--as-of", str(DAY), "--compare", "--json"],
    ]
    printed = []
    for command in commands:
        done = mc_here(*command, places=places, folder=CHECKOUT)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    on_quotes, on_bars = (
        {row["parameter"]: row for row in json.loads(text) if row["model"] == "heston"}
        for text in printed[1:3]
    )
    # The quotes of the day after, three times as dear, have no say.
    for name, value in TRUE.items():
        assert on_quotes[name]["estimate"] == pytest.approx(value, rel=0.02)
        assert on_quotes[name]["std_error"] > 0.0
    assert json.loads(on_quotes["kappa"]["diagnostics"])["method"] == "option_surface"
    assert json.loads(on_bars["kappa"]["diagnostics"])["method"] != "option_surface"
    assert json.loads(printed[3])["failed"] == 0
    # Options have no likelihood to rank by, paths of their model have a realism.
    compared = json.loads(printed[4])
    assert [row["model"] for row in compared] == ["gbm", "heston"]
    assert compared[1]["note"] == "no likelihood"
    assert all(0.0 < row["realism"] <= 1.0 for row in compared)
    # What the study was handed for its date
    project = Project(CHECKOUT, tmp_path / "data", tmp_path / "studies", tmp_path / "series.yaml")
    used = StoredMarketData(project).calibration("SP500", "1d", "heston", DAY)
    assert used.diagnostics["method"] == "option_surface"
    assert used.start_state["variance"] == on_quotes["v0"]["estimate"]
    # Its lineage leads to the quotes of the day, the other's to the stored bars.
    assert used.history_hash == quotes_of(tmp_path, "SP500_options.csv").surface(DAY).data_hash
    assert on_bars["kappa"]["history_hash"] not in ("", used.history_hash)


def test_a_model_of_quotes_alone_is_calibrated_on_dates_that_have_some(tmp_path):
    chain(DAY).write_csv(tmp_path / "SP500_options.csv")
    places = {
        "MC_DATA": str(tmp_path / "data"),
        "MC_SERIES": str(series_file(tmp_path, "SP500_options.csv", models="bates, gbm")),
    }
    assert mc_here("ingest", "SP500", places=places, folder=CHECKOUT).returncode == 0
    rows = {}
    for day in (DAY, DAY - datetime.timedelta(days=1)):
        done = mc_here(
            *("calibrate", "SP500@1d", "--as-of", str(day), "--json"),
            places=places,
            folder=CHECKOUT,
        )
        rows[day] = [row for row in json.loads(done.stdout) if row["model"] == "bates"]
    found = {row["parameter"]: row for row in rows[DAY]}
    # The quotes are of a market without jumps, bid and ask a hair apart.
    assert found["rho"]["status"] in ("ok", "at_bound")
    for name, value in TRUE.items():
        assert found[name]["estimate"] == pytest.approx(value, rel=0.05)
    (none,) = rows[DAY - datetime.timedelta(days=1)]
    assert none["status"] == "failed"
    assert none["reason"] == "SP500@1d option_quotes: found none of 2016-06-29, allowed some"


def test_implied_volatilities_with_spot_and_rate_make_the_same_surface(tmp_path):
    frame = chain(DAY).with_columns(price=pl.mean_horizontal("bid", "ask"), spot=100.0, rate=0.0)
    frame.drop("bid", "ask").write_csv(tmp_path / "prices.csv")
    priced = quotes_of(tmp_path, "prices.csv").surface(DAY)
    iv = priced.implied_volatilities()
    kept = frame.filter(pl.Series(np.isfinite(iv))).drop("bid", "ask", "price")
    kept.with_columns(iv=pl.Series(iv[np.isfinite(iv)])).write_csv(tmp_path / "volatilities.csv")
    implied = quotes_of(tmp_path, "volatilities.csv").surface(DAY)
    np.testing.assert_allclose(implied.prices, priced.prices[np.isfinite(iv)], rtol=1e-9)
    assert priced.timeframe == "1d"


def test_the_date_of_a_chain_may_stand_in_its_name(tmp_path, reference):
    source = reference / "data/options/lean_spx_chain_20151222.csv"
    (tmp_path / "chains").mkdir()
    (tmp_path / "chains" / source.name).write_bytes(source.read_bytes())
    quotes = quotes_of(tmp_path, "chains/*.csv")
    day = datetime.date(2015, 12, 22)
    assert quotes.on(day)
    assert not quotes.on(day + datetime.timedelta(days=1))
    found = quotes.calibration("heston", day)
    assert found.ok
    assert found.as_of == day
    assert found.parameters["rho"] < -0.4
    # Of volatilities from 0.11 to 1.03; the best of twelve other starts is the same.
    assert found.diagnostics["rmse_volatility"] < 0.04
    assert found.diagnostics["expiries_left_out"] == 5
    assert found.diagnostics["quotes_used"] > 100


def test_the_last_instant_of_a_day_counts(tmp_path, reference):
    source = reference / "data/options/lean_es_futures_option_quotes_20200106.csv"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    found = quotes_of(tmp_path, source.name).surface(datetime.date(2020, 1, 6))
    last = pl.read_csv(source).filter(pl.col("as_of") == "2020-01-06T20:00Z")
    assert 0 < len(found) <= len(last)


def test_quotes_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(MarketDataError, match=r"option_quotes: found no file absent\.csv"):
        quotes_of(tmp_path, "absent.csv")
    chain(DAY).drop("strike").write_csv(tmp_path / "short.csv")
    with pytest.raises(MarketDataError, match=r"short.csv: found columns .* missing strike"):
        quotes_of(tmp_path, "short.csv")
    chain(DAY).drop("as_of").write_csv(tmp_path / "undated.csv")
    with pytest.raises(MarketDataError, match="found no column as_of and no date in the name"):
        quotes_of(tmp_path, "undated.csv")
    chain(DAY).with_columns(as_of=pl.lit("soon")).write_csv(tmp_path / "soon.csv")
    with pytest.raises(MarketDataError, match="as_of: found 'soon'"):
        quotes_of(tmp_path, "soon.csv")


def test_too_few_quotes_are_a_failed_calibration_with_the_reason(tmp_path):
    chain(DAY).head(4).with_columns(spot=100.0, rate=0.0).write_csv(tmp_path / "few.csv")
    found = quotes_of(tmp_path, "few.csv").calibration("heston", DAY)
    assert found.status == "failed"
    assert "allowed >= 8" in found.reason


@pytest.mark.parametrize(
    ("change", "reason", "count"),
    [
        ({"bid": -1.0}, "not positive", 40),
        ({"bid": 1e6}, "crossed", 40),
        ({"bid": None}, "not a number", 40),
        ({"bid": "n/a"}, "not a number", 40),
        ({"strike": -5.0}, "not positive", 40),
        ({"expiry": "2016-06-30"}, "expired", 40),
    ],
)
def test_bad_quotes_are_left_out_and_counted_by_reason(tmp_path, change, reason, count):
    frame = chain(DAY).with_columns(spot=100.0, rate=0.0)
    (name, value), bad = next(iter(change.items())), pl.int_range(pl.len()) < count
    column = pl.col(name).cast(pl.String) if isinstance(value, str) else pl.col(name)
    frame.with_columns(pl.when(bad).then(pl.lit(value)).otherwise(column).alias(name)).write_csv(
        tmp_path / "some.csv"
    )
    surface = quotes_of(tmp_path, "some.csv").surface(DAY)
    assert surface.left_out == {reason: count}
    assert len(surface) == len(frame) - count


def test_quotes_outside_the_no_arbitrage_bounds_are_counted(tmp_path):
    # Twice the strike is more than a put can be worth.
    dear = pl.when(pl.col("type") == "put").then(2.0 * pl.col("strike"))
    frame = chain(DAY).with_columns(spot=100.0, rate=0.0)
    frame = frame.with_columns(dear.otherwise(pl.col(name)).alias(name) for name in ("bid", "ask"))
    frame.write_csv(tmp_path / "dear.csv")
    found = quotes_of(tmp_path, "dear.csv").calibration("heston", DAY)
    outside = found.diagnostics["quotes_left_out"]["outside the no-arbitrage bounds"]
    # Out-of-the-money puts of five expiries
    assert outside == 5 * int((np.linspace(70.0, 140.0, 15) <= 100.0).sum())


def test_a_surface_of_bad_quotes_alone_fails_with_their_reasons(tmp_path):
    frame = chain(DAY).with_columns(pl.col("bid") * 10.0, spot=100.0, rate=0.0)
    frame.write_csv(tmp_path / "crossed.csv")
    found = quotes_of(tmp_path, "crossed.csv").calibration("heston", DAY)
    assert found.status == "failed"
    assert "chain: has no usable quote (left out: 150 crossed)" in found.reason
    chain(DAY).with_columns(type=pl.lit("straddle")).write_csv(tmp_path / "sides.csv")
    found = quotes_of(tmp_path, "sides.csv").calibration("heston", DAY)
    assert found.reason == "SP500 right: found 'straddle', allowed call or put"


def test_a_spot_without_a_rate_leaves_the_carry_to_parity_or_is_refused(tmp_path):
    frame = chain(DAY).with_columns(spot=90.0)
    frame.write_csv(tmp_path / "spot.csv")
    # Calls and puts say 100; the spot, a dividend ago, said 90.
    surface = quotes_of(tmp_path, "spot.csv").surface(DAY)
    np.testing.assert_allclose(surface.forwards, 100.0, rtol=1e-3)
    frame.drop("bid", "ask").with_columns(iv=0.2).write_csv(tmp_path / "implied.csv")
    found = quotes_of(tmp_path, "implied.csv").calibration("heston", DAY)
    assert found.status == "failed"
    assert "2016-06-30 rate: found none, allowed a column rate" in found.reason
    frame.with_columns(rate=pl.lit("low")).write_csv(tmp_path / "text.csv")
    assert (
        "rate: found 'low', allowed a number"
        in quotes_of(tmp_path, "text.csv").calibration("heston", DAY).reason
    )


def test_options_of_the_series_reach_the_estimate_on_quotes(tmp_path):
    chain(DAY).write_csv(tmp_path / "quotes.csv")
    file = series_file(tmp_path, "quotes.csv")
    file.write_text(file.read_text() + "    calibration: {heston: {mu: 0.07, window: full}}\n")
    config = load_series(file)
    found = OptionQuotes(config.series[0], config.folder).calibration("heston", DAY)
    assert found.parameters["mu"] == 0.07

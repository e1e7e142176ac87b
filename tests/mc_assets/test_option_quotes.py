"""Heston from option quotes named in the series file, end to end."""

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.calibration.heston_prices import heston_price
from mc_assets.market_data import load_series
from mc_assets.market_data.option_quotes import OptionQuotes
from mc_assets.providers.errors import MarketDataError

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


def series_file(folder: Path, quotes: str) -> Path:
    file = folder / "series.yaml"
    file.write_text(
        "series:\n"
        "  - symbol: SP500\n"
        "    provider: csv\n"
        "    start: 2012-01-01\n"
        "    end: 2016-12-31\n"
        f"    options: {{path: '{CHECKOUT / 'data/sample/SP500.csv'}'}}\n"
        "    models: [gbm, heston]\n"
        f"    option_quotes: {quotes}\n"
    )
    return file


def quotes_of(folder: Path, name: str) -> OptionQuotes:
    config = load_series(series_file(folder, name))
    return OptionQuotes(config.series[0], config.folder)


def test_dates_with_quotes_take_heston_from_them_and_other_dates_from_the_bars(tmp_path):
    later = chain(DAY + datetime.timedelta(days=1)).with_columns(pl.col("bid", "ask") * 3)
    pl.concat([chain(DAY), later]).write_csv(tmp_path / "SP500_options.csv")
    environment = os.environ | {
        "MC_DATA": str(tmp_path / "data"),
        "MC_SERIES": str(series_file(tmp_path, "'{symbol}_options.csv'")),
    }

    def mc(*arguments: str) -> str:
        command = [sys.executable, "-c", "from mc_assets.cli import main; main()", *arguments]
        done = subprocess.run(
            command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    mc("ingest", "SP500")
    found = {}
    for day in (DAY, DAY - datetime.timedelta(days=1)):
        rows = json.loads(mc("calibrate", "SP500@1d", "--as-of", str(day), "--json"))
        found[day] = {row["parameter"]: row for row in rows if row["model"] == "heston"}
    on_quotes = found[DAY]
    # The quotes of the day after, three times as dear, have no say.
    for name, value in TRUE.items():
        assert on_quotes[name]["estimate"] == pytest.approx(value, rel=0.02)
        assert on_quotes[name]["std_error"] > 0.0
    assert json.loads(on_quotes["kappa"]["diagnostics"])["method"] == "option_surface"
    on_bars = found[DAY - datetime.timedelta(days=1)]
    assert json.loads(on_bars["kappa"]["diagnostics"])["method"] != "option_surface"


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
    found = quotes.heston(day)
    assert found.ok
    assert found.as_of == day
    assert found.parameters["rho"] < -0.4
    assert found.diagnostics["rmse_volatility"] < 0.03


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
    chain(DAY).head(4).with_columns(spot=100.0).write_csv(tmp_path / "few.csv")
    found = quotes_of(tmp_path, "few.csv").heston(DAY)
    assert found.status == "failed"
    assert "allowed >= 8" in found.reason

"""A user's model and models of a futures curve, from bars to a study, through Dagster."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.sources import Schwartz2F, load_user_sources, make_source, registry
from mc_assets.project import Project
from mc_assets.stored_market_data import StoredMarketData

CHECKOUT = Path(__file__).parents[2]
CEV = CHECKOUT / "tests/engine/calibration/cev_model.py"
AS_OF = "2016-06-30"

SERIES = """
series:
  - symbol: OWN
    provider: csv
    start: 2014-01-02
    end: 2016-06-30
    options: {path: own.csv}
    models: [gbm, {model: cev, file: models/cev.py}, {model: gone, file: models/cev.py},
             {model: broken, file: models/broken.py}]
    calibration: {cev: {window: "rolling:2y"}}
  - symbol: OIL
    provider: futures
    exchange: CMES
    start: 2016-01-04
    end: 2016-06-30
    options: {path: curve.csv, expiries: expiries.csv, root: X}
    models: [gbm, schwartz_1f, schwartz_smith]
"""
STUDY = """
name: own
source: {model: cev, file: ../models/cev.py, symbol: OWN, calibration: latest, steps: 60,
         parameters: {beta: 1.0}}
strategy: {name: buy_and_hold}
seeds: 20
"""


def own_bars(days: pl.Series, file: Path) -> pl.DataFrame:
    """Closes of the user's model: 2 S^0.5, 20 % a year at a price of 100."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_SOURCES", dict(registry._SOURCES))
        load_user_sources(file)
        source = make_source("cev", {"sigma": 2.0, "beta": 0.5})
        block = source.paths(seeds=[5], steps=len(days), s0=100.0, dt=1 / 252)
    names = ("open", "high", "low", "close")
    columns = {name: block.field(name)[0] for name in names}
    return pl.DataFrame({"date": days, **columns, "volume": 1.0})


def oil_curve(days: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Settlements of four contracts under Schwartz's two factors, and when they expire."""
    model = Schwartz2F(mu=0.1, sigma_spot=0.3, kappa=1.5, alpha=0.05, sigma_yield=0.3, rho=0.7)
    block = model.paths(seeds=[3], steps=len(days), s0=50.0, dt=1 / 252, bars="close")
    spot, convenience = block.close[0], block.field("convenience_yield")[0]
    codes = {f"X{letter}16": month for letter, month in zip("NQUVXZ", range(7, 13), strict=True)}
    last = {code: date(2016, month, 20) for code, month in codes.items()}
    rng = np.random.default_rng(2)
    rows = []
    for day, price, state in zip(days, spot, convenience, strict=True):
        for code, end in last.items():
            fair = float(model.futures(price, state, (end - day).days / 365.0))
            noisy = fair * math.exp(0.002 * rng.standard_normal())
            rows.append({"date": day, "contract": code, "settle": noisy, "volume": 1000})
    table = {
        "contract": list(last),
        "last_trade_date": list(last.values()),
    }
    return pl.DataFrame(rows), pl.DataFrame(table)


NIGHT = """
import sys
from mc_assets.pipeline import Step, bar_steps, run_pipeline
from mc_assets.project import Project

project = Project.from_environment()
keys = ["OWN@1d", "OIL@1d"]
run_pipeline(project, bar_steps(project, keys))
for asset in ("calibrations", "source_realism"):
    for key in keys:
        partition = f"{sys.argv[1]}|{key}"
        run_pipeline(project, [Step(asset, [asset], (partition, partition))])
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("users")
    days = pl.read_csv(CHECKOUT / "data/sample/SP500.csv", try_parse_dates=True)["Date"]
    days = days.filter(days.is_between(date(2014, 1, 2), date.fromisoformat(AS_OF)))
    # A place of its own: a file that this process has loaded is not run again.
    shutil.copy(CEV, folder / "truth.py")
    own_bars(days, folder / "truth.py").write_csv(folder / "own.csv")
    curve, expiries = oil_curve(days.filter(days >= date(2016, 1, 4)))
    curve.write_csv(folder / "curve.csv")
    expiries.write_csv(folder / "expiries.csv")
    (folder / "models").mkdir()
    shutil.copy(CEV, folder / "models/cev.py")
    (folder / "models/broken.py").write_text("def broken(:\n")
    (folder / "studies").mkdir()
    (folder / "studies/own.yaml").write_text(STUDY)
    (folder / "series.yaml").write_text(SERIES)
    environment = os.environ | {
        "MC_DATA": str(folder / "data"),
        "MC_STUDIES": str(folder / "studies"),
        "MC_SERIES": str(folder / "series.yaml"),
    }
    done = subprocess.run(
        [sys.executable, "-c", NIGHT, AS_OF],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, pl.read_parquet(folder / "data/calibrations/**/*.parquet")


def chosen(rows: pl.DataFrame, symbol: str, model: str) -> dict[str, dict[str, Any]]:
    found = rows.filter(pl.col("symbol") == symbol, pl.col("model") == model)
    return {row["parameter"]: row for row in found.iter_rows(named=True)}


def test_the_users_model_is_estimated_beside_the_built_in_ones(night) -> None:
    _, rows = night
    assert chosen(rows, "OWN", "gbm").keys() == {"mu", "sigma"}
    found = chosen(rows, "OWN", "cev")
    for name, truth in (("sigma", 2.0), ("beta", 0.5)):
        assert found[name]["status"] == "ok"
        assert abs(found[name]["estimate"] - truth) < 4 * found[name]["std_error"]
    assert found["beta"]["window"] == "rolling:2y"
    assert 480 < found["beta"]["n"] < 510


def test_a_file_that_is_wrong_fails_its_model_alone(night) -> None:
    _, rows = night
    failed = rows.filter(pl.col("status") == "failed")
    reasons = {row["model"]: row["reason"] for row in failed.iter_rows(named=True)}
    assert reasons.keys() == {"gone", "broken"}
    assert reasons["gone"] == "models/cev.py: found no model 'gone', allowed cev"
    assert reasons["broken"].endswith("broken.py, line 1: invalid syntax")


def test_the_models_that_a_series_names_decide_what_is_estimated_on_its_curve(night) -> None:
    _, rows = night
    models = set(rows.filter(pl.col("symbol") == "OIL")["model"])
    assert models == {"gbm", "schwartz_1f", "schwartz_smith"}
    smith = chosen(rows, "OIL", "schwartz_smith")
    assert smith["kappa"]["status"] == "ok"
    # sigma_chi = sigma_yield / kappa
    for name, truth in (("kappa", 1.5), ("sigma_chi", 0.2)):
        assert abs(smith[name]["estimate"] - truth) < 4 * smith[name]["std_error"]
    # Only a curve tells a risk premium.
    assert "lambda_" in chosen(rows, "OIL", "schwartz_1f")


def test_a_study_runs_on_the_newest_calibration_of_the_users_model(
    night, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rows = night
    monkeypatch.setattr(registry, "_SOURCES", dict(registry._SOURCES))
    project = Project(CHECKOUT, folder / "data", folder / "studies", folder / "series.yaml")
    study = mc.load_study(folder / "studies/own.yaml")
    results = study.run(market_data=StoredMarketData(project))
    assert results.frame["status"].to_list() == ["ok"] * 20
    job = study.resolve(StoredMarketData(project))
    assert job.sources[0].values == {
        "sigma": chosen(rows, "OWN", "cev")["sigma"]["estimate"],
        "beta": 1.0,
    }


def test_its_paths_are_compared_with_history(night) -> None:
    folder, _ = night
    looks = pl.read_parquet(folder / "data/source_realism/**/*.parquet")
    models = set(looks.filter(pl.col("symbol") == "OWN")["model"])
    assert models == {"gbm", "cev"}

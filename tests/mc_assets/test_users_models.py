"""A user's model and models of a futures curve, from bars to a study, through `mc` and Dagster."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.sources import Schwartz2F, load_user_sources, make_source
from mc_assets.answers.calibrations import stored_calibrations
from mc_assets.answers.catalogue import list_sources
from mc_assets.backfills import outdated_steps
from mc_assets.calibration_store import CalibrationStore
from mc_assets.cli import main
from mc_assets.market_data import load_series
from mc_assets.periods import period_of
from mc_assets.pipeline import run_pipeline
from mc_assets.project import Project
from mc_assets.providers import MarketDataError
from mc_assets.series_models import calibrated_models, load_models
from mc_assets.steps import Step
from mc_assets.stored_market_data import StoredMarketData
from tests.mc_assets.mc_here import call_here, users_code_forgotten

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
    models:
      - gbm
      - {model: cev, file: models/cev.py}
      - {model: gone, file: models/cev.py}
      - {model: broken, file: models/broken.py}
      - {model: absent, file: models/absent.py}
      - {model: mute, file: models/wrong.py}
      - {model: no_fit, file: models/wrong.py}
      - {model: raising, file: models/wrong.py}
      - {model: unready, file: models/wrong.py}
    calibration: {cev: {window: "rolling:2y"}}
  - symbol: OIL
    provider: futures
    exchange: CMES
    start: 2016-01-04
    end: 2016-06-30
    options: {path: curve.csv, expiries: expiries.csv, root: X}
    models: [gbm, {model: schwartz_1f, data: curve}, schwartz_smith]
"""
WRONG = """
from engine.calibration import Fit
from engine.sources import StepModel, parameter

class Mute(StepModel):
    name = "mute"
    level: float = parameter(1.0)

    @staticmethod
    def step(price, state, shocks, constants):
        return price

class NoFit(Mute):
    name = "no_fit"

    @classmethod
    def calibrate(cls, bars):
        return {"level": 1.0}

class Raising(Mute):
    name = "raising"

    @classmethod
    def calibrate(cls, bars):
        return {}["level"]

class Unready(Mute):
    name = "unready"

    @classmethod
    def calibrate(cls, bars, window):
        return Fit({"level": 1.0})
"""
STUDY = """
name: own
source: {model: cev, file: ../models/cev.py, symbol: OWN, calibration: latest, steps: 60,
         parameters: {beta: 1.0}}
strategy: {name: buy_and_hold}
seeds: 20
"""


CONTRACTS = """
name: contracts
source: {model: rolling_futures, symbol: OIL, calibration: latest, parameters: draw, steps: 40,
         options: {model: schwartz_smith, contracts: [1]}}
strategy: {name: buy_and_hold}
seeds: 20
"""


def own_bars(days: pl.Series, file: Path) -> pl.DataFrame:
    """Closes of the user's model: 2 S^0.5, 20 % a year at a price of 100."""
    with users_code_forgotten():
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


class Home:
    """A project of its own, with what a user keeps in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = Project(
            CHECKOUT, folder / "data", folder / "studies", folder / "series.yaml"
        )

    @property
    def model(self) -> Path:
        """The user's model."""
        return self.folder / "models/cev.py"

    def run(self, code: Callable[[], object], *arguments: str) -> str:
        """Run a function that finds the project; return what it printed."""
        places = {
            "MC_DATA": str(self.project.data),
            "MC_STUDIES": str(self.project.studies),
            "MC_SERIES": str(self.project.series),
        }
        done = call_here(code, *arguments, places=places, folder=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def mc(self, *arguments: str) -> str:
        """Run `mc` with arguments; return what it printed."""
        return self.run(main, *arguments)

    def rows(self) -> pl.DataFrame:
        """Every stored calibration."""
        return pl.read_parquet(self.folder / "data/calibrations/**/*.parquet")

    def chosen(self, symbol: str, model: str) -> dict[str, dict[str, Any]]:
        """Rows of a model by parameter."""
        found = self.rows().filter(pl.col("symbol") == symbol, pl.col("model") == model)
        return {row["parameter"]: row for row in found.iter_rows(named=True)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("users")
    made = Home(folder)
    days = pl.read_csv(CHECKOUT / "data/sample/SP500.csv", try_parse_dates=True)["Date"]
    days = days.filter(days.is_between(date(2014, 1, 2), date.fromisoformat(AS_OF)))
    # A place of its own: a file that this process has loaded is not run again.
    shutil.copy(CEV, folder / "truth.py")
    own_bars(days, folder / "truth.py").write_csv(folder / "own.csv")
    curve, expiries = oil_curve(days.filter(days >= date(2016, 1, 4)))
    curve.write_csv(folder / "curve.csv")
    expiries.write_csv(folder / "expiries.csv")
    made.model.parent.mkdir()
    shutil.copy(CEV, made.model)
    (folder / "models/broken.py").write_text("def broken(:\n")
    (folder / "models/wrong.py").write_text(WRONG)
    (folder / "studies").mkdir()
    (folder / "studies/own.yaml").write_text(STUDY)
    (folder / "series.yaml").write_text(SERIES)
    with users_code_forgotten():
        made.mc("ingest")
        (folder / "calibrated.txt").write_text(made.mc("calibrate"))
    return made


@pytest.fixture
def copy(home: Home, tmp_path: Path) -> Iterator[Home]:
    """The same project at another place, which a test may change."""
    shutil.copytree(home.folder, tmp_path, dirs_exist_ok=True)
    with users_code_forgotten():
        yield Home(tmp_path)


def test_the_users_model_is_estimated_beside_the_built_in_ones(home: Home) -> None:
    assert home.chosen("OWN", "gbm").keys() == {"mu", "sigma"}
    found = home.chosen("OWN", "cev")
    for name, truth in (("sigma", 2.0), ("beta", 0.5)):
        assert found[name]["status"] == "ok"
        assert str(found[name]["as_of"]) == AS_OF
        assert abs(found[name]["estimate"] - truth) < 4 * found[name]["std_error"]
    assert found["beta"]["window"] == "rolling:2y"
    assert 480 < found["beta"]["n"] < 510


REASONS = {
    "gone": "models/cev.py: found no model 'gone', allowed cev",
    "broken": "{folder}/models/broken.py, line 1: invalid syntax",
    "absent": "user file: found no {folder}/models/absent.py, allowed an existing .py file or "
    "folder",
    "mute": "calibrate of mute: found none, allowed a class method calibrate(cls, bars) that "
    "returns a Fit",
    "no_fit": "calibrate of no_fit: found dict, allowed a Fit",
    "raising": "calibrate of raising: raised KeyError: 'level' ({folder}/models/wrong.py, line 25)",
    "unready": "calibrate of unready: found argument window, allowed other names: the data that "
    "it gets are cut already",
}


def test_what_is_wrong_with_a_users_model_is_one_sentence_and_fails_it_alone(home: Home) -> None:
    failed = home.rows().filter(pl.col("status") == "failed")
    reasons = {row["model"]: row["reason"] for row in failed.iter_rows(named=True)}
    assert reasons == {
        model: text.format(folder=home.folder.resolve()) for model, text in REASONS.items()
    }
    printed = (home.folder / "calibrated.txt").read_text()
    for model, reason in reasons.items():
        assert f"OWN {model}: {reason}\n" in printed


def test_a_futures_series_has_the_models_of_its_curve_that_are_asked_for(home: Home) -> None:
    models = set(home.rows().filter(pl.col("symbol") == "OIL")["model"])
    assert models == {"gbm", "schwartz_1f", "schwartz_2f", "schwartz_smith"}
    smith = home.chosen("OIL", "schwartz_smith")
    assert smith["kappa"]["status"] == "ok"
    # sigma_chi = sigma_yield / kappa
    for name, truth in (("kappa", 1.5), ("sigma_chi", 0.2)):
        assert abs(smith[name]["estimate"] - truth) < 4 * smith[name]["std_error"]
    # Only a curve tells a risk premium.
    assert "lambda_" in home.chosen("OIL", "schwartz_1f")


def test_without_a_word_a_futures_series_keeps_its_one_factor_model_on_bars(home: Home) -> None:
    series = load_series(home.project.series)["OIL@1d"]
    unnamed = calibrated_models(series.model_copy(update={"models": None}))
    assert {*unnamed} == {*mc.calibration.SPOT_MODELS, "schwartz_2f"}
    assert {entry.data for entry in unnamed.values()} == {None}


def test_a_study_runs_on_the_newest_calibration_of_the_users_model_and_replays(
    copy: Home,
) -> None:
    assert "mean net P&L" in copy.mc("run", "own")
    again = json.loads(copy.mc("replay", "own", "3", "--json"))
    study = mc.load_study(copy.folder / "studies/own.yaml")
    market_data = StoredMarketData(copy.project)
    rows = study.run(market_data=market_data).frame.sort("simulation")
    assert rows["status"].to_list() == ["ok"] * 20
    assert again["seed"] == rows["seed"][3]
    assert again["metrics"]["net_pnl"] == rows["net_pnl"][3] != 0.0
    source = study.resolve(market_data).world.source
    assert source.values == {"sigma": copy.chosen("OWN", "cev")["sigma"]["estimate"], "beta": 1.0}


@pytest.mark.slow
def test_a_study_trades_contracts_of_the_calibrated_curve(copy: Home) -> None:
    (copy.folder / "studies/contracts.yaml").write_text(CONTRACTS)
    assert "mean net P&L" in copy.mc("run", "contracts")
    study = mc.load_study(copy.folder / "studies/contracts.yaml")
    source = study.resolve(StoredMarketData(copy.project)).world.source
    assert source.values["kappa"] == copy.chosen("OIL", "schwartz_smith")["kappa"]["estimate"]
    assert source.values["chi0"] != 0.0


@pytest.mark.slow
def test_its_paths_are_compared_with_history(copy: Home) -> None:
    partition = f"{period_of(date.fromisoformat(AS_OF))}|OWN@1d"
    config: dict[str, dict[str, object]] = {"source_realism": {"dates": [AS_OF]}}
    step = Step("", ["source_realism"], (partition, partition), config=config)
    copy.run(lambda: run_pipeline(copy.project, [step]))
    looks = pl.read_parquet(copy.folder / "data/source_realism/**/*.parquet")
    assert set(looks["model"]) == {"gbm", "cev"}


def test_an_estimate_counts_as_missing_once_the_users_estimator_computes_something_else(
    copy: Home,
) -> None:
    def outdated() -> list[str]:
        return [step.title for step in outdated_steps(copy.project, ["OWN@1d"])]

    def models() -> set[str]:
        return set(stored_calibrations(copy.project, ["OWN@1d"])["model"])

    made_with = copy.chosen("OWN", "cev")["sigma"]["estimator_version"]
    assert len(made_with) == 16
    assert outdated() == []
    text = copy.model.read_text()
    copy.model.write_text(f"# A remark changes nothing.\n{text}")
    assert outdated() == []
    assert {"gbm", "cev"} <= models()
    assert text.count("bounds=(-1.0, 2.0)") == 1
    copy.model.write_text(text.replace("bounds=(-1.0, 2.0)", "bounds=(-0.5, 2.0)"))
    assert len(outdated()) == 1
    assert models() >= {"gbm"}
    assert "cev" not in models()
    with pytest.raises(ValueError, match=f"estimator version {made_with}, allowed") as refused:
        StoredMarketData(copy.project).calibration("OWN", "1d", "cev", "latest")
    assert f"`mc calibrate OWN@1d --as-of {AS_OF}` makes it anew" in str(refused.value)
    copy.mc("calibrate", "--outdated")
    assert outdated() == []
    assert copy.chosen("OWN", "cev")["sigma"]["estimator_version"] != made_with
    assert StoredMarketData(copy.project).calibration("OWN", "1d", "cev", "latest").ok


def test_a_users_model_whose_file_is_not_loaded_cannot_be_judged(copy: Home) -> None:
    store = CalibrationStore(copy.project.data)
    copy.model.write_text(copy.model.read_text().replace("bounds=(-1.0", "bounds=(-0.5"))
    assert store.outdated("OWN", "1d", ["cev"]) == []
    config = load_series(copy.project.series)
    load_models(config["OWN@1d"], config.folder)
    assert store.outdated("OWN", "1d", ["cev"]) == [date.fromisoformat(AS_OF)]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (
            "[cev]",
            "models: found 'cev', allowed bates, bootstrap, .*, or one of your own as {model:",
        ),
        ("[{model: c-e-v, file: a.py}]", r"models\[0\].model: found 'c-e-v', allowed up to 80 let"),
        ("[{model: cev, fil: a.py}]", r"models\[0\].fil: "),
        ("[{model: schwartz_1f, data: curve}]", "found data curve for schwartz_1f, allowed on a"),
        ("[kou]", "models: found 'kou', allowed bates, bootstrap"),
    ],
)
def test_a_wrong_entry_of_models_is_named(tmp_path: Path, models: str, message: str) -> None:
    file = tmp_path / "series.yaml"
    file.write_text(
        "series:\n  - {symbol: A, provider: csv, start: 2020-01-02, options: {path: a.csv},\n"
        f"     models: {models}}}\n"
    )
    with pytest.raises(MarketDataError, match=message):
        load_series(file)


def test_a_package_that_declares_no_model_hides_no_other_from_the_list(
    copy: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[mc_lab.models]\nlost = nowhere_at_all:Lost\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = list_sources(copy.project)
    assert {"cev", "gbm", "kou"} <= {entry.name for entry in found.entries}
    assert [problem for problem in found.problems if "lost" in problem] == [
        "source lost: found the entry point nowhere_at_all:Lost, which cannot be imported "
        "(ModuleNotFoundError: No module named 'nowhere_at_all'), allowed a subclass of Source"
    ]

"""A user's own model with its own estimator."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import engine as mc
from engine.bars import Bars
from engine.calibration import (
    Fit,
    FuturesPanel,
    calibrate,
    calibrate_dates,
    data_of,
    model_names,
    try_calibrate,
)
from engine.sources import get_source, load_user_sources
from engine.sources.registered import SOURCES

CEV = Path(__file__).with_name("cev_model.py")


@pytest.fixture(scope="module", autouse=True)
def users_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Register the models of this file, and forget them afterwards."""
    path = tmp_path_factory.mktemp("models") / "others.py"
    path.write_text(OTHERS)
    before = dict(SOURCES)
    assert load_user_sources(CEV) == ("cev",)
    assert load_user_sources(path) == ("curved", "wrong")
    yield
    SOURCES.clear()
    SOURCES.update(before)


OTHERS = """
import numpy as np
from engine.calibration import Fit, FuturesPanel
from engine.sources import StepModel, parameter

class Curved(StepModel):
    name = "curved"
    level: float = parameter(0.0)

    @staticmethod
    def step(price, state, shocks, constants):
        return price

    @classmethod
    def calibrate(cls, panel: FuturesPanel) -> Fit:
        return Fit({"level": float(np.nanmean(panel.prices))}, n=7)

class Wrong(StepModel):
    name = "wrong"
    low: float = parameter(1.0, low=0.0)
    high: float = parameter(2.0)
    returned = None

    @classmethod
    def calibrate(cls, bars):
        return cls.returned
"""


@pytest.fixture(scope="module")
def bars() -> Bars:
    """A path of the model itself: sigma 2, beta 0.5, that is 20 % a year at a price of 100."""
    source = get_source("cev")(sigma=2.0, beta=0.5)
    block = source.paths(seeds=[5], steps=1500, s0=100.0, dt=1 / 252)
    stamps = np.arange(1500, dtype=np.int64) * 86_400_000_000 + 946_900_000_000_000
    columns = [block.values[0, 0, k] for k in range(5)]
    return Bars("X", stamps, *columns)


def test_parameters_come_back_within_their_errors(bars: Bars) -> None:
    found = calibrate("cev", bars)
    assert found.ok
    assert (found.model, found.symbol, found.timeframe, found.n) == ("cev", "X", "1d", 1499)
    for name, truth in (("sigma", 2.0), ("beta", 0.5)):
        assert abs(found.parameters[name] - truth) < 4 * found.std_errors[name]
    assert found.std_errors["beta"] < 0.3
    assert found.covariance[0, 1] < 0.0
    assert found.aic == pytest.approx(4.0 - 2.0 * found.log_likelihood)
    assert mc.make_source("cev", found.parameters).values == found.parameters


def test_the_estimator_sees_nothing_after_its_date_and_nothing_before_its_window(
    bars: Bars,
) -> None:
    day = date(2002, 6, 28)
    crash = bars.close.copy()
    known = int(np.searchsorted(bars.timestamps, 1_025_300_000_000_000))
    crash[known + 2 :] *= 0.1
    planted = Bars("X", bars.timestamps, crash, crash, crash, crash, bars.volume)
    own = Bars("X", bars.timestamps, *[bars.close] * 4, bars.volume)
    for window in ("full", "rolling:1y"):
        before, after = (
            calibrate("cev", item, as_of=day, window=window) for item in (own, planted)
        )
        assert before.parameters == after.parameters
        assert before.as_of == day
        assert before.window == window
    assert calibrate("cev", own, as_of=day, window="rolling:1y").n in range(362, 368)
    with pytest.raises(ValueError, match="window of cev: found exponential:1y, allowed full"):
        calibrate("cev", own, window="exponential:1y")


def test_its_own_arguments_are_options(bars: Bars) -> None:
    assert calibrate("cev", bars, beta=1.0).parameters["beta"] == 1.0
    with pytest.raises(
        ValueError, match="option of cev: found 'alpha', allowed as_of, window, beta"
    ):
        calibrate("cev", bars, alpha=1.0)


def test_it_is_listed_and_calibrated_beside_the_built_in_ones(bars: Bars) -> None:
    assert "cev" in model_names()
    assert data_of("cev") == ("Bars",)
    days = [date(2002, 6, 28), date(2002, 6, 29)]
    found = list(calibrate_dates(bars, days, ["gbm", "cev"]))
    assert [(c.model, c.as_of) for c in found] == [
        (model, day) for day in days for model in ("gbm", "cev")
    ]
    assert all(c.ok for c in found)


@pytest.mark.slow
def test_other_processes_know_it_by_its_file(bars: Bars) -> None:
    days = [date(2002, 6, day) for day in range(1, 20)]
    one, two = (
        [c.to_rows() for c in calibrate_dates(bars, days, ["cev"], workers=workers)]
        for workers in (1, 2)
    )
    assert one == two


def test_a_failed_estimate_is_a_row_with_its_reason(bars: Bars) -> None:
    found = try_calibrate("cev", bars[:10])
    assert not found.ok
    assert found.reason == "X bars: found 9 changes, allowed >= 30"


def test_a_model_may_ask_for_a_futures_curve(bars: Bars) -> None:
    prices = np.outer(np.arange(1.0, 61.0), [1.0, 3.0])
    panel = FuturesPanel.from_arrays(prices, [0.1, 0.5], dt=1 / 52)
    found = calibrate("curved", panel)
    assert found.parameters == {"level": 61.0}
    assert math.isnan(found.std_errors["level"])
    assert (found.n, found.as_of) == (7, panel.last_date)
    early = calibrate("curved", panel, as_of=panel.dates[9], window="rolling:1y")
    assert early.parameters == {"level": 11.0}
    assert data_of("curved") == ("FuturesPanel",)
    with pytest.raises(ValueError, match="data of curved: found Bars, allowed FuturesPanel"):
        calibrate("curved", bars)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "calibrate of wrong: found NoneType, allowed a Fit"),
        (Fit({}), "found no parameters, allowed low, high"),
        (Fit({"lo": 1.0}), "found parameter 'lo', allowed low, high"),
        (Fit({"low": -1.0}), "low in calibrate of wrong: found -1.0, allowed >= 0"),
        (Fit({"low": math.nan}), "found nan, allowed >= 0"),
        (Fit({"low": 1.0}, {"high": 1.0}), "found std_errors of high, allowed those of low"),
        (Fit({"low": 1.0}, covariance=np.eye(2)), r"found a covariance of shape \(2, 2\), allowed"),
        (Fit({"low": 1.0}, {"low": 1.0}, [[1.0]]), "found std_errors and covariance, allowed one"),
        (Fit({"low": 1.0}, n=0), "found n 0, allowed at least 1"),
        (Fit({"low": 1.0}, diagnostics={"data": object()}), r"diagnostics that JSON cannot hold"),
        (Fit([1.0]), "found parameter 1.0, allowed low, high"),
        (Fit({"low": 1.0}, log_likelihood="much"), "found log_likelihood 'much', allowed a number"),
    ],
)
def test_what_is_no_fit_is_named(bars: Bars, monkeypatch, returned, message: str) -> None:
    monkeypatch.setattr(get_source("wrong"), "returned", returned)
    with pytest.raises(ValueError, match=message):
        calibrate("wrong", bars)


def test_numbers_of_numpy_are_taken_as_they_are_meant(bars: Bars, monkeypatch) -> None:
    fit = Fit({"low": np.float64(1.0)}, n=np.int64(9), diagnostics={"converged": np.bool_(False)})
    monkeypatch.setattr(get_source("wrong"), "returned", fit)
    found = try_calibrate("wrong", bars)
    assert found.reason.startswith("the optimiser did not converge")
    assert found.to_rows()[0]["n"] == 9


DECLARATIONS = {
    "def calibrate(cls, bars): pass": "found function, allowed a class method",
    "@classmethod\n    def calibrate(cls): pass": "found no argument, allowed calibrate",
    "@classmethod\n    def calibrate(cls, bars: int): pass": "found data int, allowed Bars or Fut",
    "@classmethod\n    def calibrate(cls, bars, window): pass": "found argument window, allowed",
}


@pytest.mark.parametrize("text", DECLARATIONS)
def test_a_wrong_declaration_is_named(tmp_path: Path, bars: Bars, text: str) -> None:
    name = f"declared_{list(DECLARATIONS).index(text)}"
    path = tmp_path / "model.py"
    path.write_text(
        "from engine.sources import StepModel, parameter\n"
        f"class Declared(StepModel):\n    name = {name!r}\n    level: float = parameter(1.0)\n"
        "    @staticmethod\n    def step(price, state, shocks, constants):\n        return price\n"
        f"    {text}\n"
    )
    load_user_sources(path)
    with pytest.raises(ValueError, match=f"calibrate of {name}: {DECLARATIONS[text]}"):
        calibrate(name, bars)
    assert {"cev", "gbm"} <= set(model_names())


def install(site: Path, target: str, text: str) -> None:
    (site / "packaged_model.py").write_text(text)
    metadata = site / "packaged_model-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: packaged-model\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[mc_lab.models]\n{target}\n")
    (metadata / "RECORD").write_text("")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("packaged_model", None)


def test_a_package_declares_a_model_with_its_estimator(site: Path, bars: Bars) -> None:
    text = CEV.read_text().replace('name = "cev"', 'name = "packaged_cev"')
    install(site, "packaged_cev = packaged_model:Cev", text)
    assert "packaged_cev" in mc.source_names()
    found = calibrate("packaged_cev", bars)
    assert found.parameters == calibrate("cev", bars).parameters


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("own = nowhere_at_all:Cev", "nowhere_at_all:Cev, which cannot be imported .Module"),
        ("own = packaged_model:Nothing", "which cannot be imported .AttributeError"),
        ("own = packaged_model:np", "allowed a subclass of Source with the name 'own'"),
    ],
)
def test_an_entry_point_that_is_no_model_is_named(site: Path, target: str, message: str) -> None:
    install(site, target, "import numpy as np\n")
    with pytest.raises(ValueError, match=f"source own: found the entry point .*{message}"):
        get_source("own")

"""Every estimator finds what it found before, or has another version.

A failure of the first test says that estimates changed: raise the estimator's version, so that
stored calibrations are made anew, or find out why they changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from engine.calibration.versions import ESTIMATOR_VERSIONS
from engine.calibration.volatility import VOLATILITY_ESTIMATORS
from engine.models import estimated_models
from tests.engine.calibration import golden_estimates
from tests.engine.calibration.golden_estimates import COMMAND, FILE, cases_by_name, version_of

GOLDEN = golden_estimates.golden()


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return golden_estimates.run()


@pytest.mark.parametrize("name", [*cases_by_name(), "correlation"])
def test_an_estimate_is_the_golden_one(name, found):
    assert name in GOLDEN, f"{FILE.name} holds no case {name!r}: run `{COMMAND}`"
    different = golden_estimates.differences(name, GOLDEN[name]["values"], found[name])
    assert not different, (
        f"{name} changed: {'; '.join(different[:5])}. If that is meant, raise the version of its "
        f"model (engine/models.py) and run `{COMMAND}`"
    )


def test_golden_estimates_are_of_the_versions_that_are_here():
    held = {name: case["version"] for name, case in GOLDEN.items()}
    assert held == {name: version_of(name) for name in (*cases_by_name(), "correlation")}, (
        f"{FILE.name} is of other versions or cases: run `{COMMAND}`"
    )


def test_every_estimator_has_a_version_and_a_case_that_succeeds_with_errors(found):
    assert ESTIMATOR_VERSIONS.keys() == set(estimated_models())
    for model in estimated_models():
        cases = [found[name] for name, case in cases_by_name().items() if case.model == model]
        good = [values for values in cases if values["status"] == "ok"]
        assert any("parameters." in place for values in good for place in values), model
    options = [case.options.get("volatility") for case in cases_by_name().values()]
    assert set(options) >= set(VOLATILITY_ESTIMATORS)
    data = {(case.model, type(case.data).__name__) for case in cases_by_name().values()}
    assert data >= {("heston", "OptionSurface"), ("schwartz_1f", "FuturesPanel")}


def test_differences_are_judged_by_what_a_case_allows():
    before = {"parameters.mu": 0.0, "std_errors.mu": 0.2, "log_likelihood": 100.0, "window": "full"}
    differences = golden_estimates.differences
    assert not differences("merton", before, before | {"parameters.mu": 1e-6})
    assert differences("merton", before, before | {"parameters.mu": 1e-5})
    assert differences("gbm", before, before | {"parameters.mu": 1e-9})
    assert differences("gbm", before, before | {"log_likelihood": 100.0 + 1e-6})
    assert differences("gbm", before, before | {"window": "rolling:2y"})
    assert differences("gbm", before, before | {"n": 3}) == ["n"]


def test_changed_estimates_are_refused_under_the_same_version(found, monkeypatch, tmp_path):
    file = tmp_path / "golden_estimates.json"
    before = json.loads(FILE.read_text())
    before["gbm"]["values"]["parameters.mu"] = 7.0
    file.write_text(json.dumps(before))
    monkeypatch.setattr(golden_estimates, "FILE", file)
    monkeypatch.setattr(golden_estimates, "run", lambda: found)
    with pytest.raises(SystemExit, match=r"gbm changed: parameters.mu .*raise the version of gbm"):
        golden_estimates.renew()
    before["gbm"]["version"] = "0"
    file.write_text(json.dumps(before))
    assert golden_estimates.renew() == "golden_estimates.json: 1 cases changed"
    renewed = json.loads(file.read_text())
    assert renewed.pop("gbm")["version"] == ESTIMATOR_VERSIONS["gbm"]
    assert renewed == {name: case for name, case in GOLDEN.items() if name != "gbm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "OPENBLAS_CORETYPE": "Prescott"},
        {"OPENBLAS_CORETYPE": "Haswell"},
        {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL"},
    ],
    ids=["generic", "haswell", "NumPy without wide vectors"],
)
def test_estimates_are_the_same_on_other_processors(settings, project):
    command = [sys.executable, "-m", "tests.engine.calibration.golden_estimates", "--print"]
    done = subprocess.run(
        command,
        cwd=project,
        env=dict(os.environ, **settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert golden_estimates.changed_cases(GOLDEN, json.loads(done.stdout)) == {}

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.compiled.cache import USERS_FILE
from engine.sources import GBM, SlowSourceWarning, get_source, load_user_sources, make_source
from engine.sources.custom import _step_kernel
from tests.mc_assets.mc_here import users_code_forgotten

USER_FILE = '''
import numpy as np
from engine.compiled.elementary import exp
from engine.sources import PathModel, StepModel, parameter


def drifted(log_return, drift):
    return log_return + drift


class OwnGbm(StepModel):
    """Geometric Brownian motion written by a user, with a count of bars as a state."""

    name = "own_gbm"
    states = ("age",)

    mu: float = parameter(0.05, unit="1/year", doc="Drift.")
    sigma: float = parameter(0.2, low=0.0, unit="1/sqrt(year)", doc="Volatility.")

    def constants(self, dt):
        return [(self.mu - 0.5 * self.sigma**2) * dt, self.sigma * dt**0.5]

    @staticmethod
    def step(price, state, shocks, constants):
        state[0] += 1.0
        return price * exp(constants[0] + constants[1] * shocks[0])


class Bachelier(StepModel):
    """Arithmetic Brownian motion in plain Python: negative prices are fine."""

    name = "own_bachelier"
    compiled = False

    sigma: float = parameter(10.0, low=0.0)

    @staticmethod
    def step(price, state, shocks, constants):
        return price + constants[0] * constants[1] ** 0.5 * float(shocks[0])


class Whole(PathModel):
    name = "own_path"

    sigma: float = parameter(0.01, low=0.0)

    def generate(self, seed, steps):
        return np.exp(np.cumsum(np.random.default_rng(seed).normal(0, self.sigma, steps)))
'''


@pytest.fixture(scope="module")
def user_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "own_models.py"
    path.write_text(USER_FILE)
    assert set(load_user_sources(path)) == {"own_gbm", "own_bachelier", "own_path"}
    return path


def test_a_compiled_step_from_a_user_file_gives_the_built_in_paths(user_file):
    own = make_source("own_gbm", {"sigma": 0.3}).paths(seeds=range(5), steps=600)
    built_in = GBM(sigma=0.3).paths(seeds=range(5), steps=600, bars="close")
    assert own.close == pytest.approx(built_in.close, rel=1e-12)
    assert (own.field("age") == np.arange(1, 601)).all()
    assert own.values[:, :, :5] == pytest.approx(built_in.values, rel=1e-12)


def test_sampling_schemes_work_for_a_users_step(user_file):
    block = make_source("own_gbm", options={"sampling": "sobol"}).paths(
        seeds=[1], paths_per_seed=64, steps=10
    )
    assert block.close[:, -1].mean() == pytest.approx(100 * math.exp(0.05 * 10 / 252), rel=1e-3)


def test_a_file_is_imported_again_only_where_it_changed(user_file):
    before = get_source("own_gbm")
    load_user_sources(user_file.parent)
    assert get_source("own_gbm") is before
    user_file.write_text(USER_FILE + "# changed")
    load_user_sources(user_file.parent)
    assert get_source("own_gbm") is not before


def test_a_python_step_says_that_it_is_slow_and_takes_negative_prices(user_file):
    source = make_source("own_bachelier", {"sigma": 50.0})
    with pytest.warns(SlowSourceWarning, match="own_bachelier is slow: its step runs in plain"):
        block = source.paths(seeds=range(50), s0=-5.0, steps=20)
    change = block.close[:, -1] + 5.0
    assert abs(change.std() / (50 * math.sqrt(20 / 252)) - 1) < 0.5
    assert (block.open[:, 0] == -5.0).all()


def test_a_whole_path_in_python_says_that_it_is_slow(user_file):
    with pytest.warns(SlowSourceWarning, match="own_path is slow"):
        block = make_source("own_path").paths(seeds=[3, 4], steps=50, s0=10.0, paths_per_seed=2)
    expected = 10 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 50)))
    assert block.close[0] == pytest.approx(expected)
    assert len({close[-1] for close in block.close}) == 4


def test_the_code_of_a_model_is_part_of_its_fingerprint(user_file, tmp_path):
    before = make_source("own_gbm").fingerprint()
    load_user_sources(user_file)
    assert make_source("own_gbm").fingerprint() == before
    user_file.write_text(USER_FILE.replace("+= 1.0", "+= 2.0"))
    load_user_sources(user_file)
    assert make_source("own_gbm").fingerprint()["code"] != before["code"]
    user_file.write_text(USER_FILE)
    load_user_sources(user_file)
    assert make_source("own_gbm").fingerprint() == before


def test_what_a_model_is_documented_with_is_no_part_of_its_fingerprint(user_file):
    before = make_source("own_gbm").fingerprint()
    text = USER_FILE.replace("Geometric Brownian motion written by", "A model of")
    text = text.replace('unit="1/sqrt(year)", doc="Volatility."', 'doc="Its volatility."')
    assert text.count("A model of") == text.count("Its volatility.") == 1
    user_file.write_text("# A comment.\n" + text)
    load_user_sources(user_file)
    assert make_source("own_gbm").fingerprint() == before


@pytest.mark.slow
def test_a_users_kernel_is_warm_in_the_second_process(user_file, tmp_path, project):
    script = f"""
import engine.sources as s
from engine.sources.custom import _step_kernel
s.load_user_sources({str(user_file)!r})
source = s.make_source("own_gbm")
source.paths(seeds=[1], steps=3)
print(sum(_step_kernel(type(source).step).stats.cache_hits.values()))
"""
    environment = dict(
        os.environ, NUMBA_CACHE_DIR=str(tmp_path / "kernels"), PYTHONPATH=str(project)
    )
    hits = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert hits == ["0", "1"]


def test_a_users_kernel_is_read_wherever_its_file_lies(tmp_path):
    hits, closes = [], []
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "moved.py").write_text(USER_FILE.replace('"own_', '"moved_'))
        with users_code_forgotten():
            load_user_sources(tmp_path / place / "moved.py")
            source = make_source("moved_gbm")
            closes.append(source.paths(seeds=[1], steps=3).close)
            hits.append(sum(_step_kernel(type(source).step).stats.cache_hits.values()))
    assert hits[1] == 1
    assert (closes[0] == closes[1]).all()
    # The cache knows files of the user's by this beginning of their modules' names.
    assert type(source).__module__.startswith(USERS_FILE)


def test_bad_user_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="user file: found no"):
        load_user_sources(tmp_path / "absent.py")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="defines no source; derive a class with a `name` from"):
        load_user_sources(tmp_path / "empty.py")
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(ValueError, match=r"broken\.py: ModuleNotFoundError on import: No module"):
        load_user_sources(tmp_path / "broken.py")
    (tmp_path / "taken.py").write_text(USER_FILE.replace("own_gbm", "gbm"))
    with pytest.raises(ValueError, match="source name: found 'gbm', allowed a name that is not"):
        load_user_sources(tmp_path / "taken.py")


def test_a_model_without_a_step_is_an_error(tmp_path):
    (tmp_path / "m.py").write_text(
        "from engine.sources import StepModel\nclass M(StepModel):\n    name = 'stepless'\n"
    )
    load_user_sources(tmp_path / "m.py")
    with pytest.raises(ValueError, match="stepless: its class has no `step`; write a static"):
        make_source("stepless").prepare(steps=3)

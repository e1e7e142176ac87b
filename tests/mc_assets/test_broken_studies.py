"""A study file that cannot be read stops no other study at night, and is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

_GOOD = """name: {name}
source: {{model: gbm, steps: 20, parameters: {{mu: 0.0, sigma: 0.2}}}}
strategy: {{name: buy_and_hold}}
seeds: 4
nightly: {nightly}
"""
_SEARCH = """name: {name}
source: {{model: {model}, steps: 20, parameters: {{mu: 0.0, sigma: 0.2}}}}
strategy: {{name: sma_crossover, parameters: {{fast: [3, 5], slow: [10, 12]}}}}
search: {{method: random, budget: {{sets: 4}}, objective: {{maximise: mean_net_pnl}}}}
seeds: 4
nightly: true
"""
_FILES = {
    "first.yaml": "name: first\nsource: {model: no_such_model}\nnightly: true\n",
    "second.yaml": _GOOD.format(name="second", nightly="true"),
    "third.yaml": "name: third\nnightly: true\n  : [",
    "draft.yaml": "name: draft\nsource: {model: gbm}\n",
    # None of these can be a partition: Dagster would load nothing at all beside one of them.
    "bar.yaml": _GOOD.format(name="'a|b'", nightly="true"),
    "comma,.yaml": _GOOD.format(name="'a,b'", nightly="true"),
    "dots.yaml": _GOOD.format(name="a...b", nightly="true"),
    "search.yaml": _SEARCH.format(name="search", model="gbm"),
    "lost.yaml": _SEARCH.format(name="lost", model="no_such_model"),
    "last.yaml": _GOOD.format(name="last", nightly="true"),
}

# A process of its own: partitions are made of the study files as they are at import.
_NIGHT = """
import json
from mc_assets.automation.nightly_studies import nightly_searches, nightly_studies
from mc_assets.definitions import defs
from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.pipeline import PipelineError, run_step
from mc_assets.project import Project
from mc_assets.steps import Step

project = Project.from_environment()
with using_dagster_home(project), open_instance(project) as instance:
    asked, searched = nightly_studies(project), nightly_searches(project)
    config = {"nightly_simulations": {"dates": ["2016-03-02"]}}
    step = Step("", ["nightly_simulations"], ("2016|first", "2016|second"), config=config)
    try:
        run_step(step, instance)
        failed = None
    except PipelineError as error:
        failed = str(error)
print(json.dumps({"asked": asked, "searched": searched, "failed": failed}))
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a night asks for, how a run of two studies ended, and what was said."""
    folder = tmp_path_factory.mktemp("night")
    (folder / "studies").mkdir()
    for name, text in _FILES.items():
        (folder / "studies" / name).write_text(text)
    (folder / "series.yaml").write_text(
        "series:\n  - {symbol: A, provider: csv, start: 2010-01-01, options: {path: a.csv}}\n"
    )
    environment = {
        "MC_DATA": str(folder / "data"),
        "MC_SERIES": str(folder / "series.yaml"),
        "MC_STUDIES": str(folder / "studies"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _NIGHT],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"said": done.stderr, "folder": folder}


def test_the_studies_beside_a_broken_one_are_asked_for_and_it_is_too(night: dict[str, Any]) -> None:
    # The runs of `first` and `third` fail and say why; `draft` is not marked.
    assert night["asked"] == ["first", "last", "second", "third"]


def test_the_searches_beside_a_broken_one_are_asked_for_and_it_is_too(
    night: dict[str, Any],
) -> None:
    assert night["searched"] == ["lost", "search"]


def test_in_one_run_the_others_are_made_and_the_broken_one_is_named(night: dict[str, Any]) -> None:
    made = sorted((night["folder"] / "data" / "nightly_statistics").rglob("*.parquet"))
    assert [path.parent.name for path in made] == ["last", "second"]
    assert "first.yaml: strategy: this field is required" in night["failed"]
    assert "second" not in night["failed"]


@pytest.mark.parametrize(("file", "name"), [("bar", "a|b"), ("comma,", "a,b"), ("dots", "a...b")])
def test_a_name_that_dagster_cannot_hold_is_named_and_the_rest_is_loaded(
    night: dict[str, Any], file: str, name: str
) -> None:
    (line,) = (line for line in night["said"].splitlines() if f"{file}.yaml: name" in line)
    assert f"found {name!r}, allowed text without" in line

"""Policy, experiment and automation files that are wrong in ways nobody thought of: one sentence.

A failure names the number that makes its file again: ``mutated(DOCUMENTS[kind], number)``.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from engine.errors import Refusal
from engine.yaml_text import YamlError, read_yaml_file
from mc_assets.automation.settings import load_automation
from mc_assets.experiment_file import ExperimentFile, is_experiment
from mc_assets.policy_file import PolicyFile
from mc_assets.policy_worlds import PolicyWorlds
from mc_assets.project import Project
from tests.mutated_yaml import assert_one_sentence, mutated

# Of one file: more than these and it holds up whoever reads a folder of them.
_SECONDS: Final = 2.0
_MEGABYTES: Final = 200.0

DOCUMENTS: Final = {
    "policy": """
name: rising
description: Whether a policy learns.
market: mes_daily
source: {model: gbm, parameters: {mu: 0.1, sigma: 0.2}, steps: 60}
features: [return_10, return_20]
actions: sides
episode: 30
start: first
units: 2
execution: {cash: 20000}
ruin: 0.5
training: {trainings: 5, seeds: 4, generations: 2, hidden: [4], bound: 2.0}
evaluation: {seeds: {count: 6, start: 100}, source: {model: heston, steps: 60}, episode: 30}
""",
    "experiment": """
experiment_name: tuned
data: {path: X.csv, format: csv, schema: bars, symbol: X, timeframe: 1d, exchange: XNYS}
strategy: sma_crossover
optimization: {method: genetic, samples: 60, seed: 1, parallel_workers: 2, objective: net_pnl}
parameters:
  fast: {type: int, distribution: uniform, min: 2, max: 9}
  slow: {type: choice, values: [10, 20, 40]}
constraints: {min_sharpe: 0.1, max_drawdown: 0.3}
constraint: [fast < slow]
execution: {cash: 100000, commission: {rate: 0.0005}, slippage: {bps: 1}}
""",
    "automation": """
nightly: {delay_minutes: 45, retry_minutes: 10, give_up_hours: 20, catch_up_sessions: 60,
          saturday: "08:30"}
checks: {realism_score: 0.5, failed_share: 0.1, failed_calibrations: 2}
freshness: {warn_hours: 80, fail_hours: 128}
notify:
  webhook: true
  email: {host: mail, port: 25, sender: a@b.c, to: [d@e.f], tls: none, user: me}
""",
}
_BARS: Final = """Date,Open,High,Low,Close,Volume
2020-01-02,100,101,99,100.5,1000
2020-01-03,100.5,102,100,101.5,1100
2020-01-06,101.5,103,101,102.5,1200
2020-01-07,102.5,103,101,102.5,1200
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "studies").mkdir()
    (tmp_path / "series.yaml").write_text("series: []\n")
    (tmp_path / "X.csv").write_text(_BARS)
    for name, place in {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}.items():
        monkeypatch.setenv(f"MC_{name}", str(tmp_path / place))
    return Project.from_environment()


def _read_policy(project: Project, file: Path) -> None:
    """Do what precedes a training: read the file and make what it trains on."""
    asked = PolicyFile.read(file)
    try:
        asked.evaluation_seeds()
        PolicyWorlds(project, asked, file).evaluation()
    except Refusal as refusal:
        raise refusal.in_file(file) from None


def _read_experiment(project: Project, file: Path) -> None:
    """Do what precedes a search: read the file, find the bars and make the space."""
    try:
        content = read_yaml_file(file)
    except YamlError as error:
        raise Refusal("experiment", error.problem, "valid YAML", file=file) from None
    if not (isinstance(content, dict) and is_experiment(content)):
        raise Refusal("experiment", "something else", "an experiment", file=file)
    try:
        ExperimentFile.of(content).search(project, file.parent)
    except Refusal as refusal:
        raise refusal.in_file(file) from None


def _read_automation(project: Project, _: Path) -> None:
    load_automation(project)


_READERS: Final[dict[str, tuple[str, Callable[[Project, Path], None]]]] = {
    "policy": ("mutated.yaml", _read_policy),
    "experiment": ("mutated.yaml", _read_experiment),
    "automation": ("automation.yaml", _read_automation),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_mutated_documents_are_read_or_refused_in_one_sentence(project: Project, kind: str) -> None:
    read, refused = _check(kind, range(45), project)
    assert read >= 3
    assert refused >= 10


@pytest.mark.parametrize(
    ("kind", "old", "new", "sentence"),
    [
        ("policy", "steps: 60}", "steps: 2000000}", "steps: found 2,000,000 bars, allowed up to"),
        ("policy", "model: heston, steps: 60", "model: heston, steps: 60000000", "steps: found 60"),
        ("experiment", "exchange: XNYS", "exchange: x", "exchange: found 'x', allowed 24/5, 24/7"),
        ("experiment", "path: X.csv", f"path: {'a' * 300}", "data.path: found 'aaa"),
        ("experiment", "strategy: sma_crossover", f"strategy: {'a' * 300}.py", "strategy: found"),
    ],
)
def test_what_mutations_found_is_said_with_its_field(
    project: Project, kind: str, old: str, new: str, sentence: str
) -> None:
    name, reader = _READERS[kind]
    file = project.series.parent / name
    assert old in DOCUMENTS[kind]
    file.write_text(DOCUMENTS[kind].replace(old, new))
    with pytest.raises(Refusal) as caught:
        reader(project, file)
    assert f": {sentence}" in str(caught.value)
    assert_one_sentence(caught.value, 0, file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_two_thousand_mutated_documents_are_read_or_refused(project: Project, kind: str) -> None:
    read, refused = _check(kind, range(1_000, 3_000), project)
    print(f"\n2,000 mutated {kind} files: {read} were read, {refused} refused in one sentence")


def _check(kind: str, numbers: range, project: Project) -> tuple[int, int]:
    name, reader = _READERS[kind]
    file = project.series.parent / name
    file.write_text(DOCUMENTS[kind])
    reader(project, file)  # what it loads and compiles is no mutation's doing
    read = refused = 0
    for number in numbers:
        file.write_bytes(mutated(DOCUMENTS[kind], number).encode(errors="surrogatepass"))
        try:
            with _bounded(number):
                reader(project, file)
            read += 1
        except (ValueError, OSError) as error:
            assert_one_sentence(error, number, file)
            refused += 1
    return read, refused


@contextmanager
def _bounded(number: int) -> Iterator[None]:
    """Assert that a file costs bearable processor time and memory, whatever becomes of it."""
    seconds = time.process_time()
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        took = time.process_time() - seconds
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kilobytes) / 1_000
        assert took <= _SECONDS, (number, took)
        assert grown <= _MEGABYTES, (number, grown)

"""A project with results, and clients that ask its service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mc_assets.answers.api_keys import ApiKey, Role, hash_of
from mc_assets.answers.runs import run_study
from mc_assets.project import Project
from mc_assets.service.app import make_app
from mc_assets.service.callers import Keyring
from mc_assets.service.settings import ServiceSettings

STUDY = """
name: quick
description: A crossover on a random walk.
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}
seeds: {count: 20}
record: {equity: 5, trades: true}
"""
SERIES = """series:
  - {symbols: [X], provider: csv, start: 2019-12-30, end: 2020-01-07, models: [gbm],
     options: {path: "{symbol}.csv"}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project of two studies that have run, one dearer than the other."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "studies").mkdir()
    (folder / "studies" / "quick.yaml").write_text(STUDY)
    dearer = STUDY.replace("quick", "dearer") + "execution: {commission: {rate: 0.001}}\n"
    (folder / "studies" / "dearer.yaml").write_text(dearer)
    (folder / "series.yaml").write_text(SERIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MC_HOME", str(folder))
        for name, place in (("DATA", "data"), ("STUDIES", "studies"), ("SERIES", "series.yaml")):
            patch.setenv(f"MC_{name}", str(folder / place))
        found = Project.from_environment()
        run_study(found, "quick")
        run_study(found, "dearer")
        yield found


def keyring(project: Project) -> Keyring:
    """Return a ring with a key of each role, each of its role's name."""
    roles: tuple[Role, ...] = ("read", "run", "admin")
    return Keyring(project, [ApiKey(role, role, hash_of(role), "") for role in roles])


def client_of(
    project: Project, key: str = "run", settings: ServiceSettings | None = None
) -> TestClient:
    """Return a client with a key of a role."""
    app = make_app(project, settings, keyring(project))
    return TestClient(app, headers={"X-API-Key": key}, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(project: Project) -> TestClient:
    """A client that may run jobs."""
    return client_of(project)


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Project]:
    """Make a project without results that has one study."""

    def made(study: str) -> Project:
        (tmp_path / "studies").mkdir()
        (tmp_path / "studies" / "own.yaml").write_text(study)
        monkeypatch.setenv("MC_HOME", str(tmp_path))
        for name, place in (("DATA", "data"), ("STUDIES", "studies"), ("SERIES", "series.yaml")):
            monkeypatch.setenv(f"MC_{name}", str(tmp_path / place))
        return Project.from_environment()

    return made

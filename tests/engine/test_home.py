"""Where a project lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.home import data_folder, home_folder, shipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three nested folders, the lowest of which is worked in."""
    low = tmp_path / "high" / "middle" / "low"
    low.mkdir(parents=True)
    monkeypatch.chdir(low)
    monkeypatch.delenv("MC_HOME", raising=False)
    monkeypatch.delenv("MC_DATA", raising=False)
    return tmp_path


def test_the_project_is_the_nearest_folder_with_studies(folder: Path) -> None:
    (folder / "studies").mkdir()
    assert home_folder() == folder
    (folder / "high" / "studies").mkdir()
    assert home_folder() == folder / "high"


def test_the_data_root_is_the_projects_unless_another_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "studies").mkdir()
    assert data_folder() == folder / "data"
    monkeypatch.setenv("MC_DATA", "elsewhere")
    assert data_folder() == folder / "high" / "middle" / "low" / "elsewhere"


def test_a_package_of_that_name_holds_no_studies(folder: Path) -> None:
    (folder / "studies").mkdir()
    package = folder / "high" / "middle" / "studies"
    package.mkdir()
    (package / "__init__.py").touch()
    assert home_folder() == folder


def test_without_a_folder_of_studies_the_project_is_where_one_works(folder: Path) -> None:
    assert home_folder() == folder / "high" / "middle" / "low"


def test_a_variable_names_the_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "studies").mkdir()
    monkeypatch.setenv("MC_HOME", str(folder / "high"))
    assert home_folder() == folder / "high"


def test_a_checkout_has_beside_its_packages_what_a_wheel_has_inside(project: Path) -> None:
    assert shipped("engine", "seeds") == project / "seeds"
    assert shipped("mc_assets", "sql") == project / "sql"


def test_a_package_that_carries_a_file_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "carrier_of_files" / "shipped" / "seeds"
    packed.mkdir(parents=True)
    (tmp_path / "carrier_of_files" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert shipped("carrier_of_files", "seeds") == packed

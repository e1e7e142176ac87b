"""The wheel holds what it needs to run, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

# Files other than Python that the packages open when they run.
BUNDLE = ("engine/plots/plotly-cartesian-4.1.1.min.js.gz", "engine/plots/plotly-LICENSE.txt")
DATA = {"mc_assets/series.yaml", "engine/plots/page.html", *BUNDLE}


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built offline by the backend that pyproject.toml names."""
    pytest.importorskip("uv_build", reason="the build backend comes with the dev group")
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys, uv_build; print(uv_build.build_wheel(sys.argv[1]))"
    # The backend looks for its program in the search path.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env=os.environ | {"PATH": path},
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel alone, and the packages it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    scheme = sysconfig.get_preferred_scheme("prefix")
    site = Path(sysconfig.get_path("purelib", scheme, {"base": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # A path file names a folder and does not follow the path files in it: this checkout, which is
    # installed there in place, stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def run(python: Path, code: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), "-I", "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_module_and_data_file_and_nothing_else(
    wheel: Path, project: Path
) -> None:
    modules = {
        str(path.relative_to(project))
        for package in ("engine", "mc_assets")
        for path in (project / package).rglob("*.py")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        metadata = {name for name in names if ".dist-info/" in name}
        assert {name.split(".dist-info/")[1] for name in metadata} == {
            *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
        }
    assert names - metadata == modules | DATA


def test_every_file_of_the_packages_that_is_not_python_is_known(project: Path) -> None:
    found = {
        str(path.relative_to(project))
        for package in ("engine", "mc_assets")
        for path in (project / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert found == DATA


def test_the_packages_are_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import engine, mc_assets.cli as cli; print(engine.__file__, cli.__file__, sep='\\n')"
    for file in run(installed, code, tmp_path).splitlines():
        assert Path(file).is_relative_to(installed.parents[1]), file


def test_the_command_line_starts_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from mc_assets.cli import main; main()"
    assert "run [OPTIONS] [study]" in run(installed, code, tmp_path, "run", "--help")


def test_a_study_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = (
        "import engine as mc\n"
        "study = mc.Study(name='s', source=mc.GBM(), steps=20, strategy='buy_and_hold', seeds=3)\n"
        "print(len(study.run(workers=1)))"
    )
    assert run(installed, code, tmp_path).split() == ["3"]

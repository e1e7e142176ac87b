"""The wheel holds what it needs to run, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from engine.compiled.shipped import suits_this_machine

# Files other than Python that the packages open when they run, and the marks of their types.
BUNDLE = ("engine/plots/plotly-cartesian-4.1.1.min.js.gz", "engine/plots/plotly-LICENSE.txt")
STARTER = ("series.yaml", "studies/dip.yaml", "Makefile", "ci.yml", "gitignore")
PAGE = ("index.html", "style.css", *(f"{name}.js" for name in ("app", "ask", "pictures", "study")))
PAGE += ("paper.js", "tables.js", "views.js")
DATA = {
    *("mc_assets/series.yaml", "engine/plots/page.html", *BUNDLE),
    *("engine/py.typed", "mc_assets/py.typed"),
    *(f"mc_assets/starter/{name}" for name in STARTER),
    *(f"mc_assets/service/page/{name}" for name in PAGE),
}
# What lies at the top of the repository, and where the wheel has it.
SHIPPED = {
    "seeds": "engine/shipped/seeds",
    "data/sample/ticks": "engine/shipped/data/sample/ticks",
    "sql": "mc_assets/shipped/sql",
    "studies": "mc_assets/shipped/studies",
    "data/sample/SP500.csv": "mc_assets/shipped/data/sample/SP500.csv",
    "dagster.yaml": "mc_assets/shipped/dagster.yaml",
    "workspace.yaml": "mc_assets/shipped/workspace.yaml",
    ".env.example": "mc_assets/shipped/.env.example",
}


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built offline by the backend that pyproject.toml names."""
    pytest.importorskip("hatchling", reason="the build backend comes with the dev group")
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
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
    site = site_packages(folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # A path file names a folder and does not follow the path files in it: this checkout, which is
    # installed there in place, stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def site_packages(environment: Path) -> Path:
    scheme = sysconfig.get_preferred_scheme("prefix")
    return Path(sysconfig.get_path("purelib", scheme, {"base": str(environment)}))


MC = "from mc_assets.cli import main; main()"


def call(
    python: Path, code: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run code without variables that name folders of this project."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MC_")}
    return subprocess.run(
        [str(python), "-I", "-c", code, *arguments],
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )


def run(python: Path, code: str, folder: Path, *arguments: str) -> str:
    done = call(python, code, folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_every_module_and_data_file_and_nothing_else(
    wheel: Path, project: Path
) -> None:
    modules = {
        str(path.relative_to(project))
        for package in ("engine", "mc_assets")
        for path in (project / package).rglob("*.py")
    }
    shipped = set()
    for name, place in SHIPPED.items():
        files = [path for path in (project / name).rglob("*") if path.is_file()]
        shipped |= {f"{place}/{path.relative_to(project / name)}" for path in files} or {place}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        metadata = {name for name in names if ".dist-info/" in name}
        assert {name.split(".dist-info/")[1] for name in metadata} == {
            *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
        }
    assert names - metadata == modules | DATA | shipped | kernels(project)


def test_every_file_of_the_packages_that_is_not_python_is_known(project: Path) -> None:
    found = {
        str(path.relative_to(project))
        for package in ("engine", "mc_assets")
        for path in (project / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert found == DATA | kernels(project)


def test_the_command_has_a_second_name_because_other_programs_are_called_mc(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        lines = archive.read(name).decode().splitlines()
    assert {"mc = mc_assets.command:main", "mc-lab = mc_assets.command:main"} <= set(lines)


def test_the_packages_are_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import engine, mc_assets.cli as cli; print(engine.__file__, cli.__file__, sep='\\n')"
    for file in run(installed, code, tmp_path).splitlines():
        assert Path(file).is_relative_to(installed.parents[1]), file


def test_the_command_line_starts_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert "run [OPTIONS] [study]" in run(installed, MC, tmp_path, "run", "--help")


@pytest.mark.slow
def test_a_study_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = (
        "import engine as mc\n"
        "study = mc.Study(name='s', source=mc.GBM(), steps=20, strategy='buy_and_hold',\n"
        "                 seeds=mc.load_seeds('stage_1'))\n"
        "print(len(study.run(workers=1)))"
    )
    assert run(installed, code, tmp_path).split() == ["25"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("studies",), "studies: there is no folder {home}/studies; `mc init` begins a project"),
        (
            ("run",),
            "{home}/series.yaml: found no such file, allowed a YAML file of series; "
            "`mc init` begins a project",
        ),
        pytest.param(
            ("run", "dip"),
            "study: found 'dip', allowed a YAML file or one of none: {home}/studies holds no study "
            "file; `mc init` begins a project",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_outside_a_project_a_command_says_one_sentence(
    arguments: tuple[str, ...], sentence: str, installed: Path, tmp_path: Path
) -> None:
    done = call(installed, MC, tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (2, f"mc: {sentence.format(home=tmp_path)}\n")


@pytest.mark.slow
def test_a_project_is_begun_and_run_from_the_wheel_and_nothing_is_written_beside_its_code(
    installed: Path, tmp_path: Path
) -> None:
    site = site_packages(installed.parents[1])
    before = files_of(site)
    told = run(installed, MC, tmp_path, "init")
    assert told.splitlines()[-1] == "next: mc run   bars, calibrations, the study, its report"
    below = tmp_path / "strategies"
    output = run(installed, MC, below, "run")
    assert "✓ study dip 600 rows" in output
    assert (tmp_path / "data" / "reports" / "dip.html").is_file()
    rows = run(installed, MC, below, "sql", "--json", "SELECT count(*) AS n FROM simulations")
    assert rows == '[{"n":600}]\n'
    own = tmp_path / "seeds" / "own.txt"
    assert run(installed, MC, below, "seeds", "own", "200") == f"wrote {own}\n"
    assert files_of(site) == before


@pytest.mark.slow
def test_a_project_is_begun_and_run_from_the_wheel_without_compiling(
    installed: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels(project):
        pytest.skip("`make wheel` compiles the kernels of a wheel before it builds it")
    if not suits_this_machine():
        pytest.skip("the kernels of a wheel need a processor of level x86-64-v3")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    run(installed, MC, tmp_path, "init")
    assert "✓ study dip 600 rows" in run(installed, MC, tmp_path, "run")
    compiled = [file.name for file in (tmp_path / "cache").rglob("*.kernel")]
    assert compiled == []


def kernels(project: Path) -> set[str]:
    """Files of the kernels that `make wheel` has compiled in this checkout, if it has."""
    folder = project / "engine" / "compiled" / "kernels"
    if not (folder / "index.json").is_file():
        return set()
    named = json.loads((folder / "index.json").read_text())
    return {f"engine/compiled/kernels/{name}" for name in ("index.json", *named)}


def files_of(folder: Path) -> set[str]:
    """Every file but what Python itself compiles."""
    return {str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts}

"""The Dockerfile has what the wheel is built from, and passes a linter where one is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def copied(project: Path) -> set[str]:
    """Places of the repository that the first stage copies."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(project), flags=re.MULTILINE)
    return {place for line in lines for place in line.split()}


def dockerfile(project: Path) -> str:
    return (project / "Dockerfile").read_text(encoding="utf-8")


def test_everything_that_the_wheel_is_built_from_is_copied(project: Path) -> None:
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "uv.lock"}
    needed |= {settings["project"]["readme"], *settings["project"]["license-files"]}
    have = copied(project)
    missing = {
        place
        for place in needed
        if not any(place == one or place.startswith(f"{one}/") for one in have)
    }
    assert missing == set()


def test_what_is_copied_is_there_and_not_ignored(project: Path) -> None:
    sent = (project / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for place in copied(project):
        assert (project / place).exists(), place
        assert f"!{place}" in sent, place


def test_the_program_does_not_run_as_root(project: Path) -> None:
    last = dockerfile(project).split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*$", last, flags=re.MULTILINE)


def test_the_dockerfile_passes_a_linter(project: Path) -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("`make peers` installs hadolint")
    command = [linter, str(project / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_image_is_built_and_runs_where_docker_is(project: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Docker")
    build = [docker, "build", "--quiet", str(project)]
    image = subprocess.run(build, capture_output=True, text=True, check=True).stdout.strip()
    command = [docker, "run", "--rm", image, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mc-lab ")

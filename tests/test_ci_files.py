"""The workflow runs what `.ci/run` does, and what it and the hooks name exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def workflow(project: Path) -> dict[str, Any]:
    text = (project / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def test_the_workflow_runs_what_ci_runs_on_every_python(
    workflow: dict[str, Any], project: Path
) -> None:
    job = workflow["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    lowest, above = re.findall(r"3\.(\d+)", settings["project"]["requires-python"])
    allowed = [f"3.{minor}" for minor in range(int(lowest), int(above))]
    assert job["strategy"]["matrix"]["python"] == allowed


def test_every_job_checks_out_has_an_end_and_runs_targets_that_exist(
    workflow: dict[str, Any], project: Path
) -> None:
    targets = re.findall(
        r"^([\w-]+):", (project / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 360, name
        assert job["steps"][0]["uses"].startswith("actions/checkout@"), name
        for step in job["steps"]:
            for target in re.findall(r"^make ([\w-]+)", step.get("run", "")):
                assert target in targets, f"{name}: make {target}"


def test_hooks_run_modules_and_files_that_exist(project: Path) -> None:
    read = yaml.safe_load((project / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in read["repos"] for hook in repository["hooks"]]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "rules"}
    for hook in hooks:
        assert hook["language"] == "system", "needs no download"
        python, option, module, *words = shlex.split(hook["entry"])
        assert (python, option) == (".venv/bin/python", "-m")
        assert module in {"ruff", "pytest"}
        for word in words:
            assert not word.startswith("tests/") or (project / word).is_file(), word
        re.compile(hook.get("files", ""))

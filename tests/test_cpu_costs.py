"""The plug-in that measures tests lays processor time at the right door."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import cpu_costs

TESTS = """
import time
import pytest

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture(scope="module")
def dear():
    work(0.3)

def test_first(dear):
    time.sleep(0.3)

def test_second(dear):
    work(0.1)
"""


def test_a_fixture_and_a_test_are_each_measured_for_what_they_use(
    tmp_path: Path, project: Path
) -> None:
    (tmp_path / "test_made.py").write_text(TESTS)
    (tmp_path / "costs").mkdir()
    environment = {"MC_TEST_COSTS": str(tmp_path / "costs"), "PYTHONPATH": str(project)}
    command = [sys.executable, "-m", "pytest", "-p", "tests.cpu_costs", "-p", "no:randomly"]
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
    ]
    subprocess.run(
        [*command, *options, str(tmp_path / "test_made.py")],
        env=os.environ | environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    costs = cpu_costs.added_up(tmp_path / "costs")
    assert 0.3 <= costs["fixture"]["test_made.py::dear (module)"] < 0.5
    assert costs["test"]["test_made.py::test_first"] < 0.2  # asleep
    assert 0.1 <= costs["test"]["test_made.py::test_second"] < 0.3
    assert 0.4 <= costs["file"]["test_made.py"] < 0.8

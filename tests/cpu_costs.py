"""What each test and fixture costs in processor time.

Wall time on a machine that others use says little; the processor time of the process, and of the
children that it has waited for, says where the suite's minutes go. `make test-costs` loads this
plug-in, which writes a line for each fixture and for each phase of a test, and adds the lines up.
A fixture that a session shares is not laid at the door of the test that asked for it first.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

#: Names the folder that lines are written to.
FOLDER = "MC_TEST_COSTS"
#: Seconds of what was measured inside of what is being measured.
_inside: list[float] = []


def spent() -> float:
    """Return processor seconds of this process and of its children that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def measured(kind: str, name: str) -> Iterator[Any]:
    """Write down what a hook costs, without what is measured inside of it."""
    began = spent()
    _inside.append(0.0)
    try:
        return (yield)
    finally:
        whole = spent() - began
        own = whole - _inside.pop()
        if _inside:
            _inside[-1] += whole
        line = json.dumps([kind, name, round(own, 3)])
        with (Path(os.environ[FOLDER]) / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(f"{line}\n")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Iterator[Any]:
    name = f"{fixturedef.baseid}::{fixturedef.argname} ({fixturedef.scope})"
    return (yield from measured("fixture", name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[Any]:
    return (yield from measured("test", item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    return (yield from measured("test", item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[Any]:
    return (yield from measured("test", item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    return (yield from measured("collection", "collection"))


def added_up(folder: Path) -> dict[str, dict[str, float]]:
    """Return seconds of tests, fixtures and collection by name, and of files.

    Parameters
    ----------
    folder : Path
        Where the plug-in wrote, one file for each process.
    """
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for file in folder.glob("*.jsonl"):
        for kind, name, seconds in map(json.loads, file.read_text().splitlines()):
            found[kind][name] += seconds
            if kind != "collection":
                found["file"][name.split("::")[0]] += seconds
    return {kind: dict(costs) for kind, costs in found.items()}


def main() -> None:
    """Print the dearest of each kind, of the folder on the command line."""
    costs = added_up(Path(sys.argv[1]))
    for kind in ("file", "fixture", "test"):
        dearest = sorted(costs.get(kind, {}).items(), key=lambda item: -item[1])[:40]
        print(f"\n{kind}s, processor seconds")
        for name, seconds in dearest:
            print(f"{seconds:8.1f}  {name}")
    every = sum(seconds for kind in costs if kind != "file" for seconds in costs[kind].values())
    print(f"\n{every:8.1f}  processor seconds of {len(costs.get('test', {})):,} tests")


if __name__ == "__main__":
    main()

"""A command that is killed anywhere and run again leaves what an undisturbed one leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mc_assets.killed import COMMANDS, Nursery

# Commands that write without Dagster, in steps of files; all of them, in both kinds of steps.
SHORT = {("run", "file"): 4, ("prune", "file"): 2, ("rm", "file"): 2, ("mv", "file"): 4}
SHORT |= {("init", "file"): 3, ("new series", "file"): 2}
LONG = {
    ("run", "file"): 40,
    ("prune", "file"): 40,
    ("panel", "file"): 20,
    ("judge", "file"): 10,
    ("judge page", "file"): 6,
    ("optimise", "file"): 30,
    ("walk-forward", "file"): 6,
    ("archive", "file"): 4,
    ("plot", "file"): 4,
    ("replay", "file"): 3,
    ("schema", "file"): 3,
    ("seeds", "file"): 4,
    ("init", "file"): 20,
    ("new strategy", "file"): 4,
    ("new study", "file"): 4,
    ("new series", "file"): 3,
    ("mv", "file"): 15,
    ("rm", "file"): 12,
    ("report", "file"): 6,
    ("sql", "file"): 4,
    ("calibrate", "file"): 3,
    ("calibrate", "history"): 1,
    ("backfill", "file"): 2,
    ("ingest", "file"): 3,
    ("ingest", "history"): 1,
    ("resample", "file"): 1,
    ("leaderboard", "file"): 1,
    ("verify", "file"): 1,
    ("everything", "file"): 1,
    ("everything", "history"): 1,
}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("kills")) as opened:
        yield opened


def _killed(nursery: Nursery, points: dict[tuple[str, str], int]) -> tuple[int, list[str]]:
    wrong: list[str] = []
    kills = 0
    for (name, kind), count in points.items():
        for step in nursery.points(name, kind, count):
            found = nursery.survives(name, kind, step)
            kills += 1
            if found is not None:
                print(found, flush=True)
                wrong.append(found)
        print(f"{name}, {kind}: {kills} kills so far, {len(wrong)} wrong", flush=True)
    return kills, wrong


def test_a_command_killed_at_any_step_and_run_again_leaves_the_same_bytes(
    nursery: Nursery,
) -> None:
    kills, wrong = _killed(nursery, SHORT)
    assert kills == sum(SHORT.values())
    assert wrong == []


@pytest.mark.slow
def test_no_command_loses_or_changes_anything_by_two_hundred_kills(nursery: Nursery) -> None:
    assert {name for name, _ in LONG} == set(COMMANDS)
    kills, wrong = _killed(nursery, LONG)
    assert kills >= 200
    assert wrong == []


def test_a_kill_is_at_the_step_that_its_number_says(nursery: Nursery) -> None:
    nursery.prepare("prune")
    assert nursery.command(*COMMANDS["prune"], fault=("kill", "file", 3)).code == -9
    nursery.prepare("prune")
    assert nursery.command(*COMMANDS["prune"], fault=("kill", "file", 1_000_000)).code == 0

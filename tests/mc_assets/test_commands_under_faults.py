"""Commands killed at any step, on a disk that is full or read-only, and two of them at once.

All of these faults come to one small project, whose states are made once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mc_assets.killed import COMMANDS, DONE, Nursery, content

# Commands that write without Dagster, in steps of files; all of them, in both kinds of steps.
SHORT = {("run", "file"): 2, ("prune", "file"): 1, ("mv", "file"): 1, ("new series", "file"): 1}
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
    ("portfolio", "file"): 6,
    ("cross-validate", "file"): 4,
    ("train", "file"): 20,
    ("ticks import", "file"): 16,
    ("keys add", "file"): 3,
    ("keys remove", "file"): 2,
    ("serve", "file"): 12,
    ("leaderboard", "file"): 1,
    ("verify", "file"): 1,
    ("everything", "file"): 1,
    ("everything", "history"): 1,
}
# Of those that do not open Dagster, which take seconds: one that computes, one that renames.
QUICK = ("run", "mv")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("faults")) as opened:
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


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("error", ["ENOSPC", pytest.param("EROFS", marks=pytest.mark.slow)])
def test_a_disk_that_takes_no_more_is_a_sentence_and_loses_nothing(
    nursery: Nursery, name: str, error: str
) -> None:
    whole = nursery.whole(name)
    for kind in ("file", "history"):
        for step in nursery.points(name, kind, 3):
            nursery.prepare(name)
            done = nursery.command(*COMMANDS[name], fault=(error, kind, step))
            told = f"{name}, {error} at {kind} {step}: {done.code}\n{done.said[-1500:]}"
            assert done.code in (0, 1, 2), told
            assert "Traceback" not in done.said, told
            if done.code:
                assert done.said.strip().splitlines()[-1].strip(), told
            elif name in DONE:
                continue  # nothing failed, and what is done is not done again
            again = nursery.command(*COMMANDS[name])
            assert again.code == 0 or (name in DONE and DONE[name] in again.said), (
                f"{told}\nthen {again.said[-1500:]}"
            )
            assert content(nursery.home) == whole, told


@pytest.mark.parametrize("name", EVERY)
def test_two_of_a_command_at_once_leave_what_one_leaves(nursery: Nursery, name: str) -> None:
    whole = nursery.whole(name)
    nursery.prepare(name)
    both = nursery.together(COMMANDS[name], COMMANDS[name])
    for done in both:
        assert "Traceback" not in done.said, done.said[-1500:]
        # What another has done is nothing to do.
        assert done.code == 0 or name in DONE, done.said[-1500:]
    assert 0 in [done.code for done in both]
    assert content(nursery.home) == whole

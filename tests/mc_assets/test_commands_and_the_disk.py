"""Every command on a disk that is full or read-only, and two of every command at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mc_assets.killed import COMMANDS, DONE, Nursery, content

# Those that do not open Dagster take seconds.
QUICK = ("run", "prune", "rm", "mv", "new series")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("disk")) as opened:
        yield opened


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("error", ["ENOSPC", "EROFS"])
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

"""What simulations under way have come to, in a data root."""

from __future__ import annotations

import os
from pathlib import Path

from engine.files import LocalFiles
from engine.jobs.unfinished import Unfinished, forget_unfinished
from engine.results.prune import find_unused, remove_unused


def test_states_of_a_part_are_forgotten_without_those_of_others(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    one, other = (Unfinished(files, "world", part) for part in ("part-00", "part-01"))
    one.save("a", b"1")
    other.save("a", b"2")
    forget_unfinished(files, "world", "part-00")
    assert (one.load("a"), other.load("a")) == (None, b"2")
    forget_unfinished(files, "world")
    assert other.load("a") is None
    assert files.list("unfinished/") == []


def test_a_state_that_nobody_has_gone_on_with_is_pruned(tmp_path: Path) -> None:
    Unfinished(LocalFiles(tmp_path), "world", "part-00").save("a", b"1")
    key = "unfinished/world/part-00/a.state"
    # Somebody may be at it.
    assert find_unused(tmp_path).files == ()
    os.utime(tmp_path / key, (0.0, 0.0))
    unused = find_unused(tmp_path)
    assert (unused.files, unused.bytes) == ((key,), 33)
    remove_unused(tmp_path, unused)
    assert not (tmp_path / key).exists()

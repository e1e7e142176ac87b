"""A run on ticks that is killed goes on from the last chunk that was kept, to the same bytes."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.errors import Refusal
from engine.files import MemoryFiles
from engine.jobs.unfinished import Unfinished
from engine.ticks import TickChunk
from engine.ticks.keeping import RunKeeper
from engine.ticks.running import TickRun
from tests.engine.jobs.test_resume import content
from tests.engine.ticks.strategies import Busy
from tests.engine.ticks.test_twin import made_feed

_DRAWN = {"least": "1ms", "mean": "30ms"}
_TERMS = mc.TickSettings.model_validate(
    {
        "latency": {"feed": _DRAWN, "entry": _DRAWN, "response": "20ms"},
        **{"tick": 0.1, "lot": 0.01, "taker_fee": 0.0005},
    }
)
_SETS = np.array([[2.0, 0.1], [5.0, 0.2]])


class _Killed(Exception):
    pass


class _CutShort:
    """A stream that is killed once some of its chunks are read."""

    def __init__(self, whole: mc.TickStream, chunks: int) -> None:
        self._whole, self._left, self.symbols = whole, chunks, whole.symbols
        self.begun_at: list[int] = []

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield those that are left before the kill."""
        self.begun_at.append(start_event)
        for chunk in self._whole.chunks(start_event):
            if self._left == 0:
                raise _Killed
            self._left -= 1
            yield chunk


def _run() -> TickRun:
    return TickRun(Busy, _SETS, _TERMS, 1e5, ("ticks",), seed=3, path=1, record_fills=True)


def _always(place: Unfinished, run: TickRun) -> RunKeeper:
    """Return who keeps the state at the end of every chunk."""
    return RunKeeper(place, run.name, seconds=0.0, share=math.inf)


def _place() -> Unfinished:
    return Unfinished(MemoryFiles(), "world", "part-00")


def _left(run: TickRun) -> list[bytes]:
    """Return everything that a run has left: state of its desks, fills and curves."""
    desks = [getattr(run.desks, name) for name in run.desks.__dataclass_fields__]
    kept = [array for array in desks if array.shape[1:2] != run.desks.fills.shape[1:2]]
    frames = [table(number) for table in (run.fills, run.orders) for number in range(len(_SETS))]
    return [array.tobytes() for array in kept] + [frame.serialize() for frame in frames]


@settings(max_examples=12, deadline=None)
@given(
    kills=st.lists(st.integers(0, 6), max_size=4),
    sizes=st.lists(st.integers(20, 500), min_size=5, max_size=5),
)
def test_a_run_killed_at_ends_of_chunks_goes_on_to_the_same_bytes(
    kills: list[int], sizes: list[int]
) -> None:
    feed = made_feed(5, events=2_000)
    whole = _run()
    whole.follow(mc.ArrayTicks(**feed))
    place = _place()
    # Each life reads in chunks of its own size, and dies after some of them.
    lives = [*kills, 10**6]
    done, ended = 0, False
    for chunks, size in zip(lives, sizes, strict=False):
        stream = _CutShort(mc.ArrayTicks(**feed, chunk_events=size), chunks)
        run = _run()
        with contextlib.suppress(_Killed):
            run.follow(stream, _always(place, run))
        assert stream.begun_at == ([] if ended else [done])
        done, ended = run.events, run.ended
    assert _left(run) == _left(whole)


def test_a_run_that_had_ended_is_not_run_again() -> None:
    feed = made_feed(6, events=900)
    place, first = _place(), _run()
    first.follow(mc.ArrayTicks(**feed), _always(place, first))
    again, stream = _run(), _CutShort(mc.ArrayTicks(**feed), 0)
    again.follow(stream, _always(place, again))
    assert stream.begun_at == []
    assert _left(again) == _left(first)


def test_a_damaged_state_and_one_of_other_sets_are_not_gone_on_from() -> None:
    ticks = mc.ArrayTicks(**made_feed(6, events=900), chunk_events=100)
    files = MemoryFiles()
    place, first = Unfinished(files, "world", "part-00"), _run()
    first.follow(ticks, _always(place, first))
    with pytest.raises(Refusal, match="state: one that is damaged or of another run"):
        TickRun(Busy, _SETS[:1], _TERMS, 1e5, ("ticks",)).restore(first.state())
    with pytest.raises(Refusal, match="state: one that is damaged or of another run"):
        _run().restore(first.state()[:-40])
    (key,) = files.list("unfinished/")
    content = files.get(key)
    files.delete(key)
    files.put_new(key, content[:200] + bytes([content[200] ^ 1]) + content[201:])
    again, stream = _run(), _CutShort(ticks, 10**6)
    again.follow(stream, _always(place, again))
    assert stream.begun_at == [0]
    assert _left(again) == _left(first)


def test_the_state_of_a_run_is_small_and_taken_seldom() -> None:
    class Counting(Unfinished):
        saved = 0

        def save(self, name: str, content: bytes) -> None:
            assert len(content) < 20_000 * len(_SETS)
            self.saved += 1

    place, run = Counting(MemoryFiles(), "world", "part-00"), _run()
    ticks = mc.ArrayTicks(**made_feed(6, events=900), chunk_events=10)
    run.follow(ticks, RunKeeper(place, run.name, seconds=3_600.0))
    assert place.saved == 0
    run = _run()
    run.follow(ticks, RunKeeper(place, run.name, seconds=0.0))
    # Whatever is asked, no more than a fiftieth of the time goes into it.
    assert 1 <= place.saved <= 90


def _states(root: Path) -> dict[Path, int]:
    """Return when each state was kept."""
    return {path: path.stat().st_mtime_ns for path in root.glob("unfinished/*/*/*.state")}


_STUDY = """
import sys
import engine as mc
import engine.ticks.keeping as keeping
from tests.engine.jobs.test_resume import content
from tests.engine.ticks.strategies import Busy

keeping.RunKeeper.__init__.__kwdefaults__.update(seconds=0.05, share=0.5)
terms = {"latency": {"entry": {"least": "1ms", "mean": "3ms"}}, "tick": 0.1, "lot": 0.01}
study = mc.Study(
    "killed", mc.read_ticks(sys.argv[2]), Busy, {"every": list(range(2, 22))}, ticks=terms,
    seeds=2, record={"metrics": ["bar_trading", "ticks"], "trades": True, "equity": 8},
)
study.run(root=sys.argv[1], workers=2)
"""


@pytest.mark.slow
def test_a_study_killed_at_random_instants_leaves_the_bytes_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    from engine.ticks.canonical import CanonicalWriter

    file = tmp_path / "X.parquet"
    with CanonicalWriter(file, "X", "made") as writer:
        for chunk in mc.ArrayTicks(**made_feed(8, events=400_000)).chunks():
            writer.write(chunk)
    script = tmp_path / "study.py"
    script.write_text(_STUDY)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}

    def start(root: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, os.fspath(script), os.fspath(root), os.fspath(file)]
        return subprocess.Popen(command, env=environment)

    assert start(tmp_path / "calm").wait() == 0
    draw, kept = random.Random(20), 0
    root = tmp_path / "killed"
    for _ in range(4):
        before = _states(root)
        child = start(root)
        # Compiling takes a while: every life is long enough to go on from the last one.
        limit = time.monotonic() + 300.0
        while _states(root) in ({}, before) and child.poll() is None:
            assert time.monotonic() < limit
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.5))
        if child.poll() is not None:
            break
        child.send_signal(signal.SIGKILL)
        child.wait()
        kept += 1
    assert start(root).wait() == 0
    assert kept >= 2
    assert _states(root) == {}
    assert content(root) == content(tmp_path / "calm")

"""A kill at any instant, and a restart: the same orders."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engine.errors import Refusal
from engine.files import MemoryFiles
from engine.paper import Journal, ScriptedBroker
from tests.engine.paper.rehearsal import WARM, Rehearsal, scripted_bars

SEED, COUNT = 5, 8
_SENT = ("submit", "cancel", "order", "positions", "open_orders")


class Killed(BaseException):
    """What a kill is to the code that it ends: nothing behind it runs."""


class Fuse:
    """Kills at one of the calls that it is asked about, before or after what that does."""

    def __init__(self, at: float, *, after: bool, end: BaseException | None = None) -> None:
        self.at, self.after, self.count = at, after, 0
        self.end = end or Killed()

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def called(*arguments: Any) -> Any:
            self.count += 1
            if self.count == self.at and not self.after:
                raise self.end
            answer = call(*arguments)
            if self.count == self.at:
                raise self.end
            return answer

        return called


class FusedFiles(MemoryFiles):
    """Files at whose writing the fuse may burn."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.put_new = fuse.around(super().put_new)  # type: ignore[method-assign]


def run(fuse: Fuse, sent: Sequence[str] = _SENT) -> Rehearsal:
    """Run a session; where it is killed, another process goes on."""
    broker = ScriptedBroker()
    bars = scripted_bars(SEED, COUNT, actions=(1, 2, 3, 4, 5, 6))
    rehearsal = Rehearsal(bars, broker, files=FusedFiles(fuse))
    for name in sent:
        setattr(broker, name, fuse.around(getattr(broker, name)))
    for index in range(WARM, COUNT):
        if index > WARM:
            rehearsal.trade(index)
        rehearsal.at(index)
        while True:
            try:
                rehearsal.step()
                break
            except (Killed, OSError):
                rehearsal.trader = rehearsal.fresh()
    fuse.at = 0
    return rehearsal


@functools.cache
def undisturbed() -> tuple[list[Any], float, int]:
    fuse = Fuse(0, after=False)
    rehearsal = run(fuse)
    assert len(rehearsal.broker.accepted) >= 5
    calls = fuse.count
    return rehearsal.broker.accepted, rehearsal.step().equity, calls


def the_same(first: int, step: int, *, after: bool) -> None:
    tickets, equity, calls = undisturbed()
    for at in range(first, calls + 1, step):
        rehearsal = run(Fuse(at, after=after))
        assert rehearsal.broker.accepted == tickets, at
        assert rehearsal.step().equity == equity, at


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_a_call_and_a_restart_leave_the_same_orders(after: bool) -> None:
    the_same(1 + after, 5, after=after)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_call_and_a_restart_leave_the_same_orders(after: bool) -> None:
    the_same(1, 1, after=after)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_no_entry_is_said_and_no_order_is_lost_or_doubled(error: int) -> None:
    tickets, equity, _ = undisturbed()
    entries = sum(
        key.endswith(".parquet") for key in run(Fuse(0, after=False)).files.list("paper/")
    )
    assert entries >= 5
    for at in range(1, entries + 1):
        rehearsal = run(Fuse(at, after=False, end=OSError(error, "the disk")), sent=())
        assert rehearsal.broker.accepted == tickets, at
        assert rehearsal.step().equity == equity, at


def test_of_two_processes_that_trade_a_session_the_second_is_told() -> None:
    rehearsal = Rehearsal(scripted_bars(1, 6), ScriptedBroker())
    other = rehearsal.fresh()
    rehearsal.at(WARM)
    rehearsal.step()
    with pytest.raises(Refusal, match="another process trades this session, allowed one at a time"):
        other.step([rehearsal.bars])


def test_a_journal_without_one_of_its_entries_is_refused() -> None:
    rehearsal = Rehearsal(scripted_bars(1, 6), ScriptedBroker())
    rehearsal.at(WARM)
    rehearsal.step()
    keys = rehearsal.files.list("paper/")
    assert len(keys) >= 2
    rehearsal.files.delete(keys[0])
    with pytest.raises(Refusal, match=r"00000000\.parquet is missing, and without it nobody kn"):
        rehearsal.fresh()


def test_a_damaged_entry_is_refused() -> None:
    rehearsal = Rehearsal(scripted_bars(1, 6), ScriptedBroker())
    rehearsal.at(WARM)
    rehearsal.step()
    key = rehearsal.files.list("paper/")[1]
    content = bytearray(rehearsal.files.get(key))
    content[40] ^= 1
    rehearsal.files.delete(key)
    assert rehearsal.files.put_new(key, bytes(content))
    with pytest.raises(Refusal, match=r"00000001\.parquet is damaged"):
        Journal(rehearsal.files, rehearsal.terms.session)

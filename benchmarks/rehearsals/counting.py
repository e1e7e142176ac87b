"""Sessions under random scripts, run and counted."""

from __future__ import annotations

import sys
import time
from collections import Counter


def counted(first: int, count: int) -> tuple[Counter[str], float]:
    """Run sessions; return what they came to, and the processor seconds that they took."""
    from tests.engine.paper.random_scripts import check, session

    began, found = time.process_time(), Counter[str]()
    for seed in range(first, first + count):
        rehearsal = session(seed, 8)
        found["sessions"] += 1
        found["calls"] += rehearsal.broker.calls
        found["orders"] += len(rehearsal.broker.accepted)
        found["fills"] += sum(
            row["event"] == "filled" for row in rehearsal.trader.desk.journal.rows
        )
        found["doubtful"] += sum(
            row["event"] == "doubtful" for row in rehearsal.trader.desk.journal.rows
        )
        try:
            check(rehearsal)
        except AssertionError as wrong:
            found["wrong"] += 1
            print(f"seed {seed}: {wrong}", file=sys.stderr, flush=True)
    return found, time.process_time() - began


def killed(*, after: bool) -> tuple[Counter[str], float]:
    """Kill a session at each of its calls, before or after what that does, and go on with another.

    Returns
    -------
    found : Counter
        ``kills``, and ``wrong``: those after which orders or equity are not the undisturbed ones.
    seconds : float
        Processor time.
    """
    from tests.engine.paper.test_kills import Fuse, run, undisturbed

    began, found = time.process_time(), Counter[str]()
    tickets, equity, calls = undisturbed()
    for at in range(1, calls + 1):
        rehearsal = run(Fuse(at, after=after))
        found["kills"] += 1
        same = rehearsal.broker.accepted == tickets and rehearsal.step().equity == equity
        found["wrong"] += not same
    return found, time.process_time() - began

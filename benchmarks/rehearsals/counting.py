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

"""10,000 paper sessions under random scripts of faults, and kills: orders lost or doubled.

``python -m benchmarks.rehearsals [COUNT] [WORKERS]``. Every session has faults at about a third of
its calls, partial fills, halts, closes at which the machine is down, and restarts; what has to hold
behind it is what the tests of `tests/engine/paper` check. One session more is killed at each of its
calls, before and after what the call does, and another process goes on with it.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.rehearsals.counting import counted, killed

FIRST, COUNT, CHUNK = 1_000, 10_000, 100


def main() -> None:
    # Tables of a few rows: threads would cost more than they do.
    os.environ["POLARS_MAX_THREADS"] = "1"
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    total, seconds = Counter[str](), 0.0
    firsts = range(FIRST, FIRST + count, CHUNK)
    sizes = [min(CHUNK, FIRST + count - first) for first in firsts]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done, (found, took) in enumerate(pool.map(counted, firsts, sizes), 1):
            total += found
            seconds += took
            print(f"{done * CHUNK:,} sessions, {total['wrong']} wrong", file=sys.stderr, flush=True)
        kills = [pool.submit(killed, after=after) for after in (False, True)]
        stopped = sum((kill.result()[0] for kill in kills), Counter[str]())
        seconds_of_kills = sum(kill.result()[1] for kill in kills)
    print("| what | count | wrong |")
    print("|---|---:|---:|")
    print(
        f"| paper sessions under random scripts of faults, seeds {FIRST} to {FIRST + count - 1}: "
        f"{total['calls']:,} calls, {total['doubtful']:,} orders sent without an answer, "
        f"{total['orders']:,} orders taken, {total['fills']:,} fills | "
        f"{total['sessions']:,} | {total['wrong']:,} |"
    )
    print(
        "| kills at every call of a session, before it and after it, another process going on: "
        f"orders and equity that are not those of the undisturbed one | {stopped['kills']:,} | "
        f"{stopped['wrong']:,} |"
    )
    print(
        f"\n{seconds:,.0f} s of processor time, {1e3 * seconds / max(count, 1):.0f} ms a session; "
        f"{seconds_of_kills:,.0f} s for the kills."
    )


if __name__ == "__main__":
    main()

"""How the benchmarks time: interleaved rounds, so that what the machine does else hits all alike.

Machines that are shared change their speed within seconds. Times are therefore the least of many
rounds, since other guests only ever add, and ratios the median of pairs taken side by side.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["Call", "least", "paired_ratio", "two_thread_scaling"]

Call = Callable[[], object]


def least(calls: Sequence[Call], rounds: int) -> list[float]:
    """Return the least processor seconds of each call, in rounds of all of them."""
    best = [np.inf] * len(calls)
    for _ in range(rounds):
        for index, call in enumerate(calls):
            best[index] = min(best[index], _thread_seconds(call))
    return best


def paired_ratio(call: Call, other: Call, rounds: int) -> float:
    """Return the median ratio of one call's processor time, all threads, to that of another."""
    ratios = []
    for number in range(rounds):
        pair = [(call, 0), (other, 1)]
        spent = [0.0, 0.0]
        for each, index in pair if number % 2 else reversed(pair):
            begin = time.process_time()
            each()
            spent[index] = time.process_time() - begin
        ratios.append(spent[0] / spent[1])
    return float(np.median(ratios))


def two_thread_scaling(calls: tuple[Call, Call], rounds: int) -> float:
    """Return how much more two threads do than one, by the processor time that each needs.

    In each round the calls run one after the other and then at once; the least of each counts.
    """
    alone = at_once = np.inf
    for _ in range(rounds):
        alone = min(alone, sum(map(_thread_seconds, calls)))
        together = [0.0, 0.0]
        barrier = threading.Barrier(2)

        def work(
            index: int, spent: list[float] = together, barrier: threading.Barrier = barrier
        ) -> None:
            barrier.wait()
            spent[index] = _thread_seconds(calls[index])

        threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        at_once = min(at_once, sum(together))
    return 2.0 * alone / at_once


def _thread_seconds(call: Call) -> float:
    begin = time.thread_time()
    call()
    return time.thread_time() - begin

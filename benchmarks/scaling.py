"""What 10⁹ simulations take on 64 hosts of 32 cores: a queue of parts, from measured figures."""

from __future__ import annotations

import heapq
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIMULATIONS: Final = 1_000_000_000
HOSTS: Final = 64
CORES: Final = 32
# Measured: `python -m benchmarks execution` and `python -m benchmarks studies`.
PER_SECOND: Final = 74_585.0
BYTES_A_ROW: Final = {"every metric, float64": 133.6, "three metrics, float32": 8.097}
# Assumed, and to be replaced by those of one's own: an object store's answer to a put, its limit of
# puts for one prefix, how much parts differ in length, and what a core costs.
PUT_SECONDS: Final = 0.05
PUTS_PER_SECOND: Final = 3_500.0
SPREAD: Final = 0.15
DOLLARS_A_CORE_HOUR: Final = 0.045
ROWS_A_PART: Final = (6_000, 60_000, 600_000, 6_000_000)


def main() -> None:
    serial = scheduler_seconds()
    print(f"A scheduler of this machine hands out a part in {serial * 1e3:.2f} ms.\n")
    print("| rows a part | parts | seconds a part | finished after | busy cores | cost |")
    print("|---:|---:|---:|---:|---:|---:|")
    generator = np.random.default_rng(1)
    for rows in ROWS_A_PART:
        parts = -(-SIMULATIONS // rows)
        mean = rows / PER_SECOND
        # Lognormal of this mean and relative spread.
        sigma = float(np.sqrt(np.log1p(SPREAD**2)))
        seconds = mean * generator.lognormal(-(sigma**2) / 2, sigma, parts) + PUT_SECONDS
        dispatch = max(serial, 1.0 / PUTS_PER_SECOND)
        end = finished_after(seconds, workers=HOSTS * CORES, serial=dispatch)
        busy = float(seconds.sum()) / (end * HOSTS * CORES)
        cost = end / 3600 * HOSTS * CORES * DOLLARS_A_CORE_HOUR
        print(
            f"| {rows:,} | {parts:,} | {mean:.2f} | {end:,.1f} s | {100 * busy:.0f} % | "
            f"${cost:,.2f} |"
        )
    print("\n| what is stored | GB |\n|---|---:|")
    for name, size in BYTES_A_ROW.items():
        print(f"| {name} | {SIMULATIONS * size / 1e9:,.0f} |")


def finished_after(seconds: NDArray[np.float64], *, workers: int, serial: float) -> float:
    """Return when the last part is finished.

    Parameters
    ----------
    seconds : ndarray of float64, shape (parts,)
        How long each takes.
    workers : int
        Each takes the next part as soon as it has one and is free.
    serial : float
        Seconds between two parts that are handed out.

    Examples
    --------
    >>> finished_after(np.full(4, 10.0), workers=2, serial=0.0)
    20.0
    >>> finished_after(np.full(100, 0.1), workers=100, serial=1.0)
    100.1
    """
    free = [0.0] * workers
    end = 0.0
    for number, length in enumerate(seconds.tolist()):
        done = max(heapq.heappop(free), (number + 1) * serial) + length
        heapq.heappush(free, done)
        end = max(end, done)
    return end


def scheduler_seconds(tasks: int = 2_000) -> float:
    """Return the seconds that Dask's scheduler takes for each of many empty tasks."""
    from distributed import Client

    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as client:
        client.gather(client.map(_nothing, range(100), pure=False))
        begin = time.process_time()
        client.gather(client.map(_nothing, range(tasks), pure=False))
        return (time.process_time() - begin) / tasks


def _nothing(number: int) -> int:
    return number


if __name__ == "__main__":
    main()

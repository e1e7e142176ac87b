"""Price paths: time per step of every source, against NumPy, arch and QuantLib.

``python -m benchmarks paths`` prints the table. Times are processor time of the thread, the best
of several interleaved repetitions; a peer is timed in the same process, so its ratio holds on a
noisy machine. Ours writes whole bars (open, high, low, close, volume, states) into a reused buffer;
the peers write a price or return per step. QuantLib's rows need the dependency group ``peers``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import least, two_thread_scaling
from engine.bars import Bars
from engine.sources import (
    GBM,
    Bootstrap,
    Heston,
    Merton,
    RegimeSwitching,
    Schwartz1F,
    Schwartz2F,
    Source,
)

MINUTES = 982_800  # ten years of 390-minute sessions
MINUTE = 1.0 / 98_280
DAILY = 2_520
PATHS = 256
REPETITIONS = 7

COLUMNS = ("what", "ns per step", "ms per path", "target", "peer", "peer ns", "times faster")
Row = dict[str, Any]
Work = tuple[Callable[[], Any], int]  # a call and the steps it makes


def run(repetitions: int = REPETITIONS) -> list[Row]:
    """Measure everything; one row per source and use."""
    rows: list[Row] = []
    numpy_gbm = ("NumPy", _numpy_gbm())
    quantlib = find_spec("QuantLib") is not None
    single = {
        "GBM": (GBM(), 8.0, numpy_gbm),
        "Schwartz one-factor": (Schwartz1F(), 8.0, ("NumPy", _numpy_ou())),
        "Merton": (Merton(), 8.0, ("NumPy", _numpy_merton())),
        "regime switching": (RegimeSwitching(), 8.0, ("NumPy", _numpy_regime())),
        "Schwartz two-factor": (Schwartz2F(), 14.0, ("NumPy", _numpy_two_factor())),
        "Heston full truncation": (
            Heston(scheme="full_truncation"),
            25.0,
            ("NumPy", _numpy_heston()),
        ),
        "Heston QE": (Heston(), 60.0, None),
    }
    for name, (source, target, peer) in single.items():
        row = _row(f"{name}, one minute path", _ours(source, 1, MINUTES, MINUTE), peer, repetitions)
        row["ms per path"] = row["ns per step"] * MINUTES * 1e-6
        row["target"], row["ok"] = f"≤ {target:g} ms", row["ms per path"] <= target
        rows.append(row)
    full = _row(
        "GBM, one minute path, exact highs and lows",
        _ours(GBM(), 1, MINUTES, MINUTE, "ohlc"),
        None,
        repetitions,
    )
    full["ms per path"] = full["ns per step"] * MINUTES * 1e-6
    rows.append(full)
    many = {
        "GBM": (GBM(), None, ("QuantLib", _quantlib_gbm()) if quantlib else None),
        "Heston full truncation": (
            Heston(scheme="full_truncation"),
            None,
            ("NumPy", _numpy_heston()),
        ),
        "Heston QE": (Heston(), 20.0, ("QuantLib", _quantlib_heston()) if quantlib else None),
    }
    for name, (source, ns_target, peer) in many.items():
        work = _ours(source, PATHS, DAILY, 1 / 252)
        row = _row(f"{name}, {PATHS} daily paths", work, peer, repetitions)
        if ns_target is not None:
            row["target"], row["ok"] = f"≤ {ns_target:g} ns", row["ns per step"] <= ns_target
        rows.append(row)
    rows += _bootstrap_rows(repetitions)
    rows.append(_scaling_row(repetitions))
    return rows


def _row(what: str, ours: Work, peer: tuple[str, Work] | None, repetitions: int) -> Row:
    works = [ours] if peer is None else [ours, peer[1]]
    for call, _ in works:
        call()  # compile, and touch the memory
    seconds = least([call for call, _ in works], repetitions)
    times = [spent / steps * 1e9 for spent, (_, steps) in zip(seconds, works, strict=True)]
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"what": what, "ns per step": times[0], "ok": None}
    if peer is not None:
        row |= {"peer": peer[0], "peer ns": times[1], "times faster": times[1] / times[0]}
    return row


def _ours(source: Source, paths: int, steps: int, dt: float, bars: Any = "close") -> Work:
    generator = source.prepare(steps=steps, dt=dt, bars=bars)
    out = np.empty((paths, len(generator.symbols), len(generator.fields), steps))
    seeds = np.arange(paths, dtype=np.uint64)
    path_ids = np.zeros(paths, dtype=np.uint64)
    scratch = generator.scratch(paths)
    return lambda: generator.fill(seeds, path_ids, out, scratch), paths * steps


def _bootstrap_rows(repetitions: int) -> list[Row]:
    from arch import bootstrap

    returns = np.random.default_rng(1).normal(0.0, 0.01, DAILY)
    close = 100.0 * np.exp(np.cumsum(returns))
    opening = np.concatenate([[100.0], close[:-1]])
    stamps = np.arange(DAILY, dtype=np.int64) * 86_400_000_000
    high, low = np.maximum(opening, close), np.minimum(opening, close)
    bars = Bars("X", stamps, opening, high, low, close, np.ones(DAILY))
    peers = {
        "stationary": lambda: bootstrap.StationaryBootstrap(20, returns, seed=1),
        "circular_block": lambda: bootstrap.CircularBlockBootstrap(20, returns, seed=1),
        "moving_block": lambda: bootstrap.MovingBlockBootstrap(20, returns, seed=1),
        "iid": lambda: bootstrap.IIDBootstrap(returns, seed=1),
    }
    rows = []
    for method, make in peers.items():
        source = Bootstrap(bars, method=method, block_length=1 if method == "iid" else 20)

        def arch_draws(make: Callable[[], Any] = make) -> None:
            for _ in make().bootstrap(50):
                pass

        row = _row(
            f"bootstrap of daily bars, {method.replace('_', ' ')}",
            _ours(source, PATHS, DAILY, 1 / 252),
            ("arch", (arch_draws, 50 * DAILY)),
            repetitions,
        )
        row["target"], row["ok"] = "≤ 8 ns", row["ns per step"] <= 8.0
        rows.append(row)
    return rows


def _scaling_row(repetitions: int) -> Row:
    calls = []
    for _ in range(2):
        call, steps = _ours(GBM(), 8, DAILY, 1 / 252)  # fits the core's own cache
        calls.append(lambda call=call: [call() for _ in range(40)])
    scaling = two_thread_scaling((calls[0], calls[1]), 8 * repetitions)
    alone = least(calls[:1], 8 * repetitions)[0] / steps / 40 * 1e9
    row: Row = dict.fromkeys(COLUMNS)
    return row | {
        "what": "GBM, two threads at once, by processor time",
        "ns per step": alone / scaling,
        "target": "≥ 1.8",
        "peer": "one thread",
        "peer ns": alone,
        "times faster": scaling,
        "ok": scaling >= 1.8,
    }


def _numpy_gbm() -> Work:
    rng = np.random.default_rng(1)
    out: NDArray[np.float64] = np.empty((PATHS, DAILY))

    def call() -> None:
        rng.standard_normal(out=out)
        np.multiply(out, 0.2 / math.sqrt(252), out=out)
        np.cumsum(out, axis=1, out=out)
        np.exp(out, out=out)

    return call, out.size


def _numpy_ou() -> Work:
    rng = np.random.default_rng(1)
    level = np.zeros(4000)
    shocks = np.empty(4000)
    prices = np.empty(4000)

    def call() -> None:
        for _ in range(100):
            rng.standard_normal(out=shocks)
            np.multiply(level, 0.99, out=level)
            np.multiply(shocks, 0.02, out=shocks)
            np.add(level, shocks, out=level)
            np.exp(level, out=prices)

    return call, 400_000


def _numpy_merton() -> Work:
    rng = np.random.default_rng(1)
    out: NDArray[np.float64] = np.empty((PATHS, DAILY))

    def call() -> None:
        rng.standard_normal(out=out)
        np.multiply(out, 0.15 / math.sqrt(252), out=out)
        jumps = rng.poisson(0.5 / 252, out.shape)
        where = np.nonzero(jumps)
        count = jumps[where]
        out[where] += -0.1 * count + 0.15 * np.sqrt(count) * rng.standard_normal(count.size)
        np.cumsum(out, axis=1, out=out)
        np.exp(out, out=out)

    return call, out.size


def _numpy_regime() -> Work:
    rng = np.random.default_rng(1)
    mean, deviation = np.array([0.0005, -0.001]), np.array([0.008, 0.02])
    leave = np.array([0.01, 0.03])

    def call() -> None:
        level, regime = np.zeros(4000), np.zeros(4000, dtype=np.int64)
        for _ in range(100):
            regime ^= rng.random(4000) < leave[regime]
            level += mean[regime] + deviation[regime] * rng.standard_normal(4000)
        np.exp(level, out=level)

    return call, 400_000


def _numpy_two_factor() -> Work:
    rng = np.random.default_rng(1)

    def call() -> None:
        level, distance = np.zeros(4000), np.zeros(4000)
        for _ in range(100):
            first, second = rng.standard_normal((2, 4000))
            level += 0.0003 - 0.0039 * distance + 0.022 * first
            distance = 0.994 * distance + 0.02 * first + 0.015 * second
        np.exp(level, out=level)

    return call, 400_000


def _numpy_heston() -> Work:
    rng = np.random.default_rng(1)
    h = 1 / 252

    def call() -> None:
        level, v = np.zeros(4000), np.full(4000, 0.04)
        for _ in range(100):
            first, second = rng.standard_normal((2, 4000))
            positive = np.maximum(v, 0.0)
            root = np.sqrt(positive * h)
            level += (0.05 - 0.5 * positive) * h + root * (-0.7 * first + 0.714 * second)
            v = v + 2.0 * (0.04 - positive) * h + 0.5 * root * first
        np.exp(level, out=level)

    return call, 400_000


def _quantlib_gbm() -> Work:
    import QuantLib as ql

    process = ql.GeometricBrownianMotionProcess(100.0, 0.05, 0.2)
    uniform = ql.UniformRandomSequenceGenerator(DAILY, ql.UniformRandomGenerator(1))
    normal = ql.GaussianRandomSequenceGenerator(uniform)
    paths = ql.GaussianPathGenerator(process, 10.0, DAILY, normal, False)

    def call() -> None:
        for _ in range(20):
            paths.next()

    return call, 20 * DAILY


def _quantlib_heston() -> Work:
    import QuantLib as ql

    today = ql.Date(1, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    rate = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.05, ql.Actual365Fixed()))
    none = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed()))
    process = ql.HestonProcess(
        rate,
        none,
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        0.04,
        2.0,
        0.04,
        0.5,
        -0.7,
        ql.HestonProcess.QuadraticExponentialMartingale,
    )
    times = list(ql.TimeGrid(10.0, DAILY))
    uniform = ql.UniformRandomSequenceGenerator(2 * DAILY, ql.UniformRandomGenerator(1))
    normal = ql.GaussianRandomSequenceGenerator(uniform)
    paths = ql.GaussianMultiPathGenerator(process, times, normal, False)

    def call() -> None:
        for _ in range(5):
            paths.next()

    return call, 5 * DAILY


def main() -> None:
    """Print the table."""
    print("| " + " | ".join(COLUMNS) + " | met |")
    print("|---|---:|---:|---|---|---:|---:|---|")
    for row in run():
        cells = [_text(row[name]) for name in COLUMNS]
        met = {None: "", True: "yes", False: "no"}[row["ok"]]
        print(f"| {' | '.join(cells)} | {met} |")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()

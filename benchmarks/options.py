"""Speed of option strategies: ``python -m benchmarks options``.

Least processor seconds of interleaved rounds on one thread. The flagship is timed as a user waits
for it, from reading its file to its table, on every core, and in processor seconds of all threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import engine as mc
from benchmarks.timing import least
from engine.execution import Execution
from engine.options.built_ins import ShortStrangle
from engine.options.engine import OptionEngine
from engine.sources.dynamics import WithDynamics, dynamics_of

BARS, PATHS, SETS, ROUNDS = 2_520, 8, 50, 9
FLAGSHIP = Path(__file__).resolve().parents[1] / "studies" / "short_strangle_crude.yaml"
COSTS = {"multiplier": 1000.0, "spread": {"percent": 4.0}, "commission": 2.5}


def rolling_strangle(source: mc.Source, options: dict[str, object]) -> Callable[[], None]:
    """Return a call that rolls strangles of 21 days, marked daily, on ten years of bars."""
    generator = WithDynamics(source.prepare(steps=BARS, bars="close"), dynamics_of(source))
    values = np.empty((PATHS, 1, len(generator.fields), BARS))
    numbers = np.arange(PATHS, dtype=np.uint64)
    generator.fill(numbers, np.zeros_like(numbers), values, generator.scratch(PATHS))
    prepared = OptionEngine().with_options(COSTS | options).prepare(
        ShortStrangle, Execution(cash=1e6), symbols=generator.symbols, fields=generator.fields,
        steps=BARS, bars_per_year=252.0, bars_per_session=1.0, warm_up=0, record_equity=0,
        record_trades=False, groups=("bar_trading", "options"),
    )  # fmt: skip
    declared = ShortStrangle.parameters
    sets = np.array(
        [
            [item.encode({"put_otm": otm}.get(n, item.default)) for n, item in declared.items()]
            for otm in np.linspace(0.5, 3.0, SETS)
        ]
    )
    metrics = np.empty((PATHS, SETS, len(prepared.metric_names)))
    status, scratch = np.empty((PATHS, SETS), dtype=np.int8), prepared.scratch()

    def run() -> None:
        prepared.run(values, sets, metrics, status, scratch)

    run()
    assert not status.any()
    return run


def main() -> None:
    rng = np.random.default_rng(1)
    forward, strike = rng.uniform(80.0, 120.0, 100_000), rng.uniform(70.0, 130.0, 100_000)
    oil = mc.Schwartz2F(mu=0.0)
    calls: list[Callable[[], object]] = [
        rolling_strangle(mc.GBM(mu=0.0, sigma=0.35), {}),
        rolling_strangle(oil, {"underlying": "future", "future_days": 3}),
        lambda: mc.black76(forward, strike, 0.1, 0.35),
    ]
    price, future, greeks = least(calls, ROUNDS)
    bars = BARS * PATHS * SETS
    study = mc.load_study(FLAGSHIP)
    study.run()
    waits, spent = [], []
    for _ in range(3):
        begin, begun = time.perf_counter(), time.process_time()
        mc.load_study(FLAGSHIP).run().statistics()
        waits.append(time.perf_counter() - begin)
        spent.append(time.process_time() - begun)
    rows = [
        ("rolling strangle of 21 days marked daily, ns a bar", price / bars * 1e9, 25.0),
        ("the same on a future of the two-factor model, ns a bar", future / bars * 1e9, None),
        ("simulations of ten years a second, one thread", PATHS * SETS / price, 15_000.0),
        ("one Black-76 price with five greeks, ns", greeks / len(forward) * 1e9, None),
        ("300 sets x 100 seeds x 5 years to the table, s", min(waits), 4.0),
        ("the same in processor seconds of all threads", min(spent), None),
    ]
    print("| what | value | target | met |")
    print("|---|---:|---:|---|")
    for what, value, target in rows:
        more = what.startswith("simulations")
        limit = "" if target is None else f"{'≥' if more else '≤'} {target:,.4g}"
        good = target is not None and (value >= target if more else value <= target)
        met = "" if target is None else ("yes" if good else "no")
        print(f"| {what} | {value:,.4g} | {limit} | {met} |")


if __name__ == "__main__":
    main()

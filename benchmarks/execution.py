"""Strategies and fills: simulations per second, against NumPy and backtesting.py.

``python -m benchmarks execution`` prints the table. Times are processor time of the thread, the
least of many rounds; the peers run in the same process on the same bars. Rows say parameter sets x
paths x bars. Peers other than NumPy need the dependency group ``peers``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.crossover import backtesting_py, numpy_sets, vectorbt_sets
from benchmarks.timing import least, two_thread_scaling
from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.strategies import (
    Int,
    Strategy,
    StrategyEngine,
    load_user_strategies,
    prepare_strategy,
)
from engine.strategies.trade_tape import TradeTape

DAILY, PATHS, MINUTES = 2_520, 24, 982_800
SETS = [{"fast": fast, "slow": slow} for fast in (5, 10, 15, 20) for slow in (30, 50, 75, 100, 150)]
COSTS = Execution(cash=1e6, commission={"rate": 0.001}, slippage={"bps": 1.0})
PAIRS = [(item["fast"], item["slow"]) for item in SETS]
# The serial chain of additions of one bar, at 3.13 GHz.
BOUND_NS = 1.9
ROUNDS = 100

COLUMNS = ("what", "value", "unit", "target", "ns per bar", "share of bound")
Row = dict[str, Any]


class Pending(Strategy):
    """Keeps a bracketed position whose exits are never reached."""

    units = Int(10)

    def on_bar(self, bar: Any, order: Any) -> None:
        """Open it after the first bar."""
        if bar.index == 0:
            order.bracket(self.units, take_profit=1e9, stop_loss=1e-9)


class Busy(Strategy):
    """Trades around a limit entry with a bracket all the time."""

    units = Int(10)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        """Place the next entry."""
        if account.open_orders == 0:
            order.limit(
                self.units,
                bar.close * 0.99,
                take_profit=bar.close * 1.02,
                stop_loss=bar.close * 0.97,
            )


class Flip(Strategy):
    """A market order at every bar."""

    units = Int(10)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        """Open or close."""
        if account.position == 0.0:
            order.market(self.units)
        else:
            order.close()


def run(rounds: int = ROUNDS) -> list[Row]:
    """Measure everything; one row per use."""
    walks = random_walks(PATHS, DAILY)
    many = random_walks(10 * PATHS, DAILY)
    study = Work("sma_crossover", walks, SETS)
    engines = {
        what: Work(cls, walks, [{}] * 4)
        for cls, what in ((Pending, "resting bracket"), (Busy, "limit entries"), (Flip, "fill"))
    }
    minutes = Work("sma_crossover", random_walks(1, MINUTES), [{}])
    one_set = Work("sma_crossover", many, SETS[:1])
    traded = Work("sma_crossover", walks, SETS, record_trades=True)
    works = [study, *engines.values(), minutes, one_set, traded]
    works += [lambda: numpy_sets(walks[0, 0], PAIRS)]
    seconds = least(works, rounds)
    rows = [_study(study, seconds[0]), _two_threads(walks, rounds)]
    rows += _variants(one_set, seconds[-3], traded, seconds[-2], seconds[0])
    rows += _peers(walks, rows[0]["value"], seconds[-1])
    for (what, work), spent in zip(engines.items(), seconds[1:-4], strict=True):
        rows.append(_order_engine(what, spent / work.simulations / DAILY * 1e9))
    rows.append(_minute_path(seconds[-4] * 1e3))
    rows += _compilation()
    return rows


def main() -> None:
    """Print the table in Markdown."""
    rows = run()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for row in rows:
        print("| " + " | ".join(_cell(row.get(column, "")) for column in COLUMNS) + " |")
    missed = [row["what"] for row in rows if row.get("ok") is False]
    print(f"\ntargets missed: {', '.join(missed) or 'none'}")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return str(value)


def random_walks(paths: int, bars: int) -> NDArray[np.float64]:
    """Return bars of shape (paths, 1, 5, bars)."""
    rng = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (paths, bars)), axis=1))
    opens = np.concatenate([np.full((paths, 1), 100.0), close[:, :-1]], axis=1)
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    columns = [opens, high, low, close, np.full_like(close, 1e6)]
    return np.ascontiguousarray(np.stack(columns, axis=1)[:, None])


class Work:
    """One worker's buffers for a strategy over given paths."""

    def __init__(
        self,
        strategy: type[Strategy] | str,
        walks: NDArray[np.float64],
        sets: list[dict[str, Any]],
        *,
        record_trades: bool = False,
    ) -> None:
        self.engine: StrategyEngine = prepare_strategy(
            strategy,
            COSTS,
            symbols=("X",),
            fields=BAR_FIELDS,
            steps=walks.shape[3],
            bars_per_year=252.0,
            record_trades=record_trades,
        )
        self.walks = walks
        self.tape = TradeTape() if record_trades else None
        self.parameters = np.array([self.engine.encode(item) for item in sets])
        self.metrics = np.empty((len(walks), len(sets), len(self.engine.metric_names)))
        self.status = np.empty((len(walks), len(sets)), dtype=np.int8)
        self.scratch = self.engine.scratch()
        self.simulations = len(walks) * len(sets)
        self()

    def __call__(self) -> None:
        self.engine.run(
            self.walks, self.parameters, self.metrics, self.status, self.scratch, trades=self.tape
        )


def _study(work: Work, seconds: float) -> Row:
    rate = work.simulations / seconds
    per_bar = seconds / work.simulations / DAILY * 1e9
    return {
        "what": f"SMA crossover, {len(SETS)} x {PATHS} x {DAILY:,}, all metrics, one thread",
        "value": rate,
        "unit": "simulations/s",
        "target": "≥ 40,000",
        "ok": rate >= 40_000,
        "ns per bar": per_bar,
        "share of bound": f"{BOUND_NS / per_bar:.0%}",
    }


def _two_threads(walks: NDArray[np.float64], rounds: int) -> Row:
    first, second = (Work("sma_crossover", walks, SETS) for _ in range(2))
    scaling = two_thread_scaling((first, second), rounds)
    return {
        "what": "the same on two threads, by processor time",
        "value": scaling,
        "unit": "times one thread",
        "target": "≥ 1.8",
        "ok": scaling >= 1.8,
    }


def _variants(
    one_set: Work, alone: float, traded: Work, with_trades: float, without: float
) -> list[Row]:
    rate = one_set.simulations / alone
    return [
        {
            "what": f"the same, 1 x {10 * PATHS} x {DAILY:,}: one set a path",
            "value": rate,
            "unit": "simulations/s",
            "ns per bar": 1e9 / rate / DAILY,
        },
        {
            "what": f"the same with every trade on a tape, {len(SETS)} x {PATHS} x {DAILY:,}",
            "value": with_trades / without,
            "unit": "times without",
            "target": "≤ 1.3",
            "ok": with_trades / without <= 1.3,
            "ns per bar": with_trades / traded.simulations / DAILY * 1e9,
        },
    ]


def _peers(walks: NDArray[np.float64], ours: float, numpy_seconds: float) -> list[Row]:
    sets = f"{len(SETS)} x 1 x {DAILY:,}"
    rows = [_peer_row(f"NumPy, {sets}, five metrics", numpy_seconds / len(SETS), ours)]
    if find_spec("vectorbt") is not None:
        several = walks[:8, 0]
        simulated, measured = least(
            [
                lambda: vectorbt_sets(several, PAIRS, metrics=False),
                lambda: vectorbt_sets(several, PAIRS, metrics=True),
            ],
            5,
        )
        sets, count = f"{len(SETS)} x {len(several)} x {DAILY:,}", len(SETS) * len(several)
        rows.append(_peer_row(f"vectorbt, {sets}, no metric", simulated / count, ours))
        rows.append(_peer_row(f"vectorbt, {sets}, 20 metrics", measured / count, ours))
    if find_spec("backtesting") is not None:
        (seconds,) = least([lambda: backtesting_py(walks[0, 0], PAIRS[0])], 2)
        rows.append(_peer_row(f"backtesting.py, 1 x 1 x {DAILY:,}", seconds, ours))
    return rows


def _peer_row(what: str, seconds: float, ours: float) -> Row:
    return {
        "what": what,
        "value": 1.0 / seconds,
        "unit": f"simulations/s; ours {ours * seconds:,.1f} times as many",
        "ns per bar": seconds / DAILY * 1e9,
    }


def _order_engine(what: str, per_bar: float) -> Row:
    row = {
        "what": f"a bar through the full order engine: {what}",
        "value": per_bar,
        "unit": "ns",
        "ns per bar": per_bar,
    }
    if what != "fill":  # a fill at every bar, which no target is meant for
        row |= {"target": "≤ 25", "ok": per_bar <= 25.0}
    return row


def _minute_path(milliseconds: float) -> Row:
    return {
        "what": f"SMA crossover, 1 x 1 x {MINUTES:,}",
        "value": milliseconds,
        "unit": "ms",
        "target": "< 30",
        "ok": milliseconds < 30.0,
        "ns per bar": milliseconds * 1e6 / MINUTES,
    }


FIFTY_LINES = """from engine.strategies import SMA, Int, Float, Strategy

SALT = {salt}


class Benchmarked(Strategy):
    period = Int(20)
    width = Float(1.5)
    mean = SMA(period)
    entry = 0.0
    best = 0.0
    count = 0

    def on_bar(self, bar, order, account):
        distance = bar.close - self.mean
        band = self.width * SALT
        if account.position == 0.0:
            self.best = 0.0
            rising = 0
            for back in range(5):
                if bar.close[back] > bar.close[back + 1]:
                    rising += 1
            if rising >= 4 and distance > band:
                order.target_percent(0.5)
                self.entry = bar.close
                self.count += 1
            elif rising <= 1 and distance < -band:
                order.target_percent(-0.5)
                self.entry = bar.close
                self.count += 1
        elif account.position > 0.0:
            self.best = max(self.best, bar.high)
            if bar.close < self.best * 0.95:
                order.close()
            elif bar.close > self.entry * 1.2:
                order.market(-0.5 * account.position)
                self.entry = bar.close
        else:
            if self.best == 0.0:
                self.best = bar.low
            self.best = min(self.best, bar.low)
            if bar.close > self.best * 1.05:
                order.close()
            elif bar.close < self.entry * 0.8:
                order.market(-0.5 * account.position)
                self.entry = bar.close
        if self.count > 100:
            order.cancel_all()
            self.count = 0
"""

# The first strategy of a process pays for the start of Numba's compiler, the second does not.
PROBE = """import sys, time
import benchmarks.execution as b
walks = b.random_walks(1, 100)
b.Work("buy_and_hold", walks, [dict()])
for file in sys.argv[1:]:
    b.load_user_strategies(file)
    begin = time.process_time()
    b.Work("benchmarked", walks, [dict()])
    print(time.process_time() - begin)
"""


def _compilation() -> list[Row]:
    """Compile strategies that were never seen, then load them in another process."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number in range(2):
            files.append(Path(folder) / f"benchmarked_{number}.py")
            files[-1].write_text(FIFTY_LINES.format(salt=1.0 + time.time_ns() % 10**9 * 1e-12))
        seconds = []
        for _ in range(2):
            command = [sys.executable, "-c", PROBE, *map(str, files)]
            root = Path(__file__).resolve().parents[1]
            output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
            seconds.append([float(line) for line in output.stdout.split()])
    (first, new), (_, loaded) = seconds
    return [
        {
            "what": "compile a new 50-line strategy",
            "value": new,
            "unit": "s",
            "target": "< 2",
            "ok": new < 2.0,
        },
        {"what": "the same as the first of a process", "value": first, "unit": "s"},
        {
            "what": "load it in a second process",
            "value": loaded * 1e3,
            "unit": "ms",
            "target": "< 50",
            "ok": loaded < 0.05,
        },
    ]


__all__ = ["load_user_strategies", "main", "random_walks", "run"]

if __name__ == "__main__":
    main()

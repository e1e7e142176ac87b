"""Strategies and fills: simulations per second, against NumPy and backtesting.py.

``python -m benchmarks execution`` prints the table. Times are processor time of the thread, the
least of many rounds; the peers run in the same process on the same bars, in the same rounds.
backtesting.py's row needs the dependency group ``peers``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

DAILY, PATHS, MINUTES = 2_520, 24, 982_800
SETS = [{"fast": fast, "slow": slow} for fast in (5, 10, 15, 20) for slow in (30, 50, 75, 100, 150)]
COSTS = Execution(cash=1e6, commission={"rate": 0.001}, slippage={"bps": 1.0})
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
    study = Work("sma_crossover", walks, SETS)
    engines = {
        what: Work(cls, walks, [{}] * 4)
        for cls, what in ((Pending, "resting bracket"), (Busy, "limit entries"), (Flip, "fill"))
    }
    minutes = Work("sma_crossover", random_walks(1, MINUTES), [{}])
    works = [study, *engines.values(), minutes, lambda: _numpy_sma(walks[0, 0])]
    seconds = least(works, rounds)
    rows = [_study(study, seconds[0]), _two_threads(walks, rounds)]
    rows += _peers(walks, rows[0]["value"], seconds[-1])
    for (what, work), spent in zip(engines.items(), seconds[1:-2], strict=True):
        rows.append(_order_engine(what, spent / work.simulations / DAILY * 1e9))
    rows.append(_minute_path(seconds[-2] * 1e3))
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
        self, strategy: type[Strategy] | str, walks: NDArray[np.float64], sets: list[dict[str, Any]]
    ) -> None:
        self.engine: StrategyEngine = prepare_strategy(
            strategy,
            COSTS,
            symbols=("X",),
            fields=BAR_FIELDS,
            steps=walks.shape[3],
            bars_per_year=252.0,
        )
        self.walks = walks
        self.parameters = np.array([self.engine.encode(item) for item in sets])
        self.metrics = np.empty((len(walks), len(sets), len(self.engine.metric_names)))
        self.status = np.empty((len(walks), len(sets)), dtype=np.int8)
        self.scratch = self.engine.scratch()
        self.simulations = len(walks) * len(sets)
        self()

    def __call__(self) -> None:
        self.engine.run(self.walks, self.parameters, self.metrics, self.status, self.scratch)


def _study(work: Work, seconds: float) -> Row:
    rate = work.simulations / seconds
    per_bar = seconds / work.simulations / DAILY * 1e9
    return {
        "what": "SMA crossover, 2,520 daily bars, 20 sets per path, all metrics, one thread",
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


def _peers(walks: NDArray[np.float64], ours: float, numpy_seconds: float) -> list[Row]:
    rows = [_peer_row("NumPy, vectorised over one path, five metrics", numpy_seconds, ours)]
    if find_spec("backtesting") is not None:
        (seconds,) = least([lambda: _backtesting_py(walks[0, 0])], 2)
        rows.append(_peer_row("backtesting.py, one simulation", seconds, ours))
    return rows


def _peer_row(what: str, seconds: float, ours: float) -> Row:
    return {
        "what": what,
        "value": 1.0 / seconds,
        "unit": f"simulations/s; ours {ours * seconds:,.0f} times faster",
        "ns per bar": seconds / DAILY * 1e9,
    }


def _numpy_sma(bars: NDArray[np.float64]) -> tuple[float, ...]:
    """One SMA 10/30 simulation as one would write it with array operations."""
    opens, close = bars[0], bars[3]
    sums = np.concatenate([[0.0], np.cumsum(close)])
    fast = np.full(len(close), np.nan)
    slow = np.full(len(close), np.nan)
    fast[9:], slow[29:] = (sums[10:] - sums[:-10]) / 10.0, (sums[30:] - sums[:-30]) / 30.0
    above = np.nan_to_num(fast > slow)
    held = np.concatenate([[0.0, *above[:-1].astype(float)]])[: len(close)]
    change = np.diff(held, prepend=0.0)
    before = np.concatenate([[opens[0]], close[:-1]])
    growth = np.where(change > 0, close / opens, np.where(held > 0, close / before, 1.0))
    growth = np.where(change < 0, opens / before, growth) * (1.0 - 0.0011 * np.abs(change))
    curve = 1e6 * np.cumprod(growth)
    returns = np.diff(curve, prepend=1e6) / np.concatenate([[1e6], curve[:-1]])
    peak = np.maximum.accumulate(curve)
    entries, exits = curve[change > 0], curve[change < 0]
    count = min(len(entries), len(exits))
    wins = float(np.mean(exits[:count] > entries[:count])) if count else 0.0
    sharpe = returns.mean() / returns.std(ddof=1) * np.sqrt(252.0)
    return curve[-1] - 1e6, float(count), wins, float(sharpe), float((curve / peak - 1.0).min())


def _backtesting_py(bars: NDArray[np.float64]) -> None:
    import pandas as pd
    from backtesting import Backtest
    from backtesting import Strategy as Peer
    from backtesting.lib import crossover

    class Sma(Peer):  # type: ignore[misc,unused-ignore]
        def init(self) -> None:
            close = pd.Series(self.data.Close)
            self.fast = self.I(lambda: close.rolling(10).mean())
            self.slow = self.I(lambda: close.rolling(30).mean())

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.buy()
            elif crossover(self.slow, self.fast):
                self.position.close()

    index = pd.date_range("2000-01-01", periods=bars.shape[1])
    frame = pd.DataFrame(bars.T, columns=["Open", "High", "Low", "Close", "Volume"], index=index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Backtest(frame, Sma, cash=1_000_000, commission=0.001).run()


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
        "what": "SMA crossover, one path of 982,800 minute bars",
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

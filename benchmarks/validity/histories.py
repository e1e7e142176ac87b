"""Whether the interval of a bootstrap study holds the value under the law of its history."""

from __future__ import annotations

import numpy as np

from engine.bars import Bars
from engine.results import Results
from engine.sources import GBM, Bootstrap, Source
from engine.studies import Study

__all__ = ["print_tables"]

_LAW = GBM(mu=0.06, sigma=0.18)
_STEPS = 252
_NAMES = ("mean_net_pnl", "profit_probability", "sharpe", "value_at_risk_95", "max_drawdown")
_STRATEGIES = {
    "buy_and_hold": {},
    "sma_crossover": {"fast": 5, "slow": 20},
    "rsi_reversal": {},
    "breakout": {},
}


def print_tables(worlds: int = 1000) -> None:
    """Print coverage of total intervals, and with Monte Carlo error alone."""
    print(
        f"Per cent of {worlds:,} worlds in which the 95 % interval of a study holds its value under"
    )
    print("the true law: real strategies over a year, bootstrapped from one history of daily bars;")
    print("in brackets with Monte Carlo error alone.")
    print()
    print("| strategy | history | seeds | " + " | ".join(_NAMES) + " |")
    print("|---" * (3 + len(_NAMES)) + "|")
    for strategy in _STRATEGIES:
        table = _study(_LAW, strategy, range(200_000)).statistics(names=list(_NAMES))
        truth = dict(zip(table["statistic"], table["estimate"], strict=True))
        for bars in (1260, 5040):
            for seeds in (200, 1000):
                cells = _coverage(strategy, bars, seeds, truth, worlds)
                head = f"| {strategy} | {bars:,} bars | {seeds:,} | "
                print(head + " | ".join(cells) + " |", flush=True)


def _coverage(
    strategy: str, bars: int, seeds: int, truth: dict[str, float], worlds: int
) -> list[str]:
    held, alone = (dict.fromkeys(_NAMES, 0) for _ in range(2))
    for world in range(worlds):
        source = Bootstrap(_history(world, bars), block_length=5.0)
        results = _study(source, strategy, range(world * seeds, (world + 1) * seeds))
        names = list(_NAMES)
        for counts, table in (
            (held, results.error_budget(names=names)),
            (alone, results.statistics(names=names)),
        ):
            for name, low, high in table.select("statistic", "ci_low", "ci_high").iter_rows():
                counts[name] += low is not None and low <= truth[name] <= high
    return [f"{100 * held[n] / worlds:.1f} ({100 * alone[n] / worlds:.0f})" for n in _NAMES]


def _study(source: Source, strategy: str, seeds: range) -> Results:
    parameters = _STRATEGIES[strategy]
    study = Study("s", source, strategy, parameters, seeds=seeds, steps=_STEPS, warm_up=0)
    return study.run(workers=1)


def _history(world: int, count: int) -> Bars:
    block = _LAW.paths(seeds=[1_000_000 + world], steps=count)
    prices = [getattr(block, name)[0] for name in ("open", "high", "low", "close", "volume")]
    # As many bars a year as the calendar of the law has, which annual figures count with.
    stamps = (np.arange(count) * (365.25 / 252) * 86_400e6).astype(np.int64)
    return Bars("X", stamps, *prices)

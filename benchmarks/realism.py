"""How real calibrated sources look: ``python -m benchmarks realism``.

The first table counts how often plain Gaussian noise, GBM, comes last of all sources in the ranking
of `engine.realism.rank_reports`, over histories that NumPy makes with clustered volatility, fat
tails and a leverage effect, and over seeds on the index of the sample. The second has the scores by
which Wiese, Knobloch, Korn and Kretschmer (2020, Quant GANs, Quantitative Finance 20) judge
generators of returns: distances of distributions over 1, 5 and 20 days, and of autocorrelations of
returns, of their sizes, and of squares with the returns before. Errors are over batches of paths.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

import engine as mc
from engine.calendar import BarCalendar
from engine.calibration import calibrate
from engine.realism import compare_with_history, rank_reports
from engine.realism.compare import calibrated_source

Array = NDArray[np.float64]

MODELS = ("gbm", "merton", "heston", "regime_switching", "garch", "bootstrap")
BARS, PATHS = 1_500, 40
LAGS = 250
SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "SP500.csv"


def world(seed: int) -> mc.Bars:
    """Return a history of GJR-GARCH with Student t shocks, by NumPy."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5.0, BARS) / np.sqrt(5.0 / 3.0)
    alpha, gamma, beta, usual = 0.04, 0.10, 0.89, 0.012**2
    variance, returns = usual, np.empty(BARS)
    for t in range(BARS):
        returns[t] = 2e-4 + np.sqrt(variance) * shocks[t]
        moved = variance * shocks[t] ** 2
        news = alpha + gamma * (shocks[t] < 0.0)
        variance = usual * (1.0 - alpha - 0.5 * gamma - beta) + news * moved + beta * variance
    close = 100.0 * np.exp(returns.cumsum())
    opened = np.concatenate([[100.0], close[:-1]])
    stamps = np.arange(BARS, dtype=np.int64) * 86_400_000_000
    ends = np.maximum(opened, close), np.minimum(opened, close)
    return mc.Bars("WORLD", stamps, opened, *ends, close, np.ones(BARS), BarCalendar())


def sample() -> mc.Bars:
    """Return the S&P 500 of the sample."""
    table = pl.read_csv(SAMPLE, try_parse_dates=True).drop("Adj Close")
    named = table.rename({name: name.lower() for name in table.columns} | {"Date": "timestamp"})
    return mc.Bars.from_frame(
        named.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC"))), symbol="SP500"
    )


def rankings(repetitions: int) -> None:
    """Print how often each source comes last, and first."""
    print(f"### Rankings of {len(MODELS)} sources, {PATHS} paths each\n")
    print(f"Share of {repetitions} repetitions in which a source is furthest from the history, or")
    print("nearest; `sure`: the mean of what the ranking itself says of GBM being last.\n")
    print("| source | furthest, histories by NumPy | nearest | furthest, S&P 500 | nearest |")
    print("|---|---:|---:|---:|---:|")
    last: list[Counter[str]] = [Counter(), Counter()]
    first: list[Counter[str]] = [Counter(), Counter()]
    sure: list[list[float]] = [[], []]
    index = sample()[-BARS:]
    of_index = [calibrate(model, index) for model in MODELS]
    for number in range(repetitions):
        seeds = range(PATHS * number, PATHS * (number + 1))
        made = world(number)
        for place, bars in enumerate((made, index)):
            found = of_index if place else [calibrate(model, made) for model in MODELS]
            ranked = rank_reports([compare_with_history(c, bars, seeds=seeds) for c in found])
            last[place][ranked["model"][-1]] += 1
            first[place][ranked["model"][0]] += 1
            sure[place] += ranked.filter(model="gbm")["last"].to_list()
    for model in MODELS:
        cells = [
            f"{100.0 * counted[model] / repetitions:.0f} %"
            for pair in zip(last, first, strict=True)
            for counted in pair
        ]
        print(f"| {model} | {' | '.join(cells)} |")
    told = [f"{100.0 * np.mean(each):.0f} %" for each in sure]
    print(f"| `sure` of GBM being last | {told[0]} |  | {told[1]} |  |")


def scores(paths: int, batches: int = 8) -> None:
    """Print the scores of Quant GANs, a row per source."""
    index = sample()
    history = np.diff(np.log(index.close))
    names = ("EMD 1", "EMD 5", "EMD 20", "ACF", "ACF of sizes", "leverage")
    print(f"\n### Scores of generators on {len(history):,} daily returns, {paths} paths\n")
    print(f"Lower is better; ± is a standard error over batches. {LAGS} lags.\n")
    print(f"| source | {' | '.join(names)} | s |")
    print("|---|" + "---:|" * (len(names) + 1))
    for model in MODELS:
        found = calibrate(model, index)
        source = calibrated_source(found, index)
        begun = time.process_time()
        blocks = [_returns(source, b, paths // batches, len(history)) for b in range(batches)]
        took = time.process_time() - begun
        parts = np.array([_scores(history, block) for block in blocks])
        whole = _scores(history, np.concatenate(blocks))
        errors = parts.std(axis=0, ddof=1) / np.sqrt(batches)
        cells = (f"{value:.3g} ± {error:.1g}" for value, error in zip(whole, errors, strict=True))
        print(f"| {model} | {' | '.join(cells)} | {took:.2f} |")


def _returns(source: mc.Source, batch: int, paths: int, steps: int) -> Array:
    seeds = range(batch * paths, (batch + 1) * paths)
    block = source.paths(steps=steps, seeds=seeds, s0=100.0, dt=1.0 / 252.0, bars="close")
    logs = np.log(block.close)
    return np.diff(logs, axis=1, prepend=np.log(100.0))


def _scores(history: Array, paths: Array) -> Array:
    distances = [
        wasserstein_distance(_sums(history[None], days).ravel(), _sums(paths, days).ravel())
        for days in (1, 5, 20)
    ]
    size, sizes = np.abs(history)[None], np.abs(paths)
    square, squares = history[None] ** 2, paths**2
    pairs = (
        (history[None], history[None], paths, paths),
        (size, size, sizes, sizes),
        (history[None], square, paths, squares),
    )
    return np.array(
        [*distances, *(
            float(np.linalg.norm(_lagged(a, b)[0] - _lagged(c, d).mean(axis=0)))
            for a, b, c, d in pairs
        )]
    )  # fmt: skip


def _sums(returns: Array, days: int) -> Array:
    level = np.concatenate([np.zeros((len(returns), 1)), returns.cumsum(axis=1)], axis=1)
    return level[:, days:] - level[:, :-days]


def _lagged(first: Array, then: Array) -> Array:
    """Correlation of `first` with `then` 1 to `LAGS` bars later, of each path, by FFT."""
    count = first.shape[1]
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (first, then))
    room = 1 << (2 * count - 1).bit_length()
    spectrum = np.conj(np.fft.rfft(a, room)) * np.fft.rfft(b, room)
    products = np.fft.irfft(spectrum, room)[:, 1 : LAGS + 1]
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(products / scale[:, None])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realism", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--paths", type=int, default=64)
    chosen = parser.parse_args()
    rankings(chosen.repetitions)
    scores(chosen.paths)


if __name__ == "__main__":
    main()

"""Prints the SHA-256 of every source's paths as JSON; a subprocess per CPU target runs it.

``python tests/engine/sources/golden_paths.py > tests/engine/sources/golden_paths.json`` renews the
golden values after a change of a path's definition, which also raises PATH_VERSION or
ENGINE_VERSION.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

from engine.bars import Bars
from engine.compiled import kernel
from engine.compiled.elementary import exp, log
from engine.models import BUILT_IN
from engine.price_block import PriceBlock
from engine.sources import (
    EGARCH,
    GARCH,
    GBM,
    Bates,
    Bootstrap,
    Correlated,
    Heston,
    Historical,
    Merton,
    RegimeSwitching,
    RollingFutures,
    Schwartz1F,
    Schwartz2F,
    SchwartzSmith,
    Source,
    StepModel,
    Stressed,
    get_source,
    parameter,
)
from engine.sources.variance_start import VarianceStart

STEPS = 300  # more than a group of 256, and a partial one
SEEDS = [0, 1, 42, 2**63 + 7]


class GoldenStep(StepModel):
    """A user's model."""

    name = "golden_step"
    sigma: float = parameter(0.2, low=0.0)

    @staticmethod
    def step(price, state, shocks, constants):
        return price * exp(constants[0] * 0.06 * shocks[0])


@kernel
def _history(out: np.ndarray) -> None:
    """Deterministic bars without the C library."""
    level = 4.0
    for t in range(out.shape[1]):
        wave = ((t * 7919) % 1009) / 1009.0 - 0.5
        out[0, t] = exp(level)
        level += 0.03 * wave
        out[3, t] = exp(level)
        out[1, t] = max(out[0, t], out[3, t]) * 1.01
        out[2, t] = min(out[0, t], out[3, t]) * 0.99
        out[4, t] = 1000.0 + 10.0 * log(1.0 + t)


def history(symbol: str = "H", count: int = 400) -> Bars:
    """Make bars from which the bootstraps draw."""
    columns = np.empty((5, count))
    _history(columns)
    return Bars(symbol, np.arange(count, dtype=np.int64) * 86_400_000_000, *columns)


def sources() -> dict[str, Source]:
    """Every source and option that changes how numbers are made."""
    bars = history()
    special = {
        "gbm": GBM(volume=[1.0, 2.0, 5.0]),
        "gbm antithetic": GBM(sampling="antithetic"),
        "gbm moment matching": GBM(sampling="moment_matching"),
        "gbm sobol": GBM(sampling="sobol"),
        "gbm from a variance": GBM(start_variance=VarianceStart(0.1, 0.95, 1.0 / 252.0)),
        "schwartz_1f": Schwartz1F(seasonality=[(0.1, 0.05), (0.0, 0.02)], year_fraction=0.3),
        "schwartz_2f": Schwartz2F(),
        "schwartz_smith": SchwartzSmith(chi0=0.1, lambda_chi=0.1),
        "rolling_futures": RollingFutures(Schwartz2F(r=0.03, lambda_=0.1), contracts=(1, 3)),
        "rolling_futures with a season": RollingFutures(
            Schwartz2F(seasonality=[(0.1, 0.05)], year_fraction=0.3), contracts=(1, 3)
        ),
        "merton": Merton(jump_intensity=40.0),
        "regime_switching": RegimeSwitching(),
        "regime_switching with lags": RegimeSwitching(
            ar=(0.3, -0.1), last_returns=(0.01, 0.0), betas={"x": 0.01}, held={"x": 0.5}
        ),
        "garch": GARCH(gamma=0.05),
        "egarch drawn from history": EGARCH(innovations=bars.close[:60]),
        "egarch": EGARCH(),
        "garch drawn from history": GARCH(innovations=bars.close[:60]),
        "bates": Bates(jump_intensity=40.0),
        "heston qe": Heston(xi=0.9, kappa=0.7),
        "heston full truncation": Heston(xi=0.9, kappa=0.7, scheme="full_truncation"),
        "correlated": Correlated(
            {"A": GBM(), "B": Merton(), "C": Schwartz2F()},
            correlation=[[1, 0.5, 0.2], [0.5, 1, 0.1], [0.2, 0.1, 1]],
        ),
        "correlated by a t copula": Correlated(
            {"A": GBM(), "B": Schwartz2F()}, correlation=[[1, 0.5], [0.5, 1]], copula="t"
        ),
        "historical": Historical(bars),
        "bootstrap stationary": Bootstrap(bars, block_length=8.5),
        "bootstrap moving": Bootstrap(bars, method="MovingBlock", block_length=10),
        "bootstrap circular": Bootstrap(bars, method="CircularBlock", block_length=10),
        "bootstrap iid": Bootstrap(bars, method="iid", returns="difference"),
        "bootstrap from a variance": Bootstrap(
            bars, block_length=8.5, start_variance=VarianceStart(0.1, 0.95, 1.0 / 252.0)
        ),
        "stressed by a shock": Stressed(GBM(), at="random", shock=-0.3, over=5),
        "stressed by a stretch": Stressed(Merton(), at=0.4, stretch=bars[100:130]),
        "custom step": GoldenStep(),
    }
    # A source that needs nothing is held with its defaults, without a line here.
    held = {source.name for source in special.values()}
    return special | {name: get_source(name)() for name in BUILT_IN if name not in held}


def digest(block: PriceBlock) -> str:
    """SHA-256 of a block's values."""
    return digest_of(block.values)


def digest_of(values: np.ndarray) -> str:
    """SHA-256 of an array of paths."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()


def paths(source: Source, threads: int = 1) -> PriceBlock:
    """Paths whose hash is held."""
    return source.paths(seeds=SEEDS, steps=STEPS, paths_per_seed=2, threads=threads)


def hashes() -> dict[str, str]:
    """Hash of each source's paths."""
    return {name: digest(paths(source)) for name, source in sources().items()}


if __name__ == "__main__":
    print(json.dumps(hashes(), indent=2))

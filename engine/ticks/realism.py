"""Whether synthetic ticks look like the file that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.ticks.chunk import TickChunk, TickStream
from engine.ticks.merge import joined_chunks
from engine.ticks.price_steps import price_step

__all__ = ["TickRealism", "TickSource", "tick_realism"]

_SECOND: Final = 1e9
# As many events as two gigabytes of arrays, statistics included, do not need.
_MOST: Final = 2_000_000
_CLOSE: Final = 0.1
_PAUSE: Final = 3_600e9


@runtime_checkable
class TickSource(Protocol):
    """Where streams of ticks come from, a stream for each seed."""

    def ticks(self, seed: int, *, seconds: float, start: int = 0) -> TickStream:
        """Return the stream of a seed."""


@dataclass(frozen=True, eq=False)
class TickRealism:
    """What a source of ticks reproduces and what it does not.

    Parameters
    ----------
    table : polars.DataFrame
        One row per ``statistic``: its value in the ``file``, its mean over the ``simulated``
        streams and its deviation over them (``simulated_sd``: the sampling error that one file has
        under the model), ``ratio`` of the mean to the file, and whether the model is ``close``:
        within a tenth of the file's value or two deviations of it.
    score : float
        Share of the statistics that are close, 0 to 1.
    """

    table: pl.DataFrame
    score: float

    @property
    def missed(self) -> tuple[str, ...]:
        """Statistics that the source does not reproduce."""
        return tuple(self.table.filter(~pl.col("close"))["statistic"])


def tick_realism(
    source: TickSource, ticks: TickStream, *, seeds: Sequence[int] = range(8)
) -> TickRealism:
    """Simulate a source and compare spreads, waiting times, sizes and moves with the file's.

    Parameters
    ----------
    source : TickSource
        Such as `ZeroIntelligence` or `TickBootstrap`.
    ticks : TickStream
        The file, of one symbol; its first two million events.
    seeds : sequence of int
        One stream each, as long as the file is without its pauses of an hour and more.

    Raises
    ------
    Refusal
        If there are several symbols, too few events or fewer than two seeds.

    Examples
    --------
    >>> import engine as mc
    >>> ticks = mc.read_ticks(mc.sample_ticks())
    >>> found = mc.tick_realism(mc.ZeroIntelligence.calibrate(ticks), ticks, seeds=range(4))
    >>> found.score > 0.7
    True
    """
    if len(ticks.symbols) != 1:
        raise Refusal("ticks", f"{len(ticks.symbols)} symbols", "one")
    if len(seeds) < 2:
        raise Refusal("seeds", str(len(seeds)), "two or more")
    history = _first_events(ticks)
    step = price_step(np.concatenate([history.bid_price, history.ask_price]))
    waits = np.diff(history.stamps)
    seconds = float(waits[waits < _PAUSE].sum()) / _SECOND
    if not seconds > 0.0:
        raise Refusal("ticks", "no time between its events", "a stream of some seconds")
    found = _statistics(history, step)
    simulated = [_statistics(_first_events(source.ticks(seed, seconds=seconds)), step)
                 for seed in seeds]  # fmt: skip
    rows = []
    for name, value in found.items():
        values = np.array([made[name] for made in simulated])
        mean, deviation = float(np.nanmean(values)), float(np.nanstd(values, ddof=1))
        gap = abs(mean - value)
        close = bool(gap <= max(_CLOSE * abs(value), 2.0 * deviation))
        ratio = mean / value if value else None
        rows.append((name, value, mean, deviation, ratio, close))
    names = ("statistic", "file", "simulated", "simulated_sd", "ratio", "close")
    table = pl.DataFrame(rows, schema=list(names), orient="row")
    return TickRealism(table, float(table["close"].mean()))  # type: ignore[arg-type]


def _first_events(ticks: TickStream) -> TickChunk:
    parts: list[TickChunk] = []
    missing = _MOST
    for chunk in ticks.chunks():
        parts.append(chunk.part(0, min(len(chunk), missing)))
        missing -= len(parts[-1])
        if not missing:
            break
    if sum(map(len, parts)) < 100:
        raise Refusal("ticks", f"{sum(map(len, parts))} events", "a hundred or more")
    return joined_chunks(parts)


def _statistics(events: TickChunk, step: float) -> dict[str, float]:
    """Return what is compared, by name; in ticks, seconds and units."""
    whole = ~np.isnan(events.bid_price) & ~np.isnan(events.ask_price)
    spread = (events.ask_price - events.bid_price)[whole] / step
    mid = (events.ask_price + events.bid_price)[whole] / (2.0 * step)
    sizes = np.concatenate([events.bid_size[whole], events.ask_size[whole]])
    traded = ~np.isnan(events.trade_price)
    # While a market is closed nothing happens: its time is taken out, and what its price does.
    waits = np.diff(events.stamps)
    waits = np.where(waits < _PAUSE, waits, 0)
    clock = np.concatenate([[0], np.cumsum(waits)])[whole]
    steps = np.where(np.diff(events.stamps[whole]) < _PAUSE, np.diff(mid), 0.0)
    mid = mid[0] + np.concatenate([[0.0], np.cumsum(steps)])
    held = np.diff(clock)
    waits = waits / _SECOND
    moves = steps[steps != 0.0]
    return {
        "events_per_second": len(waits) / float(waits.sum()),
        "trade_share": float(traded.mean()),
        "trade_size_mean": float(events.trade_size[traded].mean()) if traded.any() else np.nan,
        "spread_mean": _over_time(spread, held),
        "spread_one_tick": _over_time((np.rint(spread) <= 1.0).astype(float), held),
        "wait_variation": float(waits.std() / waits.mean()),
        "size_mean": float(sizes.mean()),
        "size_variation": float(sizes.std() / sizes.mean()),
        "moves_per_second": len(moves) / float(waits.sum()),
        "move_size": float(np.abs(moves).mean()) if len(moves) else np.nan,
        **{f"move_autocorrelation_{lag}": _autocorrelation(moves, lag) for lag in (1, 2, 3)},
        "volatility_10s": _deviation(clock, mid),
    }


def _over_time(values: NDArray[np.float64], held: NDArray[np.int64]) -> float:
    return float(np.average(values[:-1], weights=held)) if held.any() else float("nan")


def _autocorrelation(moves: NDArray[np.float64], lag: int) -> float:
    if len(moves) < lag + 3 or not moves.std():
        return float("nan")
    centred = moves - moves.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def _deviation(stamps: NDArray[np.int64], mid: NDArray[np.float64]) -> float:
    """Deviation of the mid's change over ten seconds, in ticks."""
    grid = np.arange(0, stamps[-1], round(10 * _SECOND))
    changes = np.diff(mid[np.searchsorted(stamps, grid, "right") - 1])
    return float(np.sqrt((changes**2).mean())) if len(changes) else float("nan")

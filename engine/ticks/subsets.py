"""Parts of a stream in time: days, walk-forward windows, stretches by volatility or spread."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.ticks.chunk import TickChunk, TickStream
from engine.ticks.stream import FileTicks
from engine.ticks.timeline import length_ns

__all__ = [
    "DAY_NS",
    "TickSubset",
    "TickWindow",
    "day_number",
    "tick_days",
    "ticks_between",
    "ticks_on_days",
    "walk_forward_ticks",
    "window_measures",
    "windows_by",
]

#: Nanoseconds of a day.
DAY_NS: Final = 86_400_000_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
Measure = Literal["volatility", "spread"]


class TickSubset:
    """Events of a stream whose stamps lie in some stretches of time.

    A stream jumps from the end of a stretch to the start of the next one, as it does overnight.

    Parameters
    ----------
    ticks : TickStream
        The whole.
    stretches : iterable of (int, int)
        First stamp of each, and the one behind its last, nanoseconds since 1970-01-01 UTC.

    Raises
    ------
    Refusal
        If a stretch is empty, or they overlap.
    """

    def __init__(self, ticks: TickStream, stretches: Iterable[tuple[int, int]]) -> None:
        self._ticks = ticks
        self.symbols = ticks.symbols
        self.stretches = tuple(sorted((int(first), int(end)) for first, end in stretches))
        flat = [stamp for stretch in self.stretches for stamp in stretch]
        if flat != sorted(flat) or any(first >= end for first, end in self.stretches):
            raise Refusal("stretches", "some that overlap or are empty", "separate ones")
        self._edges = np.array(flat, np.int64)

    @property
    def identity(self) -> str:
        """Hash of the whole and of the stretches."""
        told = [self._ticks.identity, self.stretches]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    @property
    def events(self) -> None:
        """Nobody knows before the end."""
        return None

    def chunks(self, start_event: int = 0) -> Iterator[TickChunk]:
        """Yield the events from number `start_event` on; those before it are read and dropped."""
        if not self.stretches:
            return
        whole, begin = self._ticks, 0
        if isinstance(whole, FileTicks):
            begin = whole.first_event_near(int(self._edges[0]))
        for chunk in whole.chunks(begin):
            # Inside a stretch an odd number of edges lies at or before the stamp.
            inside = np.searchsorted(self._edges, chunk.stamps, "right") % 2 == 1
            if inside.any():
                kept = chunk if inside.all() else _selected(chunk, inside)
                if start_event < len(kept):
                    yield kept.part(start_event, len(kept)) if start_event else kept
                start_event = max(start_event - len(kept), 0)
            if int(chunk.stamps[-1]) >= self._edges[-1]:
                return


def _selected(chunk: TickChunk, inside: NDArray[np.bool_]) -> TickChunk:
    return TickChunk(*(getattr(chunk, field.name)[inside] for field in fields(TickChunk)))


def ticks_between(ticks: TickStream, first: datetime, end: datetime) -> TickSubset:
    """Return the events from an instant up to another.

    Parameters
    ----------
    ticks : TickStream
        The whole.
    first, end : datetime.datetime
        Instants; without a zone they are UTC.
    """
    return TickSubset(ticks, [(_stamp(first), _stamp(end))])


def tick_days(ticks: TickStream) -> list[date]:
    """Return the days (UTC) on which a stream has events.

    Parameters
    ----------
    ticks : TickStream
        Read once.

    Examples
    --------
    >>> import engine as mc
    >>> mc.tick_days(mc.read_ticks(mc.sample_ticks()))[0]
    datetime.date(2024, 8, 6)
    """
    found: set[int] = set()
    for chunk in ticks.chunks():
        found |= set(np.unique(chunk.stamps // DAY_NS).tolist())
    return [date.fromordinal(_EPOCH + day) for day in sorted(found)]


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to a day."""
    return day.toordinal() - _EPOCH


def ticks_on_days(ticks: TickStream, days: Sequence[date]) -> TickSubset:
    """Return the events of some days (UTC).

    Parameters
    ----------
    ticks : TickStream
        The whole.
    days : sequence of datetime.date
        Each once.
    """
    stretches: list[tuple[int, int]] = []
    for day in sorted(days):
        first = day_number(day) * DAY_NS
        if stretches and stretches[-1][1] == first:
            stretches[-1] = (stretches[-1][0], first + DAY_NS)
        else:
            stretches.append((first, first + DAY_NS))
    return TickSubset(ticks, stretches)


@dataclass(frozen=True)
class TickWindow:
    """Days to choose parameters on, and the days behind them to try these on.

    Parameters
    ----------
    training_days, test_days : tuple of datetime.date
        Days with events.
    training, test : TickSubset
        Their events.
    """

    training_days: tuple[date, ...]
    test_days: tuple[date, ...]
    training: TickSubset
    test: TickSubset


def walk_forward_ticks(
    ticks: TickStream, *, training: int, test: int = 1, step: int | None = None, gap: int = 0
) -> list[TickWindow]:
    """Return windows of days that walk forward through a stream.

    Parameters
    ----------
    ticks : TickStream
        Read once for its days.
    training, test : int
        Days with events in each part.
    step : int, optional
        Days from one window to the next; by default those of `test`, so that each is tried once.
    gap : int
        Days left out between the parts.

    Raises
    ------
    Refusal
        If a number is too small, or there are too few days.

    Examples
    --------
    >>> import engine as mc
    >>> windows = mc.walk_forward_ticks(mc.read_ticks(mc.sample_ticks()), training=2)
    >>> [day.isoformat() for day in windows[0].test_days]
    ['2024-08-08']
    """
    step = test if step is None else step
    for name, value, least in (
        ("training", training, 1), ("test", test, 1), ("step", step, 1), ("gap", gap, 0),
    ):  # fmt: skip
        if value < least:
            raise Refusal(name, str(value), f"{least} or more")
    days = tick_days(ticks)
    needed = training + gap + test
    if len(days) < needed:
        raise Refusal("ticks", f"{len(days)} days", f"at least {needed} for one window")
    windows = []
    for first in range(0, len(days) - needed + 1, step):
        before = tuple(days[first : first + training])
        after = tuple(days[first + training + gap : first + needed])
        windows.append(
            TickWindow(before, after, ticks_on_days(ticks, before), ticks_on_days(ticks, after))
        )
    return windows


def window_measures(ticks: TickStream, *, window: str | float = "1m") -> pl.DataFrame:
    """Return how volatile each stretch of a stream was, and how wide its spread.

    Parameters
    ----------
    ticks : TickStream
        Of one symbol; read once.
    window : str or float
        Length of a stretch, such as ``1m``; they begin at whole multiples of it.

    Returns
    -------
    polars.DataFrame
        One row per stretch with a quote of both sides: ``first`` and ``end`` (stamps),
        ``events``, ``volatility`` (root of the sum of squared changes of the mid over that at its
        start, not annualised) and ``spread`` (mean over time, in units of price).
    """
    if len(ticks.symbols) != 1:
        raise Refusal("ticks", f"{len(ticks.symbols)} symbols", "one")
    length = length_ns(window, "window")
    parts = []
    last: tuple[int, float, float] | None = None
    for chunk in ticks.chunks():
        both = ~np.isnan(chunk.bid_price) & ~np.isnan(chunk.ask_price)
        stamps = chunk.stamps[both]
        mid = (chunk.bid_price[both] + chunk.ask_price[both]) / 2.0
        spread = chunk.ask_price[both] - chunk.bid_price[both]
        if last is not None:
            stamps = np.concatenate([[last[0]], stamps])
            mid, spread = np.concatenate([[last[1]], mid]), np.concatenate([[last[2]], spread])
        if not len(stamps):
            continue
        # What goes on from the last event here belongs to the next chunk.
        within = stamps[:-1] // length == stamps[1:] // length
        parts.append(
            pl.DataFrame(
                {
                    "window": stamps[1:] // length,
                    "events": 1,
                    "mid": mid[1:],
                    "squares": np.where(within, np.diff(mid) ** 2, 0.0),
                    "nanoseconds": np.where(within, np.diff(stamps), 0),
                    "area": np.where(within, np.diff(stamps) * spread[:-1], 0.0),
                    "spread": spread[1:],
                }
            )
            .group_by("window", maintain_order=True)
            .agg(pl.sum("events", "squares", "nanoseconds", "area"), pl.first("mid", "spread"))
        )
        if last is None:
            opening = {"window": int(stamps[0] // length), "events": 1, "mid": mid[0]}
            parts.insert(0, _opening(opening, parts[-1], spread[0]))
        last = (int(stamps[-1]), float(mid[-1]), float(spread[-1]))
    if not parts:
        raise Refusal("ticks", "no quote of both sides", "a stream with some")
    found = (
        pl.concat(parts)
        .group_by("window", maintain_order=True)
        .agg(pl.sum("events", "squares", "nanoseconds", "area"), pl.first("mid", "spread"))
        .sort("window")
    )
    timed = pl.col("nanoseconds") > 0
    return found.select(
        first=pl.col("window") * length,
        end=(pl.col("window") + 1) * length,
        events="events",
        volatility=pl.col("squares").sqrt() / pl.col("mid").abs(),
        spread=pl.when(timed).then(pl.col("area") / pl.col("nanoseconds")).otherwise("spread"),
    )


def _opening(row: dict[str, float], like: pl.DataFrame, spread: float) -> pl.DataFrame:
    """Return the first event of a stream, which no change leads to."""
    whole = {**row, "squares": 0.0, "nanoseconds": 0, "area": 0.0, "spread": spread}
    return pl.DataFrame([whole]).select(like.columns).cast(like.schema)


def windows_by(
    ticks: TickStream,
    measure: Measure,
    *,
    lowest: float = 0.0,
    highest: float = 1.0,
    window: str | float = "1m",
) -> TickSubset:
    """Return the stretches of a stream that were among its quieter, or its wider, ones.

    Parameters
    ----------
    ticks : TickStream
        Of one symbol; read once.
    measure : {"volatility", "spread"}
        As of `window_measures`.
    lowest, highest : float
        Shares between 0 and 1: a stretch is taken where its rank is above the one and at most the
        other.
    window : str or float
        Length of a stretch.

    Raises
    ------
    Refusal
        If something given is not allowed.

    Notes
    -----
    What a stretch was like is known at its end: a result on a subset says where a strategy works,
    not what it would have earned.

    Examples
    --------
    >>> import engine as mc
    >>> ticks = mc.read_ticks(mc.sample_ticks())
    >>> len(mc.windows_by(ticks, "volatility", lowest=0.9).stretches)
    3
    """
    if measure not in ("volatility", "spread"):
        raise Refusal("measure", repr(measure), "volatility or spread")
    if not 0.0 <= lowest < highest <= 1.0:
        raise Refusal("lowest", f"{lowest} with highest {highest}", "0 <= lowest < highest <= 1")
    table = window_measures(ticks, window=window)
    rank = table[measure].rank("ordinal") / table.height
    taken = table.filter((rank > lowest) & (rank <= highest))
    return TickSubset(ticks, zip(taken["first"], taken["end"], strict=True))


def _stamp(instant: datetime) -> int:
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    whole = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 10**9 + whole.microseconds * 1_000

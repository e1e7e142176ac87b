"""Bootstraps of historical bars."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.sources.bar_draws import BarDraws
from engine.sources.block_length import block_length
from engine.sources.generator import FillRequest, Generator
from engine.sources.history import aligned
from engine.sources.parameter import Parameter, option
from engine.sources.relative_bars import relative_bars
from engine.sources.resample import METHODS, resample_bars
from engine.sources.session_clock import SessionClock, session_clock
from engine.sources.source import Source
from engine.sources.stretch import stretch_factors
from engine.sources.variance_start import checked_starts, rescale_paths

__all__ = ["Bootstrap"]

_SPELLINGS = {
    "iid": "iid",
    "moving": "moving_block",
    "movingblock": "moving_block",
    "circular": "circular_block",
    "circularblock": "circular_block",
    "stationary": "stationary",
}
# Politis and White's rule looks at some 2 sqrt(log10 n) + 5 autocorrelations.
_SHORTEST_FOR_AUTO = 30


class Bootstrap(Source):
    """Paths made of blocks of history.

    Whole bars are drawn: open, high, low and close relative to the previous close, with
    their volume, so bars stay consistent. The first bar of a path follows a previous close of `s0`.
    Several symbols are resampled at the same instants, so their cross-correlation survives.

    Parameters
    ----------
    bars : Bars, table, sequence or mapping of these
        History. A bar needs the close before it, so n bars give n - 1 to draw from.
    method : {"stationary", "circular_block", "moving_block", "iid"}
        ``Stationary``, ``CircularBlock`` and ``MovingBlock`` mean the same.
    block_length : float or "auto"
        Length of blocks in bars; for the stationary bootstrap the mean of a geometric length.
        ``"auto"`` is the rule of Politis and White (2004) with the correction of Patton, Politis
        and White (2009), as `arch` computes it on simple returns (price changes for
        ``returns="difference"``), rounded except for the stationary bootstrap; with several
        symbols the longest.
    returns : {"relative", "difference"}
        Whether bars are joined by ratio (prices stay positive) or by difference (which takes
        negative prices).
    session_clock : bool
        Whether a bar of the path may only come from bars of the same place in their session, for
        intraday bars whose volatility has a daily shape. The path runs through the places that at
        least half of the sessions have, in order; a block also ends where history lacks the next
        one.
    start_variance : VarianceStart or sequence of these, optional
        Today's variance, of all symbols or of each: the log moves of drawn bars are stretched
        around their mean, so that their variance returns from there to that of the history as the
        forecasts of a GARCH model do. In study files ``garch`` means the filtered one of each
        symbol's bars (`garch_start`).
    steps : int, optional
        Bars of each path, where `prepare` or `paths` is not told.

    Raises
    ------
    ValueError
        If history is too short, a block is longer than it, an option is unknown, or prices are
        not positive where ratios need them.

    References
    ----------
    .. [1] D. Politis, J. Romano, The stationary bootstrap, JASA 89 (1994), 1303-1313.
    .. [2] D. Politis, H. White, Automatic block-length selection for the dependent bootstrap,
       Econometric Reviews 23 (2004), 53-70; correction by A. Patton, D. Politis, H. White, 28
       (2009), 372-375.
    """

    name = "bootstrap"
    named_where_used = ("start_variance",)
    parameters: ClassVar[dict[str, Parameter]] = {}

    bars: Any = dataclasses.field(kw_only=False)
    method: str = option("stationary", "How blocks are drawn.")
    block_length: Any = option("auto", "Block length in bars, or auto.")
    returns: Literal["relative", "difference"] = option("relative", "How bars are joined.")
    session_clock: bool = option(False, "Keep the place in the session.")
    start_variance: Any = option(None, "Variance from which paths start, fading to history's.")
    steps: int | None = option(None, "Bars of each path.")

    def validate(self) -> None:
        """Check options, join the symbols and fix the block length."""
        history = aligned(self.bars)
        object.__setattr__(self, "bars", history)
        method = _SPELLINGS.get(str(self.method).lower().replace("_", "").replace(" ", ""))
        if method is None:
            raise Refusal("method", repr(self.method), ", ".join(METHODS))
        object.__setattr__(self, "method", method)
        if self.returns not in ("relative", "difference"):
            raise Refusal("returns", repr(self.returns), "'relative', 'difference'")
        if len(history[0]) < 3:
            raise Refusal("bars", f"{len(history[0])} bars", ">= 3 for a bootstrap")
        relative_bars(history, self.returns)  # raises where prices do not allow ratios
        if self.block_length != "auto":
            self._check_block_length()
        starts = checked_starts(self.start_variance, len(history))
        if starts and self.returns != "relative":
            raise Refusal("start_variance", "one with returns 'difference'", "returns 'relative'")
        object.__setattr__(self, "start_variance", starts)

    def _check_block_length(self) -> None:
        length, most = self.block_length, len(self.bars[0]) - 1
        number = isinstance(length, int | float | np.number) and not isinstance(length, bool)
        if not number or not 1 <= float(length) <= most:
            raise Refusal(
                "block_length",
                repr(length),
                f"'auto' or a number from 1 to {most} (bars of history with a previous close)",
            )
        if self.method != "stationary" and float(length) != int(length):
            raise Refusal("block_length", repr(length), f"a whole number for {self.method}")
        object.__setattr__(self, "block_length", float(length))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the bars."""
        return tuple(item.symbol for item in self.bars)

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]
        """The user's own columns of the bars, drawn with them."""
        return tuple(self.bars[0].columns)

    @property
    def values(self) -> dict[str, float]:
        """The block length, where it is given."""
        return {} if self.block_length == "auto" else {"block_length": float(self.block_length)}

    def with_parameters(self, **values: float) -> Self:
        """Return the same bootstrap with another block length."""
        unknown = [name for name in values if name != "block_length"]
        if unknown:
            raise Refusal(f"parameter of {self.name}", repr(unknown[0]), "block_length")
        return dataclasses.replace(self, block_length=values.get("block_length", self.block_length))

    def resolved_block_length(self) -> float:
        """Block length in bars, the automatic one computed."""
        if self.method == "iid":
            return 1.0
        if self.block_length != "auto":
            return float(self.block_length)
        if len(self.bars[0]) < _SHORTEST_FOR_AUTO:
            raise Refusal(
                "bars",
                f"{len(self.bars[0])} bars",
                f">= {_SHORTEST_FOR_AUTO} for block_length 'auto'",
            )
        length = max(_automatic_length(item.close, self.method, self.returns) for item in self.bars)
        most = float(len(self.bars[0]) - 1)
        length = min(max(length, 1.0), most)
        return length if self.method == "stationary" else float(round(length))

    def draws(self) -> BarDraws:
        """Say how the bars of a path are drawn from those of history."""
        clock = session_clock(self.bars[0]) if self.session_clock else SessionClock.absent()
        return BarDraws(len(self.bars[0]) - 1, self.method, self.resolved_block_length(), clock)

    def _default_s0(self) -> tuple[float, ...]:
        return tuple(float(item.close[-1]) for item in self.bars)

    def bars_per_year(self, calendar: BarCalendar | None = None, steps: int | None = None) -> float:
        """Bars in a year of the history that is drawn from."""
        return float(self.bars[0].bars_per_year)

    def bars_per_session(self, calendar: BarCalendar | None = None) -> float:
        """Bars in a session of the history that is drawn from."""
        return float(self.bars[0].bars_per_session)

    def _history(self) -> tuple[Bars, ...]:
        found: tuple[Bars, ...] = self.bars
        return found

    @property
    def _by_difference(self) -> bool:
        return self.returns == "difference"

    def _check_start(self, price: float) -> None:
        if self.returns == "relative":
            super()._check_start(price)
        elif not math.isfinite(price):
            raise Refusal("s0", str(price), "any finite price")

    def _generator(self, request: FillRequest) -> Generator:
        return _BootstrapGenerator(self, request)


def _automatic_length(close: NDArray[np.float64], method: str, returns: str) -> float:
    series = np.diff(close) / close[:-1] if returns == "relative" else np.diff(close)
    stationary, circular = block_length(series)
    # Sums may differ in their last bits between processors; a path must not.
    return round(stationary if method == "stationary" else circular, 9)


class _BootstrapGenerator(Generator):
    def __init__(self, source: Bootstrap, request: FillRequest) -> None:
        self.symbols = source.symbols
        self.states = source.states
        self.steps = request.steps
        self.dt = request.dt
        self._relative = source.returns == "relative"
        self._start = np.array(request.s0)
        self._bars = relative_bars(source.bars, source.returns)
        self._draws = source.draws()
        self._arguments = self._draws.arguments
        self._stretch = None
        if source.start_variance:
            self._stretch = stretch_factors(source.bars, source.start_variance, request.steps)

    def scratch(self, paths: int) -> Any:
        """Make room for the indices of the drawn bars of one path."""
        return self._draws.scratch(self.steps)

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write resampled paths; see `Generator.fill`."""
        resample_bars(
            seeds,
            path_ids,
            self._bars,
            self._start,
            *self._arguments,
            self._relative,
            scratch,
            out,
        )
        if self._stretch is not None:
            rescale_paths(self._start, *self._stretch, out)

"""Windows that are runs of their own: accounts without a position at the seam, chosen on models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration import data_of, try_calibrate
from engine.errors import Refusal
from engine.search.equity_runs import EquityRuns, Scored, equity_of, recording_equity
from engine.search.window_choices import score_windows, window_choices
from engine.search.window_scores import SCORES, SUMS, sums_of
from engine.search.windows import WalkForwardWindow
from engine.sources import Historical, Source, make_source
from engine.statistics.layout import Layout
from engine.studies import Study

__all__ = ["SEPARATE_VERSION", "SeparateWindows"]

#: Rises when the numbers of these windows change, so that stored ones are not taken for them.
SEPARATE_VERSION: Final = 2
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeparateWindows:
    """Windows of one history, each of which runs by itself.

    Parameters
    ----------
    runs : EquityRuns
        The study.
    source : Historical
        Its history.
    score : str
        What sets are chosen by.
    at_seam : str
        ``flat`` or ``carried``.
    model : str, optional
        On whose paths sets are chosen.
    model_paths : int
        How many.
    """

    runs: EquityRuns
    source: Historical
    score: str
    at_seam: str
    model: str | None
    model_paths: int

    @classmethod
    def of(
        cls, runs: EquityRuns, score: str, at_seam: str, model: str | None, model_paths: int
    ) -> SeparateWindows:
        """Check that windows can run by themselves.

        Raises
        ------
        Refusal
            If the paths are no history, or the model cannot be calibrated on its bars.
        """
        source = runs.job.world.source
        field, found = ("model", repr(model)) if model else ("at_seam", repr(at_seam))
        if not isinstance(source, Historical):
            raise Refusal(
                field, f"{found} on paths of {source.name}", "a study whose source is history"
            )
        if model is not None:
            if len(source.bars) > 1:
                raise Refusal("model", f"{model!r} for {len(source.bars)} symbols", "one symbol")
            if "Bars" not in data_of(model):
                raise Refusal("model", repr(model), "a model that is calibrated on bars")
            if model_paths < 1:
                raise Refusal("model_paths", str(model_paths), "at least 1")
        return cls(runs, source, score, at_seam, model, model_paths)

    @property
    def _before(self) -> int:
        """Bars of history before the first that windows count: a path is the last of them."""
        return len(self.source.bars[0]) - self.runs.job.world.steps

    def choices(
        self,
        windows: Sequence[WalkForwardWindow],
        numbers: Sequence[int],
        **settings: Any,
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Run windows one after the other.

        Yields
        ------
        number : int
            Of the window.
        choices : polars.DataFrame
            As of `window_choices`.
        """
        carried: Scored | None = None
        if self.at_seam == "carried":
            carried = self._carried([windows[number] for number in numbers], settings)
        for row, number in enumerate(numbers):
            window = windows[number]
            if self.model is not None:
                inside = self._on_model(window, number, settings)
            else:
                inside = self._alone(window.first_in, window.last_in, settings)[0]
            scored = {f"in_{name}": inside[name][None] for name in SUMS}
            if carried is None:
                outside, profit = self._alone(window.first_out, window.last_out, settings)
                scored |= {f"out_{name}": outside[name][None] for name in SUMS}
                scored["net_pnl"] = profit[None]
            else:
                kept = ("net_pnl", *(f"out_{name}" for name in SUMS))
                scored |= {name: carried[name][row][None] for name in kept}
            yield number, window_choices(scored, [number])

    def _carried(self, windows: Sequence[WalkForwardWindow], settings: dict[str, Any]) -> Scored:
        runs = self.runs
        spans = [
            (runs.span(one.first_in, one.last_in), runs.span(one.first_out, one.last_out))
            for one in windows
        ]
        found = [
            scored
            for _, scored in runs.measured(
                lambda equity: score_windows(equity, spans, self.score, runs.points_per_year),
                asked_by="walk_forward",
                **settings,
            )
        ]
        # Every seed of a history is the same path.
        return {name: values[:, :, :1] for name, values in found[0].items()}

    def _alone(
        self, first: int, last: int, settings: dict[str, Any]
    ) -> tuple[dict[str, Floats], Floats]:
        """Run every set on a stretch of bars: sums of shape (sets, 1), and what each made."""
        bars = tuple(one[: self._before + last + 1] for one in self.source.bars)
        study = self._study(Historical(bars), last - first + 1)
        equity, per_year = self._equity(study, self.runs.job.seeds[:1], settings)
        made: Floats = equity[:, :, -1] - equity[:, :, 0]
        return sums_of(SCORES[self.score], equity, per_year), made

    def _on_model(
        self, window: WalkForwardWindow, number: int, settings: dict[str, Any]
    ) -> dict[str, Floats]:
        """Run every set on paths of the model as of the window's start, pooled per set."""
        bars: Bars = self.source.bars[0]
        seen = bars[self._before + window.first_in : self._before + window.last_in + 1]
        source = self._calibrated(seen, number)
        steps = window.last_out - window.first_out + 1
        study = self._study(source, steps, s0=float(seen.close[-1]))
        seeds = number * self.model_paths + np.arange(self.model_paths, dtype=np.uint64)
        equity, per_year = self._equity(study, seeds, settings)
        sums = sums_of(SCORES[self.score], equity, per_year)
        layout = Layout.matrix(*sums["value"].shape)
        arranged = {name: layout.arrange(values.reshape(-1)) for name, values in sums.items()}
        value = SCORES[self.score].of_choices(arranged, layout).value
        # An account that stood still on every path has a Sharpe ratio of 0, as on one path.
        pooled = {"value": np.nan_to_num(value)[:, None]}
        return pooled | {
            name: sums[name].sum(axis=1, keepdims=True) for name in SUMS if name != "value"
        }

    def _calibrated(self, seen: Bars, number: int) -> Source:
        assert self.model is not None
        found = try_calibrate(self.model, seen)
        if not found.ok:
            raise Refusal("model", f"{self.model} in window {number} ({found.reason})", "more bars")
        state: dict[str, Any] = (
            {"start_state": dict(found.start_state)} if found.start_state else {}
        )
        history = seen if self.model == "bootstrap" else None
        return make_source(self.model, found.parameters, bars=history, options=state)

    def _study(self, source: Source, steps: int, s0: float | None = None) -> Study:
        study, path = self.runs.study, self.runs.job.world.path
        of_source = {"model": source.name, "steps": steps, "s0": s0, "parameters": {}}
        updated: dict[str, Any] = {
            "source": study.definition.source.model_copy(
                update={**of_source, "warm_up": int(path.warm_up), "calibration": None}
            )
        }
        live = replace(study.live, source=source, calendar=self.runs.job.world.calendar)
        if self.at_seam == "flat":
            closed = {"at_end": "close"}
            updated["execution"] = {**study.definition.execution, **closed}
            if live.execution is not None:
                live = replace(live, execution=live.execution.model_copy(update=closed))
        copy = Study.from_definition(study.definition.model_copy(update=updated), study.file)
        copy.live = live
        return recording_equity(copy, min(steps, self.runs.points))

    def _equity(
        self, study: Study, seeds: NDArray[np.uint64], settings: dict[str, Any]
    ) -> tuple[Floats, float]:
        with study.prepare(asked_by="walk_forward", **settings) as prepared:
            world = prepared.job.world
            equity = equity_of(prepared, self.runs.sets, seeds)
            return equity, world.bars_per_year * (equity.shape[2] - 1) / world.steps

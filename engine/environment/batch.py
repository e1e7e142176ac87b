"""Environments side by side, without Gymnasium: arrays, resets, steps."""

from __future__ import annotations

import operator
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.environment.episodes import Episodes
from engine.environment.features import features_of
from engine.environment.layout import (
    ACCOUNT_FEATURES,
    ACTION_KIND,
    ACTION_KINDS,
    AT_ONCE_FILLS,
    BARS_PER_YEAR,
    DISTANCE,
    ENDED,
    FAILED,
    FLAGS_WIDTH,
    KEPT_WIDTH,
    MARGIN,
    NOTED,
    NOW_WIDTH,
    ORDERS,
    OUT_OF_SPACE,
    REMEMBERED_WIDTH,
    RETURN,
    REWARD_CODE,
    REWARD_RAISED,
    RUIN,
    SETTINGS_WIDTH,
    STEPS,
    TARGET,
    TRUNCATED,
    WHOLE,
    WHOLE_WIDTH,
    Environments,
    control_of,
)
from engine.environment.market_source import fields_of, source_of
from engine.environment.normalisation import Normalisation
from engine.environment.profiles import profile_of
from engine.environment.reward import reward_address, reward_of
from engine.environment.rewards import REWARDS
from engine.environment.settings import ACTION_KINDS_BY_NAME, Settings
from engine.environment.simulations import Simulations
from engine.environment.sizes import capacities_of, limits_of
from engine.environment.stepping import reset_kernel, step_kernel
from engine.errors import Refusal
from engine.execution.layout import REJECTIONS, STATUS_TEXTS
from engine.execution.metric_names import METRIC_NAMES
from engine.strategies.indicator_code import WORK_ROWS
from engine.strategies.longer_bars import Timeline
from engine.strategies.rows import plan_rows

__all__ = ["Batch"]

_SEEDS: Final = 2**64
_MOST_PASSED_OVER: Final = 1_000


class Batch:
    """Environments that share settings, in arrays that one compiled call steps.

    Parameters
    ----------
    settings : Settings
        What they are.
    count : int
        How many.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self.settings, self.count = settings, count
        profile = profile_of(settings.market, settings.execution, settings.calendar)
        self.execution = profile.execution
        source = source_of(settings.source, profile.volatility)
        s0 = settings.s0 if settings.s0 is not None else (profile.s0,) * len(source.symbols)
        has_times = (
            source.prepare(
                steps=None if source.name == "historical" else 2, calendar=profile.calendar
            ).timestamps
            is not None
        )
        self.features = features_of(
            settings.features, fields_of(source), source.symbols, has_times=has_times
        )
        strategy = self.features.as_strategy()
        calendar = profile.calendar
        before = settings.warm_up
        if before == "auto":
            before = strategy.warm_up({}, calendar, source.bars_per_session(calendar))
        self.episodes = Episodes(source, settings, self.execution, calendar, s0, int(before))
        self.reward = reward_of(settings.reward, REWARDS)
        try:
            seeds = None if settings.seeds is None else tuple(map(operator.index, settings.seeds))
        except TypeError:
            raise Refusal("seeds", repr(settings.seeds), "whole numbers") from None
        self.seeds = seeds
        if self.seeds is not None and not self.seeds:
            raise Refusal("seeds", "none", "at least one")
        self.limits = limits_of(self.episodes, settings, self.execution, s0)
        self.kind = ACTION_KINDS_BY_NAME[settings.actions]
        self.simulations = Simulations(
            self.episodes,
            self.execution,
            count,
            len(self.features),
            *capacities_of(self.episodes, settings, self.execution, self.limits),
        )
        self.arrays = self._arrays(strategy)
        self._control = control_of(self.arrays)
        self.control = int(self._control.ctypes.data)
        # The place in `seeds` of each; episodes of other seeds in between leave it.
        self.next_seed = np.arange(count, dtype=np.uint64) % np.uint64(len(self.seeds or (0,)))
        self.seed_of = np.zeros(count, dtype=np.uint64)
        self.begun = np.zeros(count, dtype=bool)
        self._step, self._reset = step_kernel(), reset_kernel()
        self.normalisation = self._normalisation(settings.normalise)

    def __reduce__(self) -> Any:
        """Make copies anew, which go on with the seeds: arrays hold addresses of one another."""
        given = {field.name: getattr(self.settings, field.name) for field in fields(Settings)}
        given |= {"seeds": self.seeds, "normalise": self.normalisation}
        return _made_again, (given, self.count, self.next_seed, self.seed_of, self.begun)

    # --- episodes --------------------------------------------------------------------------------

    def reset(self, numbers: NDArray[np.int64], seeds: list[int | None]) -> None:
        """Begin an episode in some environments.

        Parameters
        ----------
        numbers : ndarray of int64, shape (n,)
            Which.
        seeds : list of int or None
            Of each; None: the next of its own, which is that of the episode before plus the number
            of environments, or as far on in the seeds of the settings.
        """
        arrays = self.arrays
        for place, number in enumerate(numbers):
            seed = seeds[place]
            if seed is None:
                seed = self._following_with_start(int(number))
            elif not 0 <= seed < _SEEDS:
                raise Refusal("seed", repr(seed), "a whole number from 0 to 2**64 - 1")
            self.seed_of[number] = seed
            self.begun[number] = True
            window = self.episodes.window(seed)
            arrays.first_bars[number] = self.episodes.first_of_clock(window)
            fresh = self.simulations.begin(int(number), seed, window)
            arrays.table_at[number] = self.simulations.table_address(int(number))
            arrays.chosen[place], arrays.fresh[place] = number, fresh
        problem = self._reset(self.control, len(numbers))
        if problem:
            raise self._failure(problem - 1)

    def _following_with_start(self, number: int) -> int:
        """Return the next seed on whose path an episode can begin; the others are passed over."""
        for _ in range(_MOST_PASSED_OVER):
            seed = self._following(number)
            if self.episodes.has_start(seed):
                return seed
            self.seed_of[number], self.begun[number] = seed, True
        wanted = f"a bar at {self.settings.start} on the path of one of {_MOST_PASSED_OVER:,} seeds"
        raise Refusal("start", f"none on the paths up to seed {seed}", wanted)

    def _following(self, number: int) -> int:
        """Return the seed of the next episode of an environment that is given none."""
        if self.seeds is not None:
            place = int(self.next_seed[number])
            self.next_seed[number] = (place + self.count) % len(self.seeds)
            return self.seeds[place]
        if not self.begun[number]:
            return number
        return (int(self.seed_of[number]) + self.count) % _SEEDS

    def step(self, begin: int = 0, end: int | None = None) -> bool:
        """Step environments by what stands in `arrays.actions`; those at rest stay as they are.

        Returns
        -------
        bool
            Whether there is something to tell: an episode that is over, an order refused, a margin
            call.

        Raises
        ------
        Refusal
            If an action is not in its space, which is found before anything is stepped.
        ValueError
            If a simulation failed, such as for want of room in the order book.
        """
        answer = self._step(self.control, begin, self.count if end is None else end)
        self.look_at(answer)
        return answer == NOTED

    def look_at(self, answer: int) -> None:
        """Raise what the kernel's answer says of an environment that failed."""
        if answer > 0:
            raise self._failure(answer - 1)

    def _failure(self, number: int) -> Exception:
        code = int(self.arrays.flags[number, FAILED])
        where = f" of environment {number}" if self.count > 1 else ""
        if code == OUT_OF_SPACE:
            self.arrays.flags[number, FAILED] = 0
            given = ", ".join(f"{value:g}" for value in self.arrays.actions[number])
            return Refusal(f"action{where}", given, self.action_space_told())
        if code == REWARD_RAISED:
            told = "raised an exception, or returned no finite number"
            return ValueError(f"reward {type(self.reward).__name__}{where} {told}")
        text = self.simulations.status_text(number) or STATUS_TEXTS.get(code, "")
        return ValueError(f"the episode{where}, seed {self.seed_of[number]}, failed: {text}")

    def action_space_told(self) -> str:
        """Say what an action may be."""
        each = "" if len(self.limits) == 1 else f" for each of {len(self.limits)} symbols"
        if self.kind == TARGET:
            return f"a number from -1 to 1{each}"
        if self.kind == ORDERS:
            return f"kind 0 to 6, side 0 or 1, distance 0 to 9{each}"
        return f"0 flat, 1 long or 2 short{each}"

    # --- what came out ---------------------------------------------------------------------------

    def flags_of(self, number: int) -> dict[str, Any]:
        """Return what the last step's orders met, where something happened."""
        flags = self.arrays.flags[number]
        told: dict[str, Any] = {}
        refused = {
            reason: int(flags[place]) for place, reason in enumerate(REJECTIONS) if flags[place] > 0
        }
        if refused:
            told["refused"] = refused
        if flags[MARGIN] > 0:
            told["margin_calls"] = int(flags[MARGIN])
        return told

    def episode_of(self, number: int) -> dict[str, Any]:
        """Return what an episode that is over came to."""
        arrays, kept = self.arrays, self.arrays.kept[number]
        found: dict[str, Any] = {"r": float(kept[RETURN]), "l": int(kept[STEPS])}
        found["seed"] = int(self.seed_of[number])
        found |= {name: float(arrays.whole[number, k]) for k, name in enumerate(WHOLE)}
        if arrays.flags[number, ENDED] == TRUNCATED:
            row = arrays.metrics[number].tolist()
            found["metrics"] = dict(zip(METRIC_NAMES, row, strict=True))
        return found

    def told(self, number: int) -> dict[str, Any]:
        """Return the `info` of an environment after a step in which there is something to tell."""
        told = self.flags_of(number)
        if self.arrays.flags[number, ENDED] != 0:
            told["episode"] = self.episode_of(number)
            told["reward"] = self.penalties_of(number)
        return told

    def penalties_of(self, number: int) -> dict[str, float]:
        """Return what the reward says of itself, by name."""
        names = type(self.reward).remembers
        return {name: float(self.arrays.remembered[number, k]) for k, name in enumerate(names)}

    # --- construction ----------------------------------------------------------------------------

    def _arrays(self, strategy: Any) -> Environments:
        count, symbols = self.count, len(self.limits)
        episodes, features = self.episodes, self.features
        bars = episodes.window_bars
        # Windows that begin anywhere have no calendar of their own.
        fixed = episodes.episode_bars == episodes.path_bars
        timeline = Timeline.of(
            episodes.calendar.timeframe,
            episodes.calendar.exchange,
            bars,
            first_trading_bar=episodes.warm_up,
            bars_per_session=episodes.bars_per_session,
            timestamps=episodes.timestamps if fixed else None,
        )
        planned = plan_rows(strategy, episodes.fields, np.empty((1, 0)), timeline)
        clock = tuple(name for name in features.names if name not in features.expressions)
        row_of = np.concatenate([planned.row_of[0], -1 - np.arange(len(clock))]).astype(np.int64)
        settings = np.zeros(SETTINGS_WIDTH)
        settings[ACTION_KIND] = self.kind
        kind: Any = type(self.reward)
        settings[RUIN] = self.settings.ruin * self.execution.cash
        settings[DISTANCE] = self.settings.distance
        settings[REWARD_CODE] = reward_address(kind)
        settings[BARS_PER_YEAR] = episodes.bars_per_year
        settings[AT_ONCE_FILLS] = self.execution.fill == "same_close"
        width = len(features) + symbols + ACCOUNT_FEATURES
        action = 3 * symbols if self.kind == ORDERS else symbols
        return Environments(
            settings=settings,
            frames=self.simulations.frames,
            table_at=np.zeros(count, dtype=np.int64),
            actions=np.zeros((count, action)),
            observations=np.zeros((count, width), dtype=np.float32),
            rewards=np.zeros(count),
            bar=np.full(count, -1, dtype=np.int64),
            kept=np.zeros((count, KEPT_WIDTH)),
            now=np.zeros((count, NOW_WIDTH)),
            whole=np.zeros((count, WHOLE_WIDTH)),
            flags=np.zeros((count, FLAGS_WIDTH), dtype=np.int64),
            remembered=np.zeros((count, REMEMBERED_WIDTH)),
            taken=np.zeros((count, ACTION_KINDS)),
            sent=np.zeros((count, symbols), dtype=np.int64),
            held=np.zeros((count, symbols)),
            limits=self.limits,
            weights=self.reward.values(),
            chosen=np.zeros(count, dtype=np.int64),
            fresh=np.zeros(count, dtype=np.int64),
            plans=planned.plans,
            rows=np.zeros((len(planned.plans), bars)),
            work=np.zeros((WORK_ROWS, bars)),
            failed=np.zeros(len(planned.plans), dtype=np.int64),
            row_of=row_of,
            clock=episodes.clock(clock),
            first_bars=np.zeros(count, dtype=np.int64),
            mean=np.zeros(len(features)),
            scale=np.ones(len(features)),
            metrics=np.zeros((count, len(METRIC_NAMES))),
        )

    def _normalisation(self, given: Normalisation | bool) -> Normalisation:
        """Fit, or take over, what features are normalised by, and put it in place."""
        names = self.features.names
        found = Normalisation.none(names)
        if isinstance(given, Normalisation):
            found = given.checked(names)
        elif not isinstance(given, bool):
            raise Refusal("normalise", repr(given), "true, false, or that of an environment")
        elif given:
            found = Normalisation.fit(names, self._fitted_rows())
        self.arrays.mean[:] = found.mean
        self.arrays.scale[:] = 1.0 / found.spread
        self.simulations.forget()
        self.begun[:] = False
        self.arrays.bar[:] = -1
        return found

    def _fitted_rows(self) -> Any:
        """Yield the features of the paths that they are fitted on: those of the first seeds."""
        arrays, episodes = self.arrays, self.episodes
        seeds = self.seeds if self.seeds is not None else range(self.settings.fit_paths)
        clock = len(self.features.names) - len(self.features.expressions)
        for seed in filter(episodes.has_start, seeds[: self.settings.fit_paths]):
            self.simulations.forget()
            self.reset(np.zeros(1, dtype=np.int64), [int(seed)])
            first = int(arrays.first_bars[0])
            rows = [arrays.rows[row] for row in arrays.row_of[: len(arrays.row_of) - clock]]
            rows += list(arrays.clock[:, first : first + episodes.window_bars])
            yield np.array(rows).reshape(len(self.features), -1)[:, episodes.warm_up :]


def _made_again(
    given: dict[str, Any],
    count: int,
    next_seed: NDArray[np.uint64],
    seed_of: NDArray[np.uint64],
    begun: NDArray[np.bool_],
) -> Batch:
    made = Batch(Settings(**given), count)
    made.next_seed, made.seed_of, made.begun = next_seed.copy(), seed_of.copy(), begun.copy()
    return made

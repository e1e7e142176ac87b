"""The search: ask a sampler, run what it asks for, tell it what that came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.files import FileStore, as_files
from engine.jobs.space import Scalar
from engine.market_data import MarketData
from engine.search.chance import chance_sentence
from engine.search.confirm import confirm
from engine.search.evaluator import Evaluator
from engine.search.fragility import fragility
from engine.search.journal import Journal
from engine.search.objective import Objective, Requirement
from engine.search.outcome import SearchOutcome
from engine.search.progress import SearchProgress
from engine.search.race import race
from engine.search.regimes import REGIMES, regimes
from engine.search.robustness import robustness
from engine.search.sampler import Sampler, make_sampler
from engine.search.space import SearchSpace
from engine.search.trials import TrialTable
from engine.search.worlds import SearchWorlds
from engine.studies import SearchDefinition, Study

__all__ = ["Search"]

# So many generations without a set that is new, or allowed, end a search.
_PATIENCE = 25
# Sets times paths of a generation: some hundred megabytes of metrics. But not fewer sets than this.
_MOST_CELLS = 4_000_000
_FEWEST_SETS = 16


class Search:
    """A search for the parameter set that does best, on paths that all sets share.

    Parameters
    ----------
    study : Study
        The world, and what moves: parameters with lists, ranges or distributions. Where it names
        no parameter of the strategy, every declared one is searched between its bounds.
    objective : str, mapping or list
        A statistic to maximise, ``{"maximise": ...}``, ``{"minimise": ...}``, or a list of these
        for a Pareto front. In place of a statistic a function of statistics, which are the names of
        its arguments: ``lambda sharpe, max_drawdown: sharpe + 2 * max_drawdown``.
    method : str
        ``grid``, ``random``, ``sobol``, ``genetic``, and with the extra ``search`` installed
        ``tpe``, ``cma_es``, ``nsga2``.
    budget : mapping, optional
        ``{"sets": 500}``, ``{"simulations": 1e6}`` or ``{"seconds": 60}``; needed but for a grid.
    seed : int
        Of the search.
    require : mapping, optional
        What statistics of a set must be for it to count, such as ``{"trades": ">= 100"}``.
    when : mapping, optional
        Parameters that matter only where an expression over the others holds, such as
        ``{"trail": "exit == 'trailing'"}``; elsewhere they have their defaults.
    race : bool
        Whether sets that are clearly behind the best leave before all seeds have run.
    leaders : int
        How many of the best run again on fresh paths.
    hold_out : float
        On history, the share of bars that the search does not see.

    Raises
    ------
    Refusal
        If a setting cannot be used.

    Notes
    -----
    The value of the best set of a search is too good on average: it was chosen for it. So the
    leaders run once more on seeds that the search never used, or on bars of history that it never
    saw, and both numbers stand beside each other.

    Examples
    --------
    >>> import engine as mc
    >>> space = {"fast": mc.integer(3, 20), "slow": mc.integer(21, 60)}
    >>> study = mc.Study("search", mc.GBM(mu=0.1), "sma_crossover", space, seeds=16, steps=120)
    >>> found = mc.Search(study, objective="mean_net_pnl", budget={"sets": 32}, seed=1).run()
    >>> len(found.trials), sorted(found.best)
    (32, ['fast', 'slow'])
    """

    def __init__(
        self,
        study: Study,
        *,
        objective: Any = "sharpe",
        method: str = "random",
        budget: Mapping[str, Any] | None = None,
        seed: int = 0,
        require: Mapping[str, str] | None = None,
        when: Mapping[str, str] | None = None,
        race: bool = False,
        leaders: int = 5,
        hold_out: float = 0.3,
    ) -> None:
        content = {"method": method, "budget": budget, "seed": seed, "objective": objective}
        content |= {"race": race, "leaders": leaders, "hold_out": hold_out}
        settings = SearchDefinition.of(content, "search")
        self._set_up(study, settings, require or {}, when or {})

    @classmethod
    def of_study(cls, study: Study) -> Search:
        """Return the search that a study file describes.

        Raises
        ------
        Refusal
            If it has no objective, or one that cannot be read.
        """
        definition = study.definition
        if definition.search is None or definition.search.objective is None:
            raise Refusal(
                "search.objective",
                "nothing that is wanted",
                "a statistic, such as `objective: {maximise: sharpe}`",
                hint=f"mc run {study.name} runs every set",
            )
        search = cls.__new__(cls)
        search._set_up(study, definition.search, definition.require, definition.when)
        return search

    def _set_up(
        self,
        study: Study,
        settings: SearchDefinition,
        require: Mapping[str, str],
        when: Mapping[str, str],
    ) -> None:
        self.study, self.settings = study, settings
        self.objectives = Objective.read(settings.objective)
        if settings.race and len(self.objectives) > 1:
            raise Refusal("search.race", "true with several objectives", "one objective")
        self.requirements, self.when = Requirement.read(require), dict(when)

    def run(
        self,
        *,
        folder: str | Path | None = None,
        replace: bool = False,
        ledger: str | Path | FileStore | None = None,
        market_data: MarketData | None = None,
        workers: str | int | None = None,
        progress: Callable[[SearchProgress], None] | None = None,
    ) -> SearchOutcome:
        """Search, and run the leaders again.

        Parameters
        ----------
        folder : path, optional
            Where generations are kept as they finish: a search that was interrupted goes on from
            there, to the same bytes.
        replace : bool
            Whether another search in `folder`, such as that of yesterday's data, makes way.
        ledger : path or FileStore, optional
            A data root whose trial ledger counts the sets.
        market_data : MarketData, optional
            Where symbols are looked up.
        workers : "auto" or int, optional
            Threads; the outcome does not depend on them.
        progress : callable, optional
            Called with a `SearchProgress` after each generation.

        Returns
        -------
        SearchOutcome
            Every trial, the best set, and what it came to on fresh paths.

        Raises
        ------
        Refusal
            If the space is empty, a name is unknown, constraints or requirements leave nothing, or
            `folder` holds another search.
        """
        begin = time.perf_counter()
        worlds = SearchWorlds.of(
            self.study, self.settings, self.objectives, self.requirements, self.when, market_data
        )
        table = TrialTable(
            tuple(item.name for item in worlds.space.dimensions), self.objectives, self.requirements
        )
        journal = None
        if folder is not None:
            journal = Journal.open(Path(folder), worlds.identity, replace=replace)
        counted = None if ledger is None else as_files(ledger)
        with Evaluator(
            worlds.prepare(ledger=counted, workers=workers), table.statistics, self.objectives
        ) as evaluator:
            loop = _Loop(self.settings, worlds.space, table, evaluator, journal, begin, progress)
            trials = loop.run()
            if trials.is_empty():
                raise self._nothing(loop, worlds.space, worlds.job.paths)
            robust = robustness(worlds.space, table, trials)
            leaders = confirm(self.settings, worlds, table, robust, evaluator, workers)
            named = [
                {**worlds.space.fixed, **values}
                for values in leaders.select(table.parameters).to_dicts()
            ]
            found = SearchOutcome(
                study=self.study.name,
                method=self.settings.method,
                seed=self.settings.seed,
                table=table,
                trials=trials,
                robust=robust,
                leaders=leaders,
                moves=fragility(worlds.space, table, named, evaluator),
                regimes=_regimes(self.settings, worlds, named, leaders, workers),
                space=worlds.space,
                unseen=worlds.unseen_in_words(self.settings.hold_out),
                made_of=worlds.identity,
                dropped=loop.dropped,
                simulations=loop.simulations,
                seconds=time.perf_counter() - begin,
            )
            has_history = evaluator.has_history
        # The ledger holds the trials once the world is closed.
        if counted is None or not has_history or leaders.is_empty():
            return found
        return replace_fields(
            found, chance=chance_sentence(counted, worlds.job, leaders["set_id"][0])
        )

    def _nothing(self, loop: _Loop, space: SearchSpace, paths: int) -> Refusal:
        budget = self.settings.budget
        if not loop.dropped and budget is not None and budget.simulations is not None:
            return Refusal(
                "search.budget.simulations",
                f"{budget.simulations:,}",
                f"{paths:,} or more, those of one parameter set",
            )
        return Refusal(
            "constraint",
            f"it drops all {loop.dropped:,} parameter sets that {self.settings.method} asked for"
            + space.dropped_by(loop.seen),
            hint="loosen it, or widen the parameters' values",
        )


def _regimes(
    settings: SearchDefinition,
    worlds: SearchWorlds,
    leaders: Sequence[Mapping[str, Scalar]],
    table: pl.DataFrame,
    workers: str | int | None,
) -> pl.DataFrame:
    unseen = worlds.unseen(settings.hold_out)
    if unseen is None:
        return pl.DataFrame(schema=REGIMES)
    return regimes(unseen, leaders, table["rank"].to_list(), workers=workers)


class _Loop:
    """One search as it goes."""

    def __init__(
        self,
        settings: SearchDefinition,
        space: SearchSpace,
        table: TrialTable,
        evaluator: Evaluator,
        journal: Journal | None,
        begin: float,
        progress: Callable[[SearchProgress], None] | None,
    ) -> None:
        self._settings, self._space, self._table = settings, space, table
        self._evaluator, self._journal = evaluator, journal
        self._begin, self._progress = begin, progress
        self._names: tuple[str, ...] = ()
        self._seen: dict[tuple[Scalar, ...], list[float]] = {}
        self._best = float("nan")
        self._leader: dict[str, Scalar] | None = None
        #: Sets that ran, those of an earlier run among them, and their simulations.
        self.sets = self.simulations = 0
        #: Points that a constraint dropped.
        self.dropped = 0

    @property
    def seen(self) -> list[dict[str, Scalar]]:
        """Parameter sets that were asked for."""
        return [dict(zip(self._names, key, strict=True)) for key in self._seen]

    def run(self) -> pl.DataFrame:
        """Ask, run and tell until the budget is spent; return the trials."""
        sampler = make_sampler(
            self._settings.method,
            self._space,
            seed=self._settings.seed,
            objectives=len(self._table.objectives),
        )
        generations: list[pl.DataFrame] = []
        idle = 0
        while (count := self._count(sampler)) and idle < _PATIENCE:
            points = sampler.ask(count)
            if not len(points):
                break
            rows, scores = self._generation(points, len(generations))
            sampler.tell(points, scores)
            idle = idle + 1 if rows is None else 0
            if rows is not None:
                generations.append(rows)
            self._report()
        return pl.concat(generations) if generations else pl.DataFrame()

    def _count(self, sampler: Sampler) -> int:
        """How many points to ask for next; 0 once the budget is spent."""
        budget = self._settings.budget
        paths = len(self._evaluator.seeds) * self._evaluator.prepared.job.world.paths_per_seed
        count = min(sampler.generation, max(_MOST_CELLS // paths, _FEWEST_SETS))
        if budget is None:
            return count
        if budget.seconds is not None and time.perf_counter() - self._begin >= budget.seconds:
            return 0
        if budget.sets is not None:
            count = min(count, budget.sets - self.sets)
        if budget.simulations is not None:
            count = min(count, (budget.simulations - self.simulations) // paths)
        return max(count, 0)

    def _generation(
        self, points: np.ndarray[Any, np.dtype[np.float64]], number: int
    ) -> tuple[pl.DataFrame | None, np.ndarray[Any, np.dtype[np.float64]]]:
        """Run what is new among points; return its rows and every point's scores."""
        sets = self._space.sets(points)
        self._names = tuple(sets[0])
        keys = [tuple(values.values()) for values in sets]
        new: dict[tuple[Scalar, ...], dict[str, Scalar]] = {}
        for key, values in zip(keys, sets, strict=True):
            if key in self._seen or key in new:
                continue
            if self._space.allows(values):
                new[key] = values
            else:
                self.dropped += 1
                self._seen[key] = [float("nan")] * len(self._table.objectives)
        rows = self._rows(list(new.values()), number) if new else None
        if rows is not None:
            scores = self._table.scores(rows)
            self._seen.update(zip(new, scores.tolist(), strict=True))
            self._count_in(rows, scores[:, 0])
        return rows, np.array([self._seen[key] for key in keys], dtype=np.float64)

    def _rows(self, sets: Sequence[Mapping[str, Scalar]], number: int) -> pl.DataFrame:
        known = None if self._journal is None else self._journal.read(number)
        # A smaller budget may have cut the generation short.
        if known is not None and self._table.is_of(known, sets):
            return known
        if self._settings.race:
            ids, results = race(
                self._evaluator,
                sets,
                self._table.objectives[0],
                self._leader,
                self._table.requirements,
            )
        else:
            ids, results = self._evaluator.results(sets, self._evaluator.seeds)
        rows = self._table.rows(self.sets, number, ids, sets, results)
        if self._journal is not None:
            # First: who goes on from the journal does not run, and so not count, them again.
            self._evaluator.prepared.write_trials()
            self._journal.write(number, rows)
        return rows

    def _count_in(self, rows: pl.DataFrame, scores: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        self.sets += len(rows)
        self.simulations += int(rows["paths"].sum())
        objective = self._table.objectives[0]
        if np.isnan(scores).all():
            return
        best = int(np.nanargmax(scores))
        value = objective.sign * float(scores[best])
        if not objective.sign * value <= objective.sign * self._best:
            self._best = value
            named = rows.select(self._table.parameters).row(best, named=True)
            self._leader = {**self._space.fixed, **named}

    def _report(self) -> None:
        if self._progress is not None:
            seconds = time.perf_counter() - self._begin
            self._progress(SearchProgress(self.sets, self.simulations, self._best, seconds))

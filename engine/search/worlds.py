"""The worlds of a search: the one that it sees, and the one that it does not."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import Refusal
from engine.files import FileStore
from engine.jobs.canonical import short_hash
from engine.jobs.job import Job
from engine.jobs.prepared_job import PreparedJob
from engine.jobs.settings import Record
from engine.jobs.space import MODEL_PREFIX
from engine.market_data import MarketData
from engine.search.declared import declared_space
from engine.search.fresh_seeds import fresh_seeds
from engine.search.objective import Objective, Requirement, metrics_needed
from engine.search.space import SearchSpace
from engine.sources import Historical
from engine.studies import SearchDefinition, Study
from engine.studies.constraint import Constraint, ConstraintLike
from engine.studies.expand import constraint_tests
from engine.studies.resolve import strategy_of
from engine.studies.resolve_space import fit_distributions
from engine.studies.values import Distribution

__all__ = ["SearchWorlds", "Unseen"]

# Points of the space of which one has to satisfy the constraints, for a world to be made.
_PROBES = (1, 1_024)


@dataclass(frozen=True, eq=False)
class Unseen:
    """What the leaders run on again.

    Parameters
    ----------
    study : Study
        The study on bars, or for seeds, that the search did not use.
    seeds : ndarray of uint64
        Of the paths.
    market_data : MarketData or None
        Where symbols are looked up.
    """

    study: Study
    seeds: np.ndarray[Any, np.dtype[np.uint64]]
    market_data: MarketData | None

    def prepare(self, study: Study | None = None, *, workers: str | int | None) -> PreparedJob:
        """Prepare it, or another study on the same paths; nothing is counted as a trial."""
        return _prepared(study or self.study, self.market_data, None, workers, "leaders")


@dataclass(frozen=True, eq=False)
class SearchWorlds:
    """The study as it is searched, and as its leaders are confirmed.

    Parameters
    ----------
    study : Study
        What is searched: on history, its bars but the last ones.
    whole : Study
        The study with all of its bars.
    job : Job
        Of `study`, with a set or a few.
    space : SearchSpace
        What moves.
    identity : dict
        What decides the search's outcome: hashes and settings.
    """

    study: Study
    whole: Study
    job: Job
    space: SearchSpace
    identity: dict[str, Any]
    _market_data: MarketData | None

    @classmethod
    def of(
        cls,
        study: Study,
        settings: SearchDefinition,
        objectives: Sequence[Objective],
        requirements: Sequence[Requirement],
        when: Mapping[str, str],
        market_data: MarketData | None,
    ) -> SearchWorlds:
        """Resolve the study of a search.

        Parameters
        ----------
        study : Study
            The world, and what moves.
        settings : SearchDefinition
            How it is searched.
        objectives, requirements : sequence
            The statistics that are estimated.
        when : mapping of str to str
            Parameters that matter only where an expression holds.
        market_data : MarketData or None
            Where symbols are looked up.

        Raises
        ------
        Refusal
            If it cannot be.
        """
        whole = _searchable(study, objectives, requirements)
        study, job = _resolved(whole, market_data)
        source, lineage = job.world.source, job.lineage
        if isinstance(source, Historical) and settings.hold_out > 0.0:
            study = _on(whole, _before(source, settings.hold_out))
            study, job = _resolved(study, market_data)
        space = _space(study, job, when)
        identity = {
            "world": job.world.id,
            "data": lineage.data,
            "series": lineage.series,
            "strategy": job.world.strategy.name,
            "code": job.world.code_hash,
            "seeds": short_hash([int(seed) for seed in job.seeds.tolist()]),
            "space": short_hash(
                [
                    (item.name, item.values.kind, list(item.values.arguments))
                    for item in space.dimensions
                ]
            ),
            "fixed": dict(space.fixed),
            "constraint": list(whole.definition.constraint),
            **({"when": dict(when)} if when else {}),
            "objectives": [str(one) + (f": {one.code}" if one.code else "") for one in objectives],
            "require": [str(one) for one in requirements],
            "method": settings.method,
            "race": settings.race,
            "seed": settings.seed,
        }
        return cls(study, whole, job, space, identity, market_data)

    def prepare(self, *, ledger: Any = None, workers: str | int | None = None) -> PreparedJob:
        """Prepare the world that is searched."""
        return _prepared(self.study, self._market_data, ledger, workers, self.identity["method"])

    def unseen(self, hold_out: float) -> Unseen | None:
        """Return what the search did not see: fresh seeds, or the last bars of history.

        Returns
        -------
        Unseen or None
            As many seeds as the study has, none of them its own, or the same on other bars.
        """
        source = self.job.world.source
        if not isinstance(source, Historical):
            return Unseen(self.study, fresh_seeds(self.job.seeds), self._market_data)
        if hold_out == 0.0:
            return None
        study, _ = _resolved(self.whole, self._market_data)
        everything = study.resolve(self._market_data).world.source
        assert isinstance(everything, Historical)
        seen, warm_up = len(source.bars[0]), int(self.job.world.path.warm_up)
        first = max(seen - warm_up, 0)
        rest = Historical(tuple(bars[first:] for bars in everything.bars))
        held_out = _on(study, rest, steps=len(everything.bars[0]) - seen)
        return Unseen(held_out, self.job.seeds, self._market_data)

    def unseen_in_words(self, hold_out: float) -> str:
        """Say what `unseen` is."""
        if isinstance(self.job.world.source, Historical):
            return f"the last {100 * hold_out:.0f} % of the bars, which the search did not see"
        return "paths that the search did not use"


def _searchable(
    study: Study, objectives: Sequence[Objective], requirements: Sequence[Requirement]
) -> Study:
    """Return the study with its declared space where it names none, recording what is asked."""
    definition = study.definition
    strategy = strategy_of(definition, study.live, study.file)
    parameters = dict(definition.strategy.parameters)
    if not parameters:
        parameters = declared_space(strategy)
    fitted = fit_distributions(strategy, parameters)
    own_metrics = tuple(study.live.metrics)
    asked = [("search.objective", name) for one in objectives for name in one.needs]
    asked += [(f"require.{one.statistic}", one.statistic) for one in requirements]
    needed = [name for field, one in asked for name in metrics_needed([one], own_metrics, field)]
    own: dict[str, Any] = {
        "record": Record.model_validate({"metrics": list(dict.fromkeys(needed))}),
        "until": None,
        "search": None,
        "require": {},
        "when": {},
    }
    updated = definition.model_copy(
        update=own | {"strategy": definition.strategy.model_copy(update={"parameters": fitted})}
    )
    return _study(study, updated)


def _resolved(study: Study, market_data: MarketData | None) -> tuple[Study, Job]:
    """Return a study with some of its points listed, and its job."""
    definition = study.definition
    drawn = any(
        isinstance(values, Distribution)
        for values in (
            *definition.strategy.parameters.values(),
            *(
                definition.source.parameters.values()
                if isinstance(definition.source.parameters, dict)
                else ()
            ),
        )
    )
    if not drawn:
        return study, study.resolve(market_data)
    for count in _PROBES:
        search = SearchDefinition.model_validate({"method": "sobol", "count": count})
        listed = _study(study, definition.model_copy(update={"search": search}))
        try:
            return listed, listed.resolve(market_data)
        except Refusal as refusal:
            if refusal.field != "constraint" or count == _PROBES[-1]:
                raise
    raise AssertionError


def _space(study: Study, job: Job, when: Mapping[str, str]) -> SearchSpace:
    definition = study.definition
    strategy = job.world.strategy
    values: dict[str, Any] = {}
    if isinstance(definition.source.parameters, dict):
        values |= {
            MODEL_PREFIX + name: definition.source.parameters[name] for name in job.world.swept
        }
    values |= definition.strategy.parameters
    known: dict[str, Any] = {
        name: declared.default
        for name, declared in strategy.parameters.items()
        if name not in values
    }
    known |= {
        MODEL_PREFIX + name: value
        for name, value in job.world.source.values.items()
        if MODEL_PREFIX + name not in values
    }
    given: list[ConstraintLike] = [*definition.constraint, *study.live.constraint]
    tests = constraint_tests(given, {**known, **values})
    conditions: dict[str, Any] = {}
    for name, expression in when.items():
        field = f"when.{name}"
        if name not in definition.strategy.parameters:
            allowed = ", ".join(definition.strategy.parameters)
            raise Refusal(field, "a parameter that does not move", allowed)
        conditions[name] = Constraint(expression, {*known, *values} - {name}, field).holds
        known[name] = strategy.parameters[name].default
    _check_order(when, conditions)
    return SearchSpace.of(values, known=known, tests=tests, conditions=conditions)


def _check_order(when: Mapping[str, str], conditions: Mapping[str, Any]) -> None:
    """Refuse a condition that names a parameter with a condition of its own."""
    for name, expression in when.items():
        used = {ast.unparse(node) for node in ast.walk(ast.parse(expression.strip(), mode="eval"))}
        chained = sorted(used & conditions.keys())
        if chained:
            raise Refusal(
                f"when.{name}",
                f"{chained[0]}, which has a condition of its own",
                "parameters that always matter",
            )


def _prepared(
    study: Study,
    market_data: MarketData | None,
    ledger: FileStore | None,
    workers: str | int | None,
    asked_by: str,
) -> PreparedJob:
    return study.prepare(ledger=ledger, market_data=market_data, workers=workers, asked_by=asked_by)


def _study(study: Study, definition: Any) -> Study:
    copy = Study.from_definition(definition, study.file)
    copy.live = study.live
    return copy


def _on(study: Study, source: Historical, steps: int | None = None) -> Study:
    """Return the study on other bars of the same history."""
    of_source = study.definition.source.model_copy(update={"steps": steps, "parameters": {}})
    copy = _study(study, study.definition.model_copy(update={"source": of_source}))
    copy.live = replace(study.live, source=source)
    return copy


def _before(source: Historical, hold_out: float) -> Historical:
    count = len(source.bars[0])
    seen = round(count * (1.0 - hold_out))
    if seen < 2 or seen >= count:
        raise Refusal(
            "search.hold_out",
            f"{hold_out:g} of {count} bars of {source.bars[0].calendar.timeframe}",
            "a share that leaves bars on both sides",
        )
    return Historical(tuple(bars[:seen] for bars in source.bars))

"""The members of a portfolio: parameter sets of studies that run on the same paths."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import FileStore
from engine.jobs.canonical import short_hash
from engine.jobs.job import Job
from engine.jobs.space import MODEL_PREFIX
from engine.market_data import MarketData
from engine.portfolio.scenarios import Scenarios
from engine.search.equity_runs import equity_of, recording_equity
from engine.search.market import market_study
from engine.studies import Study

__all__ = ["Member", "Members"]

Seeds = NDArray[np.uint64]

# Tails and correlations of fewer paths say nothing.
_FEWEST_PATHS: Final = 50
_MOST_MEMBERS: Final = 50
_MARKET: Final = "market"


@dataclass(frozen=True)
class Member:
    """A parameter set of a study.

    Parameters
    ----------
    study : Study
        What trades, on which paths.
    parameters : mapping
        The set.
    """

    study: Study
    parameters: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Members:
    """Members on the same paths, and the market that they trade.

    Parameters
    ----------
    names : tuple of str
        Of the members.
    members : tuple of Member
        The same, recording equity.
    market : Member
        Holding what they trade.
    seeds : ndarray of uint64
        Of the paths.
    years : float
        Length of the paths.
    paths_per_unit : int
        Paths that depend on each other.
    """

    names: tuple[str, ...]
    members: tuple[Member, ...]
    market: Member
    seeds: Seeds
    years: float
    paths_per_unit: int

    @classmethod
    def of(cls, asked: Mapping[str, Any], points: int, market_data: MarketData | None) -> Members:
        """Resolve what was asked, and see that all of it runs on the same paths.

        Parameters
        ----------
        asked : mapping of str to Study or (Study, mapping)
            A study, all of whose sets are members, or one set of it.
        points : int
            At how many closes equity is read, at most as many as there are bars.
        market_data : MarketData or None
            Where symbols are looked up.

        Raises
        ------
        Refusal
            If there are fewer than two members, or their paths are not the same.
        """
        found, jobs = _expanded(asked, market_data)
        if not 2 <= len(found) <= _MOST_MEMBERS:
            raise Refusal("members", str(len(found)), f"2 to {_MOST_MEMBERS} parameter sets")
        first_name, first = next(iter(jobs.items()))
        _check_paths(first, jobs, first_name)
        world = first.world
        warm_up = max(int(job.world.path.warm_up) for job in jobs.values())
        seen = min(points, world.steps)
        members = tuple(
            Member(_ready(one.study, seen, warm_up), one.parameters) for one in found.values()
        )
        any_study = next(iter(found.values())).study
        market = market_study(any_study)
        return cls(
            names=tuple(found),
            members=members,
            market=Member(_ready(market, seen, warm_up), {"weight": 1.0}),
            seeds=first.seeds,
            years=world.steps / world.bars_per_year,
            paths_per_unit=world.paths_per_unit,
        )

    def scenarios(
        self,
        seeds: Seeds,
        *,
        ledger: FileStore | None = None,
        market_data: MarketData | None = None,
        workers: str | int | None = None,
    ) -> Scenarios:
        """Run members and market on seeds.

        Raises
        ------
        Refusal
            If a simulation fails.
        """
        by_study: dict[int, list[int]] = {}
        every = (*self.members, self.market)
        for place, member in enumerate(every):
            by_study.setdefault(id(member.study), []).append(place)
        growth: dict[int, NDArray[np.float64]] = {}
        for places in by_study.values():
            # Holding the market is no trial.
            counted = None if places == [len(self.members)] else ledger
            with ExitStack() as opened:
                prepared = opened.enter_context(
                    every[places[0]].study.prepare(
                        ledger=counted,
                        market_data=market_data,
                        workers=workers,
                        asked_by="portfolio",
                    )
                )
                sets = [dict(every[place].parameters) for place in places]
                equity = equity_of(prepared, sets, seeds)
                for place, own in zip(places, equity, strict=True):
                    growth[place] = own / own[:, :1]
        return Scenarios(
            self.names,
            np.stack([growth[place] for place in range(len(self.members))]),
            self.years,
            growth[len(self.members)],
        )


def _expanded(
    asked: Mapping[str, Any], market_data: MarketData | None
) -> tuple[dict[str, Member], dict[str, Job]]:
    """Return the members by name, and the job of each study that was asked."""
    found: dict[str, Member] = {}
    jobs: dict[str, Job] = {}
    for name, given in asked.items():
        study, parameters = given if isinstance(given, tuple) else (given, None)
        if not isinstance(study, Study):
            raise Refusal(f"members.{name}", repr(given), "a Study, or (Study, its parameters)")
        job = jobs[name] = study.resolve(market_data)
        swept = [one for one in job.space.names if one.startswith(MODEL_PREFIX)]
        if swept:
            raise Refusal(
                f"members.{name}",
                f"paths that differ from set to set ({', '.join(swept)})",
                "parameters of the strategy alone",
            )
        if parameters is not None:
            found[name] = Member(study, dict(parameters))
            continue
        for index in range(len(job.space)):
            own = name if len(job.space) == 1 else f"{name}#{index}"
            found[own] = Member(study, job.space[index])
    return found, jobs


def _check_paths(first: Job, jobs: Mapping[str, Job], first_name: str) -> None:
    if first.world.is_history:
        raise Refusal(
            "members",
            "one history, which has no joint distribution",
            "studies on paths: bootstrap the history",
        )
    paths = len(first.seeds) * first.world.paths_per_seed
    if paths < _FEWEST_PATHS:
        raise Refusal("seeds", f"{paths} paths", f"at least {_FEWEST_PATHS}")
    wanted = _paths_id(first)
    other = [name for name, job in jobs.items() if _paths_id(job) != wanted]
    if other:
        raise Refusal(
            f"members.{other[0]}",
            f"other paths than those of {first_name}",
            "studies with the same source, steps, start prices and seeds",
        )


def _paths_id(job: Job) -> str:
    world = job.world
    content = [
        world.source.fingerprint(),
        world.steps,
        str(world.calendar),
        world.paths_per_seed,
        world.path.s0,
        [int(seed) for seed in job.seeds.tolist()],
    ]
    return short_hash(content)


def _ready(study: Study, points: int, warm_up: int) -> Study:
    source = study.definition.source.model_copy(update={"warm_up": warm_up})
    copy = Study.from_definition(study.definition.model_copy(update={"source": source}), study.file)
    copy.live = study.live
    return recording_equity(copy, points)

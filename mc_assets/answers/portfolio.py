"""How capital is split over strategies that ran on the same paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import Refusal
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.portfolio import Allocation

__all__ = ["allocate_studies"]


def allocate_studies(
    project: Project,
    members: Sequence[str],
    *,
    rule: str = "cvar",
    seeds: str | None = None,
    workers: str | None = None,
    points: int = 60,
    **settings: Any,
) -> Allocation:
    """Split capital over the parameter sets of studies.

    Parameters
    ----------
    project : Project
        Where series and calibrations are looked up; its trial ledger counts the sets.
    members : sequence of str
        ``STUDY``, all sets of which are members, or ``STUDY#2``, its set number 2.
    rule : str
        One of `engine.portfolio.RULES`.
    seeds, workers : str, optional
        Instead of the studies' own.
    points : int
        At how many closes equity is read.
    settings
        As of `engine.portfolio.Portfolio.allocate`; None is as its default.

    Raises
    ------
    Refusal
        If a study cannot be used, a set is not there, or paths are not the same.
    """
    from engine.files import as_files
    from engine.portfolio import Portfolio
    from engine.studies import Study, load_definition
    from engine.studies.overrides import override
    from mc_assets.stored_market_data import StoredMarketData

    market_data = StoredMarketData(project)
    asked: dict[str, Any] = {}
    for member in members:
        name, _, number = member.partition("#")
        path = project.study_file(name)
        definition = override(load_definition(path), [], seeds=seeds, workers=workers)
        study = Study.from_definition(definition, path)
        if not number:
            asked[study.name] = study
            continue
        space = study.resolve(market_data).space
        if not number.isdecimal() or int(number) >= len(space):
            raise Refusal(member, f"set {number!r}", f"a number from 0 to {len(space) - 1}")
        asked[f"{study.name}#{number}"] = (study, space[int(number)])
    portfolio = Portfolio(
        asked,
        points=points,
        ledger=as_files(project.data),
        market_data=market_data,
        workers=workers if workers is None or not workers.isdecimal() else int(workers),
    )
    given = {name: value for name, value in settings.items() if value is not None}
    return portfolio.allocate(rule, **given)

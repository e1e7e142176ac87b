"""From a body to the work that it asks for, with nothing in it that names a file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from engine.errors import Refusal
from mc_assets.project import Project
from mc_assets.service.requests import (
    BacktestRequest,
    MonteCarloRequest,
    PanelRequest,
    SearchRequest,
    WalkForwardRequest,
)
from mc_assets.service.work import Work

if TYPE_CHECKING:
    from engine.studies import StudyDefinition

__all__ = [
    "asked_backtest",
    "asked_panel",
    "asked_search",
    "asked_study",
    "asked_walk_forward",
    "plain_name",
]

# What a strategy, a source or a seed set is registered by: no path, no ending.
_REGISTERED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,119}")
_NO_FILES: Final = "installed sources and strategies, by name, and seed sets of the project"

_Request = MonteCarloRequest | SearchRequest | WalkForwardRequest


def asked_study(project: Project, request: MonteCarloRequest) -> Work:
    """Return the run of a study that a body asks for.

    Raises
    ------
    Refusal
        If the study cannot be used, or names a file.
    """
    definition, file, changed = _definition(project, request)
    return Work(
        kind="study",
        study=definition.name,
        definition=_plain(definition),
        file=file,
        as_stored=file is not None and not changed,
    )


def asked_backtest(project: Project, request: BacktestRequest) -> Work:
    """Return the backtest that a body asks for: a study on history, its trades recorded.

    Raises
    ------
    Refusal
        If it cannot be used.
    """
    from engine.jobs.canonical import short_hash

    asked = request.model_dump(exclude={"name"})
    name = request.name or f"{request.strategy} on {request.symbol} {short_hash(asked)[:8]}"
    content = {
        "name": name,
        "source": {
            "model": "historical",
            "symbol": request.symbol,
            "timeframe": request.timeframe,
            "steps": request.steps,
        },
        "strategy": {"name": request.strategy, "parameters": request.parameters},
        "execution": request.execution,
        "seeds": 1,
        "record": {"equity": 500, "trades": True},
    }
    definition = _checked(project, content)
    return Work(kind="backtest", study=definition.name, definition=_plain(definition))


def asked_search(project: Project, request: SearchRequest) -> Work:
    """Return the search that a body asks for.

    Raises
    ------
    Refusal
        If the study cannot be used or has no objective.
    """
    definition, file, _ = _definition(project, request)
    content = _plain(definition)
    given = {
        "method": request.method,
        "budget": None if request.samples is None else {"sets": request.samples},
        "seed": request.seed,
        "objective": request.objective,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if given:
        content["search"] = (content.get("search") or {}) | given
    definition = _validated(content)
    if definition.search is None or definition.search.objective is None:
        raise Refusal("objective", "is missing", hint="`objective` says what to maximise")
    return Work(kind="search", study=definition.name, definition=_plain(definition), file=file)


def asked_walk_forward(project: Project, request: WalkForwardRequest) -> Work:
    """Return the walk-forward that a body asks for.

    Raises
    ------
    Refusal
        If the study cannot be used.
    """
    definition, file, _ = _definition(project, request)
    options = {
        "score": request.score,
        "count": request.windows,
        "in_sample": request.in_sample,
        "out_of_sample": request.out_of_sample,
        "dates": None if request.dates is None else [str(day) for day in request.dates],
        "anchored": request.anchored,
        "purge": request.purge,
    }
    return Work(
        kind="walk-forward",
        study=definition.name,
        definition=_plain(definition),
        file=file,
        options={name: value for name, value in options.items() if value is not None},
    )


def asked_panel(project: Project, request: PanelRequest) -> Work:
    """Return the panel that a body asks for.

    Raises
    ------
    Refusal
        If a name is none.
    """
    from engine.strategies import get_strategy

    _registered("strategy", request.strategy)
    get_strategy(request.strategy)
    _stored_series(project, request.symbol, request.timeframe)
    options = request.model_dump(exclude={"parameters"})
    options["values"] = [
        f"{name}={','.join(map(_as_typed, value if isinstance(value, list) else [value]))}"
        for name, value in request.parameters.items()
    ]
    series = f"{request.symbol}@{request.timeframe}"
    return Work(kind="panel", study=f"{request.strategy} on {series}", options=options)


def plain_name(study: str, field: str = "study") -> str:
    """Return the name of a study that is no path and no file.

    Parameters
    ----------
    study : str
        The name.
    field : str
        What has it.

    Raises
    ------
    Refusal
        If it is one.
    """
    from engine.studies.study_name import check_study_name

    try:
        check_study_name(study)
    except Refusal:
        raise Refusal(field, repr(study), "the name of a study") from None
    if study.endswith((".yaml", ".yml")):
        raise Refusal(field, repr(study), "the name of a study, without a file's ending")
    return study


def _definition(project: Project, request: _Request) -> tuple[StudyDefinition, str | None, bool]:
    """Return the study to run, its file where it is stored, and whether it was changed."""
    from engine.studies import load_definition
    from engine.studies.overrides import override

    if (request.study is None) == (request.definition is None):
        found = "neither study nor" if request.study is None else "both study and"
        raise Refusal("study", f"{found} definition", "one of the two")
    changes = [f"{name}={_as_typed(value)}" for name, value in request.changes.items()]
    if request.study is None:
        content = dict(request.definition or {})
        if request.seeds is not None:
            content["seeds"] = request.seeds
        definition = override(_checked(project, content), changes)
        _check_stated(project, definition)
        return definition, None, True
    file = project.study_file(plain_name(request.study))
    stored = load_definition(file)
    definition = override(stored, changes)
    if request.seeds is not None:
        definition = _validated(_plain(definition) | {"seeds": request.seeds})
    _without_files(definition, stored)
    if definition.name != stored.name:
        _check_new_name(project, definition)
    return definition, str(file), _plain(definition) != _plain(stored)


def _checked(project: Project, content: dict[str, Any]) -> StudyDefinition:
    definition = _validated(content)
    _check_stated(project, definition)
    return definition


def _check_stated(project: Project, definition: StudyDefinition) -> None:
    _without_files(definition, None)
    _check_new_name(project, definition)


def _check_new_name(project: Project, definition: StudyDefinition) -> None:
    """Refuse the name of a file or of a stored study: results of that would be replaced."""
    plain_name(definition.name, "name")
    if definition.name in project.study_files:
        raise Refusal("name", f"{definition.name!r}, which a stored study has", "another name")


def _validated(content: dict[str, Any]) -> StudyDefinition:
    from engine.studies import StudyDefinition

    return StudyDefinition.of(content)


def _without_files(definition: StudyDefinition, stored: StudyDefinition | None) -> None:
    """Refuse what names a file that the stored study does not name itself."""
    from engine.studies.named_files import named_files

    own_files = {} if stored is None else named_files(stored)
    for field, names in named_files(definition).items():
        if names != own_files.get(field):
            raise Refusal(field, ", ".join(map(repr, names)), _NO_FILES)
    seeds = definition.seeds
    own = None if stored is None else stored.seeds
    if isinstance(seeds, str) and not (isinstance(own, str) and own == seeds):
        _registered("seeds", seeds)
    if stored is None:
        _registered("strategy.name", definition.strategy.name)
        _registered("source.model", definition.source.model)
    if definition.storage != "parquet" and (stored is None or definition.storage != stored.storage):
        raise Refusal("storage", repr(definition.storage), "parquet")


def _registered(field: str, name: str) -> None:
    if not _REGISTERED.fullmatch(name):
        raise Refusal(field, repr(name), _NO_FILES)


def _stored_series(project: Project, symbol: str, timeframe: str) -> None:
    from mc_assets.market_data import load_series

    keys = load_series(project.series).keys
    if f"{symbol}@{timeframe}" not in keys:
        raise Refusal("symbol", f"{symbol}@{timeframe}", ", ".join(keys))


def _as_typed(value: Any) -> str:
    """Return a JSON value as it is typed after ``--set NAME=``: YAML reads JSON."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value):
        return value
    return json.dumps(value)


def _plain(definition: StudyDefinition) -> dict[str, Any]:
    return definition.model_dump(mode="json", exclude_unset=True)


def project_relative(project: Project, text: str) -> str:
    """Return a sentence without the folders of this machine.

    Examples
    --------
    >>> from pathlib import Path
    >>> home = Project(Path("/srv/lab"), *[Path("/srv/lab") / name for name in ("d", "s", "x")])
    >>> project_relative(home, "study: there is no file /srv/lab/s/a.yaml")
    'study: there is no file s/a.yaml'
    """
    return text.replace(f"{project.root}/", "").replace(str(project.root), ".")

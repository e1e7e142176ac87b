"""The files that a study names beside its own, wherever in its definition they stand."""

from __future__ import annotations

from typing import Any

from engine.studies.definition import StudyDefinition

__all__ = ["named_files"]


def named_files(definition: StudyDefinition) -> dict[str, list[str]]:
    """Return the files and folders that a study reads when it runs, by field.

    A new setting that opens a file belongs here: a service refuses such names, and a study is run
    again when what they name has changed.

    Parameters
    ----------
    definition : StudyDefinition
        As the study file has it, so that names are relative to that file.

    Returns
    -------
    dict of str to list of str
        Names by the field that has them; fields without a name are absent.

    Examples
    --------
    >>> import engine as mc
    >>> named_files(mc.Study("plain", mc.GBM(), "buy_and_hold", seeds=1).definition)
    {}
    """
    chain = definition.options.get("chain")
    named: dict[str, list[Any]] = {
        "strategy.file": [definition.strategy.file],
        "source.file": [definition.source.file],
        "source.columns": list(definition.source.column_files),
        "ticks.path": [definition.ticks.get("path")],
        "options.chain.file": [chain.get("file") if isinstance(chain, dict) else chain],
    }
    told = {
        field: [str(name) for name in names if name is not None] for field, names in named.items()
    }
    return {field: names for field, names in told.items() if names}

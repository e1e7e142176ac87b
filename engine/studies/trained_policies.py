"""Policies that a project has trained, as the strategies that studies call by their names."""

from __future__ import annotations

import re
from keyword import iskeyword
from pathlib import Path

from engine.errors import Refusal
from engine.home import data_folder

__all__ = ["policy_strategy_file", "strategy_name", "trained_policy"]


def strategy_name(policy: str) -> str:
    """Return the name of a policy's strategy, which is one of Python's.

    Examples
    --------
    >>> strategy_name("follow-trends"), strategy_name("2 days"), strategy_name("class")
    ('follow_trends', '_2_days', 'class_')
    """
    name = re.sub(r"\W", "_", policy)
    name = f"_{name}" if name[:1].isdigit() else name
    return f"{name}_" if iskeyword(name) else name


def policy_strategy_file(data: Path, policy: str) -> Path:
    """Return the file in which `mc train` keeps a policy's trainings as a strategy.

    Parameters
    ----------
    data : Path
        The data folder.
    policy : str
        Its name.
    """
    return data / "policies" / policy / f"{strategy_name(policy)}.py"


def trained_policy(policy: str) -> Path:
    """Return the strategy file of a policy of this project.

    Raises
    ------
    Refusal
        If it was not trained.
    """
    file = policy_strategy_file(data_folder(), policy)
    if not file.is_file():
        raise Refusal(
            "strategy.policy",
            f"{policy!r}, which was not trained",
            "a policy that was",
            hint=f"`mc train {policy}` trains it; `mc policies` lists them",
        )
    return file

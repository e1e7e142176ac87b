"""Files to begin with: a strategy, a study, a policy, a price model, a series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from engine.errors import Refusal
from mc_assets.answers.folder_lock import alone_in
from mc_assets.project import Project

__all__ = ["KINDS", "Kind", "NewFile", "new_file"]

Kind = Literal["strategy", "study", "policy", "model", "series"]

#: What can be begun.
KINDS: Final[tuple[Kind, ...]] = ("strategy", "study", "policy", "model", "series")

_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")

_STRATEGY: Final = '''"""A strategy: `mc indicators` lists what it may declare."""

from engine.strategies import SMA, Bar, Int, Order, Strategy


class {cls}(Strategy):
    """Hold while the close is above its average."""

    period = Int(20, low=2, high=200)
    mean = SMA(period)

    def on_bar(self, bar: Bar, order: Order) -> None:
        """Decide at the close of each bar."""
        order.target_percent(1.0 if bar.close > self.mean else 0.0)
'''
_MODEL: Final = '''"""A price model: one step from a close to the next."""

from engine.sources import StepModel, parameter


class {cls}(StepModel):
    """dS = sigma dW (Bachelier, 1900)."""

    name = "{name}"
    sigma: float = parameter(20.0, low=0.0, unit="price/sqrt(year)", doc="Volatility.")

    @staticmethod
    def step(price, state, shocks, constants):  # constants: the parameters, then dt
        """Return the next close."""
        return price + constants[0] * constants[1] ** 0.5 * shocks[0]
'''
_STUDY: Final = """\
# `mc studies --sources` and `mc strategies` list what may be named, `mc schema` every key.
name: {name}
description: How a moving-average crossover fares on prices without a trend to follow.
source:
  model: gbm
  parameters: {{mu: 0.05, sigma: 0.2}}
  steps: 252
strategy:
  name: sma_crossover
  parameters: {{fast: [5, 10, 20], slow: [20, 50, 100]}}
constraint: fast < slow
execution:
  cash: 100000
  commission: {{rate: 0.0005}}
seeds: 200
"""
_POLICY: Final = """\
# An agent, learned on paths of `source` and judged on others (docs/learning.md).
name: {name}
description: Whether a linear policy finds trends in a market that has some.
market: mes_daily
source:
  model: regime_switching
  parameters: {{mu_1: 1.0, sigma_1: 0.15, p_11: 0.98, mu_2: -1.0, sigma_2: 0.25, p_21: 0.02}}
  steps: 120
features: [return_10, return_20]
training: {{trainings: 5, seeds: 16, generations: 10}}
evaluation:
  seeds: {{count: 100, start: 10000}}
"""
_SERIES: Final = """
  - symbol: {name}
    timeframe: 1d
    provider: csv
    exchange: XNYS
    start: 2000-01-01
    options: {{path: "{path}"}}
"""


@dataclass(frozen=True)
class NewFile:
    """What was begun.

    Parameters
    ----------
    path : Path
        The file.
    then : str
        What to type next.
    """

    path: Path
    then: str


def new_file(project: Project, kind: Kind, name: str) -> NewFile:
    """Write a file to begin with; none is ever overwritten. A series is added to the series file.

    Raises
    ------
    Refusal
        If the name cannot be one, or is taken.
    """
    from engine.files import write_new

    if kind == "series":
        return _new_series(project, name)
    if not _IDENTIFIER.fullmatch(name):
        raise Refusal(
            "name", repr(name), "up to 80 lower-case letters, digits and _, a letter first"
        )
    cls = "".join(part.capitalize() for part in name.split("_"))
    if kind == "strategy":
        path, text = project.root / "strategies" / f"{name}.py", _STRATEGY
        then = f"mc audit {name} --file {_from(project.root, path)}"
    elif kind == "model":
        path, text = project.root / "models" / f"{name}.py", _MODEL
        then = f"`source: {{model: {name}, file: ../models/{name}.py, steps: 252}}` in a study"
    elif kind == "policy":
        path, text = project.policies / f"{name}.yaml", _POLICY
        then = f"mc train {name}"
        if name in project.policy_files:
            raise Refusal("name", f"{name!r}, a policy that exists", "a new name")
    else:
        path, text = project.studies / f"{name}.yaml", _STUDY
        then = f"mc run {name}"
        if name in project.study_files:
            raise Refusal("name", f"{name!r}, a study that exists", "a new name")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not write_new(path, text.format(name=name, cls=cls).encode()):
        raise Refusal("name", f"{name!r}, which exists as {path}", "a new name")
    return NewFile(path, then)


def _new_series(project: Project, name: str) -> NewFile:
    """Add a series of a CSV file to the series file, whose other lines stay as they are."""
    if not _SYMBOL.fullmatch(name):
        raise Refusal(
            "name", repr(name), "up to 80 letters, digits, _, . and -, none of these three first"
        )
    path = project.series
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent):
        _add_series(project, path, name)
    bars = project.root / "bars" / f"{name}.csv"
    return NewFile(path, f"put bars into {bars}, then mc ingest {name}@1d")


def _add_series(project: Project, path: Path, name: str) -> None:
    from mc_assets.market_data import load_series

    text = path.read_text(encoding="utf-8") if path.exists() else "series:\n"
    if path.exists() and f"{name}@1d" in load_series(path).keys:
        raise Refusal("name", f"{name!r}, a series that exists", "a new name")
    bars = project.root / "bars" / f"{name}.csv"
    entry = _SERIES.format(name=name, path=_from(path.parent, bars))
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text.rstrip() + "\n" + entry, encoding="utf-8")
        added = f"{name}@1d" in load_series(temporary).keys
        if not added:
            raise Refusal("series", "a list that does not end the file", "one that does", file=path)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _from(folder: Path, path: Path) -> str:
    """Return a path relative to a folder, where it lies near it."""
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    if path.is_relative_to(folder.parent):
        return f"../{path.relative_to(folder.parent).as_posix()}"
    return path.as_posix()

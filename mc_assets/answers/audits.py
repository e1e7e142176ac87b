"""Whether strategies look ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import Refusal
from mc_assets.answers.catalogue import load_code_of_studies
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.strategies.audit import AuditReport

__all__ = ["StrategyAudit", "StrategyAudits", "audit_strategies"]

# Half of the bars of an audited path.
_MOST_WARM_UP = 250


@dataclass(frozen=True)
class StrategyAudit:
    """The audit of one strategy.

    Parameters
    ----------
    report : AuditReport
        What was found.
    """

    report: AuditReport

    def to_json(self) -> dict[str, Any]:
        """Return the verdict and everything found."""
        found = self.report
        return {
            "strategy": found.strategy,
            "passed": found.passed,
            "orders": found.orders,
            "reasons": found.reasons,
            "alone_differs": found.alone_differs,
            "repeat_differs": found.repeat_differs,
            "findings": found.findings,
        }


@dataclass(frozen=True)
class StrategyAudits:
    """Audits of several strategies.

    Parameters
    ----------
    audits : tuple of StrategyAudit
        In the order of their names.
    problems : tuple of str
        Why a file that a study names could not be loaded, a sentence each.
    """

    audits: tuple[StrategyAudit, ...]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every strategy passed."""
        return all(audit.report.passed for audit in self.audits)

    def to_json(self) -> list[StrategyAudit]:
        """Return the audits."""
        return list(self.audits)


def audit_strategies(
    project: Project,
    strategy: str = "all",
    *,
    file: Path | None = None,
    symbol_count: int = 1,
    cuts: int = 500,
    seed: int = 1,
    progress: Callable[[StrategyAudit], None] | None = None,
) -> StrategyAudits:
    """Rerun strategies with other futures and see whether any earlier decision changes.

    Parameters
    ----------
    project : Project
        Its studies name the files of strategies of one's own.
    strategy : str
        Name of a strategy, or ``all``.
    file : Path, optional
        Python file or folder to look for strategies in.
    symbol_count : int
        Symbols that each strategy trades.
    cuts : int
        Bars of a path after which the future is replaced.
    seed : int
        Seed of the cuts and the paths.
    progress : callable, optional
        Called with each audit when it is done.

    Raises
    ------
    Refusal
        If there is no such strategy.
    ValueError
        If it cannot be run.
    """
    from engine.options.audit import audit_options
    from engine.strategies import get_strategy, load_user_strategies, strategy_names
    from engine.strategies.audit import audit_strategy
    from engine.strategies.audit_time import audited_calendar

    problems: tuple[str, ...] = ()
    if file is not None:
        load_user_strategies(file)
    elif strategy not in strategy_names():
        problems = load_code_of_studies(project)
    if strategy not in ("all", *strategy_names()):
        raise Refusal(
            "strategy",
            repr(strategy),
            ", ".join(["all", *strategy_names()]),
            hint="; ".join(problems) or None,
        )
    audits = []
    traded = tuple(f"S{number}" for number in range(symbol_count))
    # Built-in legs are data, which the tests of options audit: no need to do it again here.
    known = ((name, get_strategy(name)) for name in strategy_names())
    hooked = [
        name
        for name, each in known
        if each.engine is None or (each.hooks() and not each.hears_ticks())
    ]
    for name in hooked if strategy == "all" else [strategy]:
        cls = get_strategy(name)
        if cls.hears_ticks():
            raise Refusal("strategy", f"{cls.name!r}, which trades quote ticks", "one of bars")
        if cls.engine is not None:
            report = audit_options(cls, cuts=cuts, seed=seed)
        else:
            # Warm up as a study does by default, but leave bars to trade on.
            warm_up = min(cls.warm_up(calendar=audited_calendar(cls)), _MOST_WARM_UP)
            report = audit_strategy(name, symbols=traded, warm_up=warm_up, cuts=cuts, seed=seed)
        audit = StrategyAudit(report)
        if progress is not None:
            progress(audit)
        audits.append(audit)
    return StrategyAudits(tuple(audits), problems)

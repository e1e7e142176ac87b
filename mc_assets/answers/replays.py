"""One simulation of a study, run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mc_assets.answers.studies import study_name
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.jobs.replay import Replay

__all__ = ["StudyReplay", "replay_simulation"]


@dataclass(frozen=True)
class StudyReplay:
    """A simulation of a study with everything that happened in it.

    Parameters
    ----------
    study : str
        Name of the study.
    replay : Replay
        Bars, equity, orders, trades and metrics.
    """

    study: str
    replay: Replay

    def to_json(self) -> dict[str, Any]:
        """Return what happened, without the bars and the equity curve."""
        found = self.replay
        return {
            "study": self.study,
            "simulation": found.simulation,
            "seed": found.seed,
            "path": found.path,
            "parameters": found.parameters,
            "status": found.status,
            "metrics": found.metrics,
            "orders": found.orders,
            "trades": found.trades,
        }


def replay_simulation(project: Project, study: str, simulation: int) -> StudyReplay:
    """Run one simulation again from its seed.

    Parameters
    ----------
    project : Project
        Where results, bars and calibrations lie.
    study : str
        Name of a study that has run, or its file.
    simulation : int
        Number of the simulation, from its row.

    Raises
    ------
    Refusal
        If there is no such simulation, or its study has changed since it ran.
    """
    from engine.studies import load_results
    from mc_assets.stored_market_data import StoredMarketData

    market_data = StoredMarketData(project)
    results = load_results(project.data, study_name(project, study), market_data=market_data)
    return StudyReplay(results.name, results.simulation(simulation))

"""What a search came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from engine.errors import Refusal
from engine.jobs.space import Scalar
from engine.search.space import SearchSpace
from engine.search.trials import Status, TrialTable, pareto_front

__all__ = ["SearchOutcome"]


@dataclass(frozen=True, eq=False)
class SearchOutcome:
    """Every trial of a search, and its leaders on fresh paths.

    Parameters
    ----------
    study : str
        Name of the study.
    method : str
        How points were chosen.
    seed : int
        Of the search.
    table : TrialTable
        Objectives and requirements.
    trials : polars.DataFrame
        A row per parameter set that ran: ``trial``, ``generation``, ``set_id``, a column per
        parameter, ``paths``, each statistic with its standard error beside it (`_std_error` after
        the name), ``status``, ``reason``.
    robust : polars.DataFrame
        The finished trials, best first, with plateau and cluster (`engine.search.robustness`).
    leaders : polars.DataFrame
        The best, again on paths that the search did not use (`engine.search.confirm.LEADERS`).
    moves : polars.DataFrame
        What each leader loses when a parameter moves by a step (`engine.search.fragility`).
    regimes : polars.DataFrame
        What each leader comes to on these paths while the market is calm, normal and turbulent
        (`engine.search.regimes`).
    space : SearchSpace
        What moved.
    unseen : str
        What the leaders ran on again, in words.
    made_of : dict
        Hashes of the world and the data, and the settings (`engine.search.worlds`).
    dropped : int
        Points that a constraint dropped.
    simulations : int
        Simulations of the trials.
    seconds : float
        How long it took.
    chance : str
        On one history with a ledger, what chance alone would show of everything that was ever
        tried; else empty.
    """

    study: str
    method: str
    seed: int
    table: TrialTable
    trials: pl.DataFrame
    robust: pl.DataFrame
    leaders: pl.DataFrame
    moves: pl.DataFrame
    regimes: pl.DataFrame
    space: SearchSpace
    unseen: str
    made_of: dict[str, Any]
    dropped: int
    simulations: int
    seconds: float
    chance: str = ""

    @property
    def best(self) -> dict[str, Scalar]:
        """The parameter set with the best value of the first objective.

        Raises
        ------
        Refusal
            If no trial finished; says what became of them.
        """
        if self.leaders.is_empty():
            counts = self.trials["status"].value_counts(sort=True).rows()
            found = ", ".join(f"{status}: {count:,}" for status, count in counts)
            raise Refusal(
                "search",
                f"no trial that counts ({found})",
                hint="loosen `require`, or search elsewhere",
            )
        return self._set(self.leaders.head(1))

    @property
    def middle(self) -> dict[str, Scalar]:
        """The parameter set amid the best cluster: the one whose neighbours do best too.

        Raises
        ------
        Refusal
            If no trial finished.
        """
        robust = self.leaders.filter(pl.col("role").str.contains("robust"))
        return self.best if robust.is_empty() else self._set(robust)

    def pareto(self) -> pl.DataFrame:
        """Return the trials that no other betters in every objective.

        Returns
        -------
        polars.DataFrame
            Rows of `trials` that finished, in their order.
        """
        return self.trials[pareto_front(self.table.scores(self.trials))]

    @property
    def sentence(self) -> str:
        """How many were tried, what the best claims, and what it came to on fresh paths."""
        finished = int((self.trials["status"] == Status.FINISHED).sum())
        tried = f"{len(self.trials):,} parameter sets tried by {self.method}"
        if self.leaders.is_empty():
            return f"{tried}, none of which counts ({self._why_none()})"
        if finished < len(self.trials):
            tried += f", {finished:,} of which count"
        best, name = self.leaders.row(0, named=True), self.table.objectives[0].statistic
        text = f"{tried}; the best claims a {name} of {best['claim']:.4g}"
        if best["corrected"] is not None:
            text += f" (corrected for the choice {best['corrected']:.4g})"
        if best["fresh"] is not None:
            text += f", and shows {best['fresh']:.4g} on {self.unseen}"
            if best["fresh_low"] is not None:
                text += f" ({best['fresh_low']:.4g} to {best['fresh_high']:.4g})"
        middle = self.leaders.filter(pl.col("role") == "robust")
        if len(middle) and middle["fresh"][0] is not None:
            text += f"; the middle of the best cluster shows {middle['fresh'][0]:.4g} there"
        tied = int(self.leaders["tied"].fill_null(False).sum())
        if tied > 1:
            text += f"; {tied} of the {len(self.leaders)} leaders cannot be told apart"
        return f"{text}; {self.chance}" if self.chance else text

    def _why_none(self) -> str:
        """Say how many trials each requirement leaves out, and what became of the others."""
        judged = self.trials.filter(pl.col("status") == Status.UNMET)
        parts = [
            f"{unmet:,} do not meet {one}"
            for one in self.table.requirements
            if (unmet := int((~one.holds(judged[one.statistic].to_numpy())).sum()))
        ]
        others = self.trials.filter(pl.col("status") != Status.UNMET)["status"].value_counts()
        parts += [f"{count:,} {status}" for status, count in sorted(others.rows())]
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return a summary as plain data."""
        return {
            "study": self.study,
            "method": self.method,
            "seed": self.seed,
            "objectives": [str(one) for one in self.table.objectives],
            "require": [str(one) for one in self.table.requirements],
            "tried": len(self.trials),
            "status": dict(self.trials["status"].value_counts().sort("status").rows()),
            "dropped": self.dropped,
            "simulations": self.simulations,
            "sentence": self.sentence,
            "fresh_is_on": self.unseen,
            "leaders": self.leaders.to_dicts(),
            "moves": self.moves.to_dicts(),
            "regimes": self.regimes.to_dicts(),
        }

    def _set(self, row: pl.DataFrame) -> dict[str, Scalar]:
        return {**self.space.fixed, **row.select(self.table.parameters).row(0, named=True)}

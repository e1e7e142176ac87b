"""What a judgement says: a sentence, what it rests on, and how the choice fares in other worlds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from engine.statistics.edge import EdgeTest

__all__ = ["Judgement"]

# Fewer trades make a Sharpe ratio that of a few decisions.
_FEW_TRADES = 30


@dataclass(frozen=True)
class Judgement:
    """A verdict on a strategy, from one history and what can be simulated from it.

    Parameters
    ----------
    strategy, symbol : str
        What was judged, on which series.
    first, last : str
        First and last day of the history that counts.
    edge : EdgeTest
        The test of the best parameter set, after what the search cost.
    parameters : dict
        That set.
    history : dict of str to float or None
        Its metrics on the history.
    worlds : polars.DataFrame
        That set in simulated worlds: ``world``, ``kind`` (model or bootstrap), ``paths``,
        ``mean_return``, ``std_error``, ``ci_low``, ``ci_high`` (of a year's return),
        ``profit_probability``, ``drawdown_q05``, and ``status`` with the reason where a model could
        not be calibrated.
    seconds : float
        Wall-clock time.
    """

    strategy: str
    symbol: str
    first: str
    last: str
    edge: EdgeTest
    parameters: dict[str, Any]
    history: dict[str, float | None]
    worlds: pl.DataFrame
    seconds: float

    @property
    def verdict(self) -> str:
        """``edge``, ``no edge`` or ``not to be told``."""
        return self.edge.finding

    @property
    def sentence(self) -> str:
        """The verdict in one or two sentences."""
        edge = self.edge
        tried = "set" if edge.trials == 1 else "sets"
        head = f"{self.strategy} on {self.symbol}, {edge.trials:,} parameter {tried} tried: "
        if math.isnan(edge.sharpe):
            return head + "nothing to be told, since no set traded."
        looks = (
            f"the best shows a Sharpe ratio of {edge.sharpe:.2f} beyond its exposure to the "
            f"market, chance alone would show {edge.by_chance:.2f}"
        )
        size = f"{edge.corrected:.2f} ({edge.low:.2f} to {edge.high:.2f})"
        if self.verdict == "edge" and edge.low > 0.0:
            return (
                f"{head}an edge (p = {edge.p_value:.3f}): {looks}. How large it is, is less sure: "
                f"{size}, corrected for the pick."
            )
        if self.verdict == "edge":
            # The test says that some set has an edge, and sets that are nearly tied share it.
            return (
                f"{head}an edge among them (p = {edge.p_value:.3f}): {looks}. Which of them has it "
                f"is not told: corrected for the pick this one is worth {size}."
            )
        if self.verdict == "no edge":
            return (
                f"{head}no edge that matters (p = {edge.p_value:.2f}): {looks}. Corrected for the "
                f"pick it is worth {edge.corrected:.2f}, at most {edge.high:.2f}."
            )
        untold = f"not to be told from these data (p = {edge.p_value:.2f})"
        return f"{head}{untold}: {looks}. {self._more}"

    @property
    def cautions(self) -> tuple[str, ...]:
        """What a reader should know before believing the sentence."""
        found = []
        trades = self.history.get("trades") or 0.0
        if trades < _FEW_TRADES:
            found.append(f"the best set made {trades:.0f} trades on the history")
        charged = (self.history.get("commission") or 0.0) + (self.history.get("slippage") or 0.0)
        if trades > 0.0 and charged == 0.0:
            found.append(
                f"nothing was charged for {trades:,.0f} trades: no commission, no slippage"
            )
        failed = self.worlds.filter(pl.col("status") != "ok")
        found += [f"{row['world']}: {row['status']}" for row in failed.iter_rows(named=True)]
        return tuple(found)

    @property
    def worst_world(self) -> dict[str, Any] | None:
        """The simulated world in which the set earns least; None without worlds."""
        known = self.worlds.filter(pl.col("mean_return").is_not_null())
        if known.is_empty():
            return None
        return known.sort("mean_return").row(0, named=True)

    @property
    def _more(self) -> str:
        """What would tell."""
        edge = self.edge
        if math.isinf(edge.needed_years):
            return (
                "Corrected for the pick nothing is left: more history of the same kind would not "
                "show an edge, another rule or a shorter search might."
            )
        return (
            f"Corrected for the pick it is worth {edge.corrected:.2f}; to tell, it would take "
            f"about {_years(edge.needed_years)} of history, or a shorter search. There are "
            f"{_years(edge.years)}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "cautions": self.cautions,
            "strategy": self.strategy,
            "symbol": self.symbol,
            "first": self.first,
            "last": self.last,
            "edge": {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in asdict(self.edge).items()
            },
            "parameters": self.parameters,
            "history": self.history,
            "worlds": self.worlds.to_dicts(),
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        return self.sentence


def _years(years: float) -> str:
    return f"{years:,.0f} years" if years >= 10.0 else f"{years:.1f} years"

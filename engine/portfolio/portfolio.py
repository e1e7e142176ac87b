"""Portfolios of strategies: capital split over parameter sets that ran on the same paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import FileStore
from engine.market_data import MarketData
from engine.portfolio.contributions import contributions, crash_correlations
from engine.portfolio.members import Members
from engine.portfolio.rebalancing import portfolio_growth
from engine.portfolio.rules import Rule, allocate
from engine.portfolio.scenarios import Scenarios
from engine.search.fresh_seeds import fresh_seeds
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means, standard_deviations
from engine.statistics.quantiles import expected_shortfalls

__all__ = ["Allocation", "Portfolio"]

Floats = NDArray[np.float64]

_POINTS: Final = 60


@dataclass(frozen=True, eq=False)
class Allocation:
    """Weights, how well they are known, and what they came to on fresh paths.

    Parameters
    ----------
    rule : Rule
        How capital was split.
    weights : polars.DataFrame
        A row per member: ``member``, ``weight``, ``weight_std_error`` and ``resampled``, spread and
        mean of the weights over resampled paths.
    outcome : polars.DataFrame
        A row per ``statistic`` of the return over the path (its mean, volatility, tail loss and
        tail drawdown): ``claim`` on the paths that the weights were chosen on, ``fresh`` on paths
        that they were not, each with its standard error beside it (`_std_error` after the name);
        ``over_equal``, what it is beyond equal weights on these, with its error.
    contributions : polars.DataFrame
        As of `engine.portfolio.contributions.contributions`, on the fresh paths.
    correlations : polars.DataFrame
        As of `engine.portfolio.contributions.crash_correlations`, on the fresh paths.
    """

    rule: Rule
    weights: pl.DataFrame
    outcome: pl.DataFrame
    contributions: pl.DataFrame
    correlations: pl.DataFrame

    @property
    def sentence(self) -> str:
        """How capital was split, and what that came to on fresh paths."""
        largest = self.weights.sort("weight", descending=True).head(3)
        parts = ", ".join(
            f"{100 * weight:.0f} ± {100 * error:.0f} % {member}"
            for member, weight, error in largest.select(
                "member", "weight", "weight_std_error"
            ).iter_rows()
        )
        more = f" and {len(self.weights) - 3} more" if len(self.weights) > 3 else ""
        rows = {row["statistic"]: row for row in self.outcome.iter_rows(named=True)}
        mean, tail = rows["mean_return"], rows["tail_loss"]
        return (
            f"{self.rule.name} splits capital into {parts}{more}; on fresh paths it returns "
            f"{100 * mean['fresh']:.2f} ± {100 * mean['fresh_std_error']:.2f} %, "
            f"{100 * mean['over_equal']:+.2f} ± {100 * mean['over_equal_std_error']:.2f} beyond "
            f"equal weights, and the worst {100 * (1 - self.rule.level):.0f} % of paths lose "
            f"{100 * tail['fresh']:.2f} ± {100 * tail['fresh_std_error']:.2f} % where "
            f"{100 * tail['claim']:.2f} were claimed"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the tables and the sentence as plain data."""
        return {
            "rule": vars(self.rule),
            "sentence": self.sentence,
            "weights": self.weights.to_dicts(),
            "outcome": self.outcome.to_dicts(),
            "contributions": self.contributions.to_dicts(),
            "correlations": self.correlations.to_dicts(),
        }


class Portfolio:
    """Parameter sets that run on the same paths, and capital to split over them.

    Parameters
    ----------
    members : mapping of str to Study or (Study, mapping)
        Studies on the same source and seeds: every set of a study is a member, or the one set that
        stands beside it.
    points : int
        At how many closes equity is read.
    ledger : FileStore, optional
        The data root whose trial ledger counts the sets.
    market_data : MarketData, optional
        Where symbols are looked up.
    workers : "auto" or int, optional
        Threads.

    Raises
    ------
    Refusal
        If there are fewer than two members, their paths are not the same, or are one history.

    Notes
    -----
    Members have accounts of their own, of which each begins with its share of the capital; a
    strategy earns the same return whatever its share. Weights are chosen on the studies' seeds and
    judged on as many fresh ones.

    Examples
    --------
    >>> import engine as mc
    >>> def study(name, parameters):
    ...     return mc.Study(name, mc.GBM(mu=0.1), name, parameters, seeds=100, steps=120)
    >>> trend = study("sma_crossover", {"fast": 5, "slow": 20})
    >>> hold = study("buy_and_hold", {"weight": 0.5})
    >>> found = mc.Portfolio({"trend": trend, "hold": hold}).allocate("inverse_volatility")
    >>> round(found.weights["weight"].sum(), 12)
    1.0
    """

    def __init__(
        self,
        members: Mapping[str, Any],
        *,
        points: int = _POINTS,
        ledger: FileStore | None = None,
        market_data: MarketData | None = None,
        workers: str | int | None = None,
    ) -> None:
        if points < 1:
            raise Refusal("points", str(points), "at least 1")
        self._members = Members.of(members, points, market_data)
        settings: dict[str, Any] = {"market_data": market_data, "workers": workers}
        self.scenarios = self._members.scenarios(self._members.seeds, ledger=ledger, **settings)
        #: The same members on fresh seeds, which no weight is chosen on.
        self.fresh = self._members.scenarios(fresh_seeds(self._members.seeds), **settings)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members."""
        return self._members.names

    def allocate(
        self,
        rule: str | Rule = "cvar",
        *,
        rebalance: int | None = None,
        cost: float = 0.0,
        resamples: int = 20,
        resampled: bool = False,
        seed: int = 0,
        **settings: Any,
    ) -> Allocation:
        """Split capital, and judge that on fresh paths.

        Parameters
        ----------
        rule : str or Rule
            ``equal``, ``inverse_volatility``, ``risk_parity``, ``mean_variance``, ``cvar`` or
            ``drawdown``.
        rebalance : int, optional
            Points of equity after which capital is moved back to its weights; by default never.
        cost : float
            Of each unit of capital that is moved, as a share of it.
        resamples : int
            How often weights are chosen again on paths drawn with replacement: what their errors
            follow from.
        resampled : bool
            Whether to take the mean of those weights, which errs less than the optimum of one
            sample where members are alike (Michaud 1998).
        seed : int
            Of the resampling.
        **settings
            ``budget``, ``level``, ``risk_aversion``, ``low``, ``high`` of `Rule`.

        Returns
        -------
        Allocation
            Weights, their errors, and what they came to.

        Raises
        ------
        Refusal
            If a setting does not fit, or no weights keep to the budget.
        """
        wanted = replace(rule, **settings) if isinstance(rule, Rule) else _rule(rule, settings)
        if resamples < 2:
            raise Refusal("resamples", str(resamples), "at least 2")
        weights = allocate(wanted, self.scenarios)
        spread = self._resampled(wanted, resamples, seed)
        chosen = spread.mean(axis=0) if resampled else weights
        table = pl.DataFrame(
            {
                "member": list(self.names),
                "weight": chosen,
                "weight_std_error": spread.std(axis=0, ddof=1),
                "resampled": spread.mean(axis=0),
            }
        )
        traded: dict[str, Any] = {"every": rebalance, "cost": cost}
        return Allocation(
            rule=wanted,
            weights=table,
            outcome=self._outcome(wanted, chosen, traded),
            contributions=contributions(self.fresh, chosen, wanted.level),
            correlations=crash_correlations(self.fresh),
        )

    def _resampled(self, rule: Rule, resamples: int, seed: int) -> Floats:
        """Choose weights on resampled paths; those that depend on each other are drawn together."""
        rng = np.random.Generator(np.random.Philox(seed))
        per_unit = self._members.paths_per_unit
        units = self.scenarios.growth.shape[1] // per_unit
        found: list[Floats] = []
        for _ in range(resamples):
            drawn = rng.integers(0, units, size=units)
            paths = (drawn[:, None] * per_unit + np.arange(per_unit)).reshape(-1)
            try:
                found.append(allocate(rule, self.scenarios.take(paths)))
            except Refusal as refusal:
                # On an unlucky sample nothing may keep to the budget: the closest is what does.
                if refusal.field != "budget":
                    raise
                closest = replace(rule, name="cvar", budget=None)
                found.append(allocate(closest, self.scenarios.take(paths)))
        return np.array(found)

    def _outcome(self, rule: Rule, weights: Floats, traded: dict[str, Any]) -> pl.DataFrame:
        equal = np.full(len(weights), 1.0 / len(weights))
        claim = _statistics(self._both(self.scenarios, weights, equal, traded), rule, self._members)
        fresh = _statistics(self._both(self.fresh, weights, equal, traded), rule, self._members)
        rows: list[dict[str, Any]] = []
        for name in claim:
            row: dict[str, Any] = {"statistic": name}
            for kind, found in (("claim", claim[name]), ("fresh", fresh[name])):
                row |= {kind: float(found.value[0]), f"{kind}_std_error": _error(found, 0)}
            difference = float(fresh[name].value[0] - fresh[name].value[1])
            row |= {"over_equal": difference, "over_equal_std_error": _error(fresh[name], None)}
            rows.append(row)
        return pl.DataFrame(rows)

    def _both(
        self, scenarios: Scenarios, weights: Floats, equal: Floats, traded: dict[str, Any]
    ) -> Floats:
        return np.stack([portfolio_growth(scenarios, one, **traded) for one in (weights, equal)])


def _rule(name: str, settings: Mapping[str, Any]) -> Rule:
    known = Rule.__dataclass_fields__
    unknown = [one for one in settings if one not in known or one == "name"]
    if unknown:
        raise Refusal("rule", repr(unknown[0]), ", ".join(one for one in known if one != "name"))
    return Rule(name, **settings)


def _statistics(growth: Floats, rule: Rule, members: Members) -> dict[str, Linearised]:
    """Estimate of growth of shape (2, paths, 1 + points): the portfolio and equal weights."""
    paths = growth.shape[1]
    layout = Layout.matrix(2, paths, np.arange(paths) // members.paths_per_unit)
    outcomes = layout.arrange((growth[:, :, -1] - 1.0).reshape(-1))
    peaks = np.maximum.accumulate(growth, axis=2)
    falls = layout.arrange((peaks - growth).max(axis=2).reshape(-1))
    ready = Layout(layout.keys, layout.units, layout.rows, layout.cells, None, layout.cell_rows)
    return {
        "mean_return": means(outcomes, ready),
        "volatility": standard_deviations(outcomes, ready),
        "tail_loss": expected_shortfalls(-outcomes, rule.level, ready),
        "tail_drawdown": expected_shortfalls(falls, rule.level, ready),
    }


def _error(found: Linearised, row: int | None) -> float:
    """Return the standard error of one of the two, or of their difference (None)."""
    first, second = np.split(found.influence, 2)
    influence = first - second if row is None else (first, second)[row]
    return float(np.sqrt((influence**2).mean() / (len(influence) - 1)))

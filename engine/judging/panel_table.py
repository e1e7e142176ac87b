"""What a panel says: the table of sets and worlds, and the set that regrets least at worst."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from engine.errors import Refusal

if TYPE_CHECKING:
    from engine.plots import Chart

__all__ = ["SCHEMA", "Panel"]

#: Columns of the table, a row per world and set; of a world without paths, one that says why.
SCHEMA: Final = {
    "strategy": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "as_of": pl.Date,
    "statistic": pl.String,
    "world": pl.String,
    "kind": pl.String,
    "status": pl.String,
    "realism": pl.Float64,
    "set_id": pl.String,
    "parameters": pl.String,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n": pl.Int64,
    "idle_share": pl.Float64,
    "best": pl.Boolean,
    "regret": pl.Float64,
    "regret_error": pl.Float64,
    "worst_regret": pl.Float64,
    "minimax": pl.Boolean,
}


@dataclass(frozen=True, eq=False)
class Panel:
    """One grid of parameter sets in every world that a history allows.

    Parameters
    ----------
    table : polars.DataFrame
        A row per world and set: ``strategy``, ``symbol``, ``timeframe``, ``as_of`` (last day of
        the history), ``statistic``, ``world``, ``kind`` (history, model or bootstrap), ``status``
        (ok, or why there is nothing), ``realism`` (share of the history's statistics that paths of
        the world reproduce), ``set_id``, ``parameters`` (JSON), ``estimate``, ``std_error``,
        ``ci_low``, ``ci_high``, ``n``, ``idle_share``, ``best`` (of its world), ``regret`` (what
        it is behind that), ``regret_error``, ``worst_regret`` (of the set, over simulated worlds)
        and ``minimax`` (the set whose worst regret is smallest).
    seconds : float
        Wall-clock time.
    """

    table: pl.DataFrame
    seconds: float

    @classmethod
    def of(cls, table: pl.DataFrame, seconds: float) -> Panel:
        """Find the minimax-regret set of what `model_risk_panel` found in every world.

        Raises
        ------
        Refusal
            If no set has a value in every world that has paths.
        """
        ok = table.filter(pl.col("status") == "ok")
        simulated = ok.filter(pl.col("kind") != "history")
        counted = ok if simulated.is_empty() else simulated
        worst = (
            counted.group_by("set_id", maintain_order=True)
            .agg(
                worst_regret=pl.col("regret").max(),
                unknown=pl.col("regret").null_count(),
                worlds=pl.len(),
            )
            .filter((pl.col("unknown") == 0) & (pl.col("worlds") == counted["world"].n_unique()))
            .sort("worst_regret", maintain_order=True)
        )
        if worst.is_empty():
            raise Refusal(
                "panel",
                "no parameter set has a value in every world",
                hint="rank by another statistic (`mc panel --statistic`)",
            )
        table = table.drop("worst_regret", "minimax").join(
            worst.select("set_id", "worst_regret"), on="set_id", how="left", maintain_order="left"
        )
        chosen = worst["set_id"].item(0)
        table = table.with_columns(minimax=pl.col("set_id") == chosen).select(list(SCHEMA))
        return cls(table, seconds)

    @property
    def worlds(self) -> pl.DataFrame:
        """What each world says.

        Returns
        -------
        polars.DataFrame
            ``world``, ``kind``, ``status``, ``realism``, ``n`` (paths); of its best set
            ``best_parameters`` and ``best_estimate``; of the minimax-regret set ``estimate``,
            ``ci_low``, ``ci_high``, ``regret`` and ``regret_error``.
        """
        best = self.table.filter(pl.col("best")).select(
            "world", best_parameters="parameters", best_estimate="estimate"
        )
        own = self.table.filter(pl.col("minimax")).select(
            "world", "estimate", "ci_low", "ci_high", "regret", "regret_error", "n"
        )
        worlds = self.table.select("world", "kind", "status", "realism").unique(
            "world", maintain_order=True
        )
        return (
            worlds.join(own, on="world", how="left", maintain_order="left")
            .join(best, on="world", how="left", maintain_order="left")
            .select(
                *("world", "kind", "status", "realism", "n", "best_parameters", "best_estimate"),
                *("estimate", "ci_low", "ci_high", "regret", "regret_error"),
            )
        )

    @property
    def chosen(self) -> dict[str, Any]:
        """Parameters of the minimax-regret set."""
        found: dict[str, Any] = json.loads(self._chosen["parameters"].item(0))
        return found

    @property
    def worst_regret(self) -> float:
        """What the minimax-regret set gives up in the world where it gives up most."""
        return float(self._chosen["worst_regret"].item(0))

    @property
    def worst_world(self) -> dict[str, Any]:
        """The simulated world in which the minimax-regret set earns least."""
        simulated = self._chosen.filter((pl.col("kind") != "history") & (pl.col("status") == "ok"))
        rows = self._chosen if simulated.is_empty() else simulated
        return rows.sort("estimate", nulls_last=True).row(0, named=True)

    @property
    def sentence(self) -> str:
        """What depends on the world, in two or three sentences."""
        ok = self.table.filter(pl.col("status") == "ok")
        first, worlds, sets = self.table.row(0, named=True), ok["world"].n_unique(), ok["set_id"]
        best = ok.filter(pl.col("best"))["set_id"].n_unique()
        values = ", ".join(f"{name} {_short(value)}" for name, value in self.chosen.items())
        low, where = self.worst_world, self._where
        differ = (
            "one set is best in all of them"
            if best == 1
            else f"{best} different sets are best in one of them or more"
        )
        return (
            f"{first['strategy']} on {first['symbol']}, {sets.n_unique():,} parameter sets in "
            f"{worlds} worlds: {differ}. The one that regrets least at worst, "
            f"{values or 'the only'}, gives up {self.worst_regret:.2f} of {first['statistic']} in "
            f"{where}; it earns least in {low['world']}, {low['estimate']:.2f}{_between(low)}."
        )

    def plot(self) -> Chart:
        """Draw what every set is behind the best of each world, realism beside the worlds."""
        from engine.plots import Chart
        from engine.plots.sets import world_heatmap

        ok = self.table.filter(pl.col("status") == "ok")
        first = ok.row(0, named=True)
        named = ok.with_columns(name=pl.col("parameters").map_elements(_values, pl.String))
        title = f"{first['strategy']} on {first['symbol']}: {first['statistic']} by world"
        note = "Colours: what a set is behind the best of its world; the least at worst on top."
        return Chart(title, world_heatmap(named, first["statistic"]), note)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "sentence": self.sentence,
            "chosen": self.chosen,
            "worst_regret": self.worst_regret,
            "worst_world": self.worst_world["world"],
            "worlds": self.worlds.to_dicts(),
            "table": self.table.to_dicts(),
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        return self.sentence

    @property
    def _chosen(self) -> pl.DataFrame:
        return self.table.filter(pl.col("minimax"))

    @property
    def _where(self) -> str:
        """The world in which the minimax-regret set gives up most."""
        rows = self._chosen.filter(pl.col("regret").is_not_null())
        simulated = rows.filter(pl.col("kind") != "history")
        rows = rows if simulated.is_empty() else simulated
        return str(rows.sort("regret", descending=True)["world"].item(0))


def _values(text: str) -> str:
    named = json.loads(text).items()
    return ", ".join(f"{name} {_short(value)}" for name, value in named) or "the only set"


def _between(row: dict[str, Any]) -> str:
    if row["ci_low"] is None or row["ci_high"] is None:
        return ""
    return f" ({row['ci_low']:.2f} to {row['ci_high']:.2f})"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

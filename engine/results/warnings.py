"""Warnings about a study's numbers, as rows.

The command line, reports, asset checks and the table ``study_warnings`` all show these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from engine.results.outcomes import IDLE_NEEDS
from engine.results.read_outcomes import held_at_once, steps_of_sets
from engine.results.rows import Rows
from engine.results.set_names import set_names
from engine.results.stored_columns import StoredColumns
from engine.statistics.linearised import FEWEST_CARRIERS

__all__ = ["CODES", "SCHEMA", "study_warnings"]

#: What is warned of, by code.
CODES = {
    "failed": "simulations failed and are left out",
    "nothing_traded": "no position was ever held",
    "lot_above_cash": "one lot takes more than the cash at the start",
    "symbol_without_trades": "a symbol has no closed trade on any path",
    "rejected_orders": "orders were refused",
    "few_paths": "numbers rest on a handful of paths that held a position",
    "one_history": "there is one path, or one history on all: intervals do not tell of another",
    "parameter_on_bound": "the best set lies at the end of what was tried",
}

#: Columns of the table.
SCHEMA = {
    "study": pl.String(),
    "world": pl.String(),
    "parameter_set": pl.Int32(),
    "set_id": pl.String(),
    "code": pl.String(),
    "sentence": pl.String(),
    "count": pl.Int64(),
}

# With so few values an optimum at the end means nothing.
_FEWEST_VALUES = 3
# Columns that are counted over, and how many numbers that takes of each simulation.
_COUNTED = ("trades", "exposure", "rejected_orders", "net_pnl")
_COLUMNS = 10


@dataclass(frozen=True)
class _Warning:
    code: str
    sentence: str
    count: int
    of: dict[str, Any] | None = None


def study_warnings(rows: Rows, trades: pl.LazyFrame | None = None) -> pl.DataFrame:
    """List the warnings about a study's numbers.

    Parameters
    ----------
    rows : Rows
        Of one study.
    trades : polars.LazyFrame, optional
        Its recorded trades: without them symbols that were never traded are not seen.

    Returns
    -------
    polars.DataFrame
        One row per warning: ``study``, ``world``, ``parameter_set`` and ``set_id`` (null where it
        is of all sets), ``code`` (of `CODES`), ``sentence``, ``count`` (of the simulations,
        orders, paths or values that it speaks of). Empty where there is nothing to say. Of metrics
        that the study does not keep nothing is said.

    Examples
    --------
    >>> import engine as mc
    >>> setting = {"seeds": 20, "steps": 50, "warm_up": 0}
    >>> study = mc.Study("idle", mc.GBM(), "sma_crossover", {"slow": 90}, **setting)
    >>> study.run().warnings()["sentence"].to_list()
    ['no simulation held a position: all 20 ended as they began']
    """
    sets = _per_set(rows)
    if not sets:
        return pl.DataFrame(schema=SCHEMA)
    found = [
        *_failed(sets),
        *_traded(sets),
        *_one_history(rows, sets),
        *_lots(rows),
        *_symbols(rows, trades),
        *_rejected(rows.name, sets),
        *_bounds(rows, sets),
    ]
    table = [
        {
            "study": rows.name,
            "world": rows.summary.world,
            "parameter_set": None if each.of is None else each.of["parameter_set"],
            "set_id": None if each.of is None else each.of["set_id"],
            "code": each.code,
            "sentence": each.sentence,
            "count": each.count,
        }
        for each in found
    ]
    return pl.DataFrame(table, schema=SCHEMA)


def _per_set(rows: Rows) -> list[dict[str, Any]]:
    """Count per parameter set; its values come along, and its name in a sentence.

    What is counted begins with an underscore, beside parameters of any name.
    """
    stored = rows.stored
    frame = (
        _counted_in_rows(rows)
        if stored is None or stored.failed
        else _counted_in_columns(rows, stored)
    )
    names = set_names(frame, rows.parameters)
    return [
        row | {"_name": name} for row, name in zip(frame.iter_rows(named=True), names, strict=True)
    ]


def _counted_in_rows(rows: Rows) -> pl.DataFrame:
    """Count in rows of any kind, those that were chosen or failed among them."""
    ok = pl.col("status") == "ok"
    stored = set(rows.columns)

    def metric(name: str) -> pl.Expr:
        # Of what rows do not hold there is nothing to warn.
        return pl.col(name) if name in stored else pl.lit(None, dtype=pl.Float64())

    held = ok & ((metric("trades") != 0.0) | (metric("exposure") != 0.0))
    orders = metric("rejected_orders").filter(ok)
    counted = (
        pl.col("set_id", *rows.parameters).first(),
        pl.len().alias("_simulations"),
        ok.sum().alias("_ok"),
        (held.sum() if stored >= {*IDLE_NEEDS} else pl.lit(None)).alias("_held"),
        (~ok).sum().alias("_failed"),
        pl.col("error").drop_nulls().first().alias("_error"),
        orders.sum().cast(pl.Int64).alias("_orders"),
        (orders > 0.0).sum().alias("_refused"),
        pl.col("simulation").filter(ok & (metric("rejected_orders") > 0.0)).min().alias("_first"),
        metric("net_pnl").filter(ok).mean().alias("_mean"),
    )
    number, tables = pl.col("parameter_set"), []
    for sets in steps_of_sets(rows, ["parameter_set"], _COLUMNS):
        lazy = rows.lazy
        if sets is not None:
            lazy = lazy.filter(number.is_between(sets.start, sets.stop - 1))
        tables.append(lazy.group_by(number).agg(*counted).sort(number).collect())
    return pl.concat(tables)


def _counted_in_columns(rows: Rows, stored: StoredColumns) -> pl.DataFrame:
    """Count in stored columns of which no simulation failed, to the same table."""
    columns = [name for name in _COUNTED if stored.holds([name])]
    every, tables = rows.summary.parameter_sets, []
    for sets, paths in _pieces(rows, stored):
        found = stored.read(columns, sets, paths)
        if not len(found.rows):
            continue
        starts = np.concatenate([[0], np.cumsum(found.rows[:-1])])
        counts: dict[str, Any] = {"_simulations": found.rows, "_ok": found.rows}
        unknown = np.full(len(found.sets), None)
        held, total, first = unknown, unknown, unknown
        orders = refused = np.zeros(len(found.sets), dtype=np.int64)
        if found.columns.keys() >= {*IDLE_NEEDS}:
            never = (found.columns["trades"] == 0.0) & (found.columns["exposure"] == 0.0)
            held = np.add.reduceat(~never, starts, dtype=np.int64)
        if "net_pnl" in found.columns:
            total = np.add.reduceat(found.columns["net_pnl"], starts)
        if "rejected_orders" in found.columns:
            rejected = found.columns["rejected_orders"]
            orders = np.add.reduceat(rejected, starts).astype(np.int64)
            refused = np.add.reduceat(rejected > 0.0, starts, dtype=np.int64)
            # A path's number in place of every path without a refusal would be beyond the last.
            last = np.iinfo(np.int64).max
            earliest = np.minimum.reduceat(np.where(rejected > 0.0, found.paths, last), starts)
            numbers = earliest * every + found.sets
            first = np.where(refused > 0, numbers.astype(object), unknown)
        counts |= {"_held": held, "_orders": orders, "_refused": refused}
        counts |= {"_first": first, "_total": total, "_failed": 0 * found.rows}
        table = stored.keys(["set_id", *rows.parameters])
        table = table.filter(pl.col("parameter_set").is_in(pl.Series(found.sets).implode()))
        error = pl.lit(None, dtype=pl.String).alias("_error")
        series = [pl.Series(name, list(values)) for name, values in counts.items()]
        tables.append(table.with_columns(*series, error))
    counted = pl.concat(tables, how="vertical_relaxed")
    sums = ("_simulations", "_ok", "_held", "_orders", "_refused", "_total", "_failed")
    # A sum of nothing known is 0 to Polars.
    known = (
        pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in sums
    )
    alike = pl.col("set_id", *rows.parameters, "_error").first()
    added = counted.group_by("parameter_set").agg(alike, *known, pl.col("_first").min())
    mean = (pl.col("_total") / pl.col("_ok")).alias("_mean")
    return added.with_columns(mean).drop("_total").sort("parameter_set")


def _pieces(rows: Rows, stored: StoredColumns) -> Iterator[tuple[range, range]]:
    """Cut the simulations into sets and paths that are held at once."""
    size = max(held_at_once(_COLUMNS), 1)
    for some in steps_of_sets(rows, ["parameter_set"], _COLUMNS):
        sets = range(rows.summary.parameter_sets) if some is None else some
        step = max(size // len(sets), 1)
        for first in range(0, stored.paths, step):
            yield sets, range(first, min(first + step, stored.paths))


def _all_or_each(
    code: str,
    sets: list[dict[str, Any]],
    affected: list[dict[str, Any]],
    count: Callable[[dict[str, Any]], int],
    of_all: Callable[[int], str],
    of_one: Callable[[dict[str, Any]], str],
) -> Iterator[_Warning]:
    """Warn once where every set is affected, else once per set."""
    if affected and len(affected) == len(sets):
        total = sum(map(count, affected))
        yield _Warning(code, of_all(total), total)
    else:
        for row in affected:
            yield _Warning(code, of_one(row), count(row), row)


def _failed(sets: list[dict[str, Any]]) -> Iterator[_Warning]:
    failed = sum(row["_failed"] for row in sets)
    if failed:
        total = sum(row["_simulations"] for row in sets)
        error = next(row["_error"] for row in sets if row["_error"] is not None)
        yield _Warning("failed", f"{failed:,} of {total:,} simulations failed: {error}", failed)


def _traded(sets: list[dict[str, Any]]) -> Iterator[_Warning]:
    yield from _all_or_each(
        "nothing_traded",
        sets,
        [row for row in sets if row["_ok"] and row["_held"] == 0],
        lambda row: int(row["_ok"]),
        lambda total: f"no simulation held a position: all {total:,} ended as they began",
        lambda row: f"{row['_name']} held no position on any of {row['_ok']:,} paths",
    )
    few = [row for row in sets if row["_ok"] > 1 and 0 < (row["_held"] or 0) < FEWEST_CARRIERS]
    yield from _all_or_each(
        "few_paths",
        sets,
        few,
        lambda row: int(row["_held"]),
        lambda total: (
            f"no set held a position on {FEWEST_CARRIERS} paths or more: more seeds are needed"
        ),
        lambda row: (
            f"{row['_name']} held a position on {row['_held']} of {row['_ok']:,} paths: its "
            "numbers rest on these"
            if row["_held"] < row["_ok"]
            else f"{row['_name']} has {row['_ok']:,} paths alone: its numbers rest on these"
        ),
    )


def _one_history(rows: Rows, sets: list[dict[str, Any]]) -> Iterator[_Warning]:
    yield from _all_or_each(
        "one_history",
        sets,
        [row for row in sets if row["_ok"] == 1],
        lambda row: 1,
        lambda total: (
            "there is one path, so no number has a Monte Carlo error: a bootstrap or a model makes "
            "more"
        ),
        lambda row: f"{row['_name']} has one path, and so no Monte Carlo error",
    )
    paths = max(row["_ok"] for row in sets)
    if rows.summary.source == "historical" and paths > 1:
        sentence = (
            "all paths are one history: intervals tell what chance does to its fills, not what "
            "another history would come to"
        )
        yield _Warning("one_history", sentence, paths)


def _lots(rows: Rows) -> Iterator[_Warning]:
    cash = rows.summary.cash
    for symbol, cost in zip(rows.summary.symbols, rows.summary.lot_costs, strict=True):
        if cost is not None and cost > cash:
            yield _Warning(
                "lot_above_cash",
                f"one lot of {symbol} takes {cost:,.0f} at the start, the account has {cash:,.0f}",
                1,
            )


def _symbols(rows: Rows, trades: pl.LazyFrame | None) -> Iterator[_Warning]:
    if trades is None or len(rows.summary.symbols) < 2:
        return
    traded = set(trades.select(pl.col("symbol").unique()).collect()["symbol"].to_list())
    if not traded:
        return
    simulations = int(rows.lazy.select(pl.len()).collect().item())
    for symbol in rows.summary.symbols:
        if symbol not in traded:
            yield _Warning(
                "symbol_without_trades",
                f"{symbol} has no closed trade in any of {simulations:,} simulations",
                simulations,
            )


def _rejected(study: str, sets: list[dict[str, Any]]) -> Iterator[_Warning]:
    affected = [row for row in sets if row["_orders"]]
    if not affected:
        return
    first = min(row["_first"] for row in affected)
    refused, total = sum(row["_refused"] for row in affected), sum(row["_ok"] for row in sets)
    look = f"`mc replay {study} {first}` says why"
    yield from _all_or_each(
        "rejected_orders",
        sets,
        affected,
        lambda row: int(row["_orders"]),
        lambda orders: (
            f"{_counted(orders)} refused in {refused:,} of {total:,} simulations; {look}"
        ),
        lambda row: (
            f"{_counted(row['_orders'], row['_name'])} refused, on {row['_refused']:,} of "
            f"{row['_ok']:,} paths; `mc replay {study} {row['_first']}` says why"
        ),
    )


def _counted(orders: int, name: str = "") -> str:
    """Say how many orders something happened to."""
    noun, verb = ("order", "was") if orders == 1 else ("orders", "were")
    return f"{orders:,} {noun}{f' of {name}' if name else ''} {verb}"


def _bounds(rows: Rows, sets: list[dict[str, Any]]) -> Iterator[_Warning]:
    ranked = [row for row in sets if row["_mean"] is not None and row["_held"] != 0]
    if not ranked:
        return
    best = max(ranked, key=lambda row: float(row["_mean"]))
    for name in rows.parameters:
        values = {row[name] for row in sets} - {None}
        if len(values) < _FEWEST_VALUES or not all(isinstance(v, int | float) for v in values):
            continue
        ends = {min(values): "smallest", max(values): "largest"}
        beyond_allowed = best[name] in rows.summary.limits.get(name, ())
        if best[name] in ends and not beyond_allowed:
            yield _Warning(
                "parameter_on_bound",
                f"the best set by mean net P&L, {best['_name']}, has the {ends[best[name]]} {name} "
                f"of {len(values)} tried: better ones may lie beyond",
                len(values),
                best,
            )

"""Attribution of a study's P&L: what of it came from which symbol, side, tag, hour or cost."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.path_states import state_at
from engine.results.outcomes import Outcomes
from engine.results.recorded import RecordedRows
from engine.results.statistic_kinds import Statistic
from engine.results.steps import Step, read_steps
from engine.statistics.estimates import Estimates
from engine.statistics.moments import means

__all__ = ["ATTRIBUTED", "REST", "SCHEMA", "study_attribution", "study_attributions"]

#: Columns of the table.
SCHEMA: Final = {
    "study": pl.String(),
    "world": pl.String(),
    "parameter_set": pl.Int32(),
    "set_id": pl.String(),
    "by": pl.String(),
    "value": pl.String(),
    "trades": pl.Int64(),
    "estimate": pl.Float64(),
    "std_error": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "n": pl.Int64(),
    "method": pl.String(),
}

#: What P&L is attributed to.
ATTRIBUTED: Final = ("symbol", "side", "tag", "weekday", "hour", "regime", "cost")

#: What no closed trade earned: open positions, interest, dividends, funding.
REST: Final = "not of closed trades"

Floats = NDArray[np.float64]

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OF_TIME: Final = ("weekday", "hour")
_COSTS: Final = ("commission", "slippage")

#: Of the metric group ``financing``, with its part in the net P&L.
_FINANCING: Final = {
    "cash_interest": 1.0,
    "margin_interest": -1.0,
    "borrow_fees": -1.0,
    "funding": -1.0,
    "dividends": 1.0,
}


def study_attribution(
    rows: RecordedRows,
    by: str,
    *,
    bars: Callable[[], pl.DataFrame] | None = None,
    job: Callable[[], Job] | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Say what of the mean net P&L of every parameter set came from where.

    Parameters
    ----------
    rows : RecordedRows
        Of a study that records its trades; of ``cost``, any.
    by : str
        ``symbol``; ``side``, long or short; ``tag``, of the order that opened; ``weekday`` or
        ``hour`` of the bar of the entry, in UTC, on history; ``regime`` of the path at the close of
        that bar, of a source with regimes; ``cost``.
    bars : callable, optional
        Returns the bars of a path, as a replay has them; on history with ``timestamp``, which
        ``weekday`` and ``hour`` are read from.
    job : callable, optional
        Returns the job that made the rows, whose paths ``regime`` is read from.
    confidence : float
        Level of the intervals.

    Returns
    -------
    polars.DataFrame
        One row per parameter set and value: ``study``, ``world``, ``parameter_set``, ``set_id``,
        ``by``, ``value``, ``trades`` (closed, over all paths; null where it is of none),
        ``estimate`` (mean net P&L per path, account currency), ``std_error``, ``ci_low``,
        ``ci_high``, ``n``, ``method``. Estimates of a set add up to its mean net P&L: what no
        closed trade earned is the value `REST`.

    Raises
    ------
    Refusal
        If it cannot be attributed so, or the study did not record what that needs.

    Notes
    -----
    A trade's P&L is after its commission. Errors are clustered by path: a path adds the sum of its
    trades of a value, 0 where it has none. ``cost`` splits the net P&L into what it was before
    costs, commission and slippage, and where the study records the metric group ``financing``
    into interest, borrow fees, funding and dividends.

    Examples
    --------
    >>> import engine as mc
    >>> study = mc.Study("s", mc.GBM(), "sma_crossover", seeds=50, steps=200, record={"trades": 1})
    >>> results = study.run()
    >>> found = results.attribution("side")
    >>> found["value"].to_list()
    ['long', 'not of closed trades']
    >>> whole = results.statistics(names=["mean_net_pnl"])["estimate"].item()
    >>> abs(found["estimate"].sum() - whole) < 1e-6
    True
    """
    if by not in ATTRIBUTED:
        near = difflib.get_close_matches(by, ATTRIBUTED, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise Refusal("by", f"{by!r}{meant}", ", ".join(ATTRIBUTED))
    if by == "cost":
        missing = rows.lacks(["net_pnl", *_COSTS])
        if missing:
            raise rows.not_stored("by", *missing)
        parts = _by_cost(financed=not rows.lacks([*_FINANCING]))
    else:
        rows, values = _with_values(rows, by, bars, job)
        parts = _by_trades(values)
    tables = []
    for step in read_steps(rows, ["study", "world", "parameter_set", "set_id"], parts):
        tables.append(_table(step, by, step.each(parts, partial(_attributed, confidence))))
        del step  # before the next is read
    return pl.concat(tables) if tables else pl.DataFrame(schema=SCHEMA)


def study_attributions(rows: RecordedRows) -> pl.DataFrame:
    """Attribute net P&L to all that needs no calendar: costs, and of recorded trades the rest.

    Parameters
    ----------
    rows : RecordedRows
        Of one study.

    Returns
    -------
    polars.DataFrame
        As of `study_attribution`, one kind after the other; empty where rows lack what was paid.
    """
    kinds = ["cost"] if not rows.lacks(["net_pnl", *_COSTS]) else []
    if rows.trades_lazy is not None and not rows.lacks(["net_pnl"]):
        kinds += ["symbol", "side", "tag"]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *(study_attribution(rows, by) for by in kinds)])


def _with_values(
    rows: RecordedRows,
    by: str,
    bars: Callable[[], pl.DataFrame] | None,
    job: Callable[[], Job] | None,
) -> tuple[RecordedRows, list[str]]:
    """Add the sum and the number of each simulation's trades of every value."""
    if rows.trades_lazy is None:
        raise Refusal("record.trades", "false", "true")
    trades = rows.trades_lazy
    if by in _OF_TIME:
        path = None if bars is None else bars()
        if path is None or "timestamp" not in path.columns:
            raise Refusal("by", f"{by!r} of paths without a calendar", "a study on history")
        times = path.select("bar", "timestamp").unique("bar")
        trades = trades.join(times.lazy(), left_on="entry_bar", right_on="bar", how="left")
    if by == "regime":
        maker = None if job is None else job()
        if maker is None or by not in maker.world.source.states:
            raise Refusal("by", "'regime' of a source without regimes", "regime_switching")
        made = trades.select("simulation", "entry_bar", "pnl").collect()
        at = state_at(maker, by, made).astype(np.int64)
        trades = made.with_columns(pl.Series("regime", at)).lazy()
    summed = (
        trades.with_columns(_value(by).alias("_value"))
        .group_by("simulation", "_value")
        .agg(pl.col("pnl").sum().alias("_sum"), pl.len().cast(pl.Float64).alias("_count"))
        .collect()
    )
    values = sorted(summed["_value"].unique().to_list(), key=_order)
    lazy = rows.lazy
    for k, value in enumerate(values):
        own = summed.filter(pl.col("_value") == value).select(
            "simulation", pl.col("_sum").alias(f"_sum{k}"), pl.col("_count").alias(f"_count{k}")
        )
        lazy = lazy.join(own.lazy(), on="simulation", how="left").with_columns(
            pl.col(f"_sum{k}", f"_count{k}").fill_null(0.0)
        )
    return replace(rows, lazy=lazy), values


def _value(by: str) -> pl.Expr:
    if by == "side":
        return pl.when(pl.col("units") > 0.0).then(pl.lit("long")).otherwise(pl.lit("short"))
    if by == "regime":
        return pl.col("regime").cast(pl.String)
    if by == "tag":
        return pl.col("entry_tag").cast(pl.String)
    if by == "hour":
        return pl.col("timestamp").dt.hour().cast(pl.String)
    if by == "weekday":
        number = pl.col("timestamp").dt.weekday()
        return number.replace_strict(range(1, 8), _DAYS, return_dtype=pl.String)
    return pl.col("symbol").cast(pl.String)


def _order(value: str) -> tuple[float, str]:
    """Numbers by size, days as they come, words by their letters."""
    if value in _DAYS:
        return float(_DAYS.index(value)), ""
    try:
        return float(value), ""
    except ValueError:
        return 0.0, value


@dataclass(frozen=True)
class _Part(Statistic):
    """A part of the net P&L: its mean, and where it is of trades the column that counts them."""

    counted_by: str = ""


@dataclass(frozen=True)
class _Attributed:
    """A part of the net P&L of some parameter sets; closed trades, if it is of trades."""

    estimates: Estimates
    trades: NDArray[np.int64] | None


def _by_cost(*, financed: bool) -> dict[str, _Part]:
    signs = dict.fromkeys(_COSTS, -1.0) | (_FINANCING if financed else {})

    def before(o: Outcomes) -> Floats:
        found: Floats = o.metric("net_pnl") - sum(
            sign * o.metric(name) for name, sign in signs.items()
        )
        return found

    def signed(name: str, o: Outcomes) -> Floats:
        found: Floats = signs[name] * o.metric(name)
        return found

    made = {"before costs": _part(("net_pnl", *signs), before)}
    own = {name.replace("_", " "): _part((name,), partial(signed, name)) for name in signs}
    return made | own


def _by_trades(values: list[str]) -> dict[str, _Part]:
    sums = [f"_sum{k}" for k in range(len(values))]

    def rest(o: Outcomes) -> Floats:
        found = o.metric("net_pnl").copy()
        for column in sums:
            found -= o.columns[column]
        return found

    def own(column: str, o: Outcomes) -> Floats:
        return o.columns[column]

    made = {
        value: _part((column, f"_count{k}"), partial(own, column), f"_count{k}")
        for k, (value, column) in enumerate(zip(values, sums, strict=True))
    }
    return made | {REST: _part(("net_pnl", *sums), rest)}


def _part(
    needs: tuple[str, ...], earned: Callable[[Outcomes], Floats], counted_by: str = ""
) -> _Part:
    return _Part(needs, lambda o: means(earned(o), o.layout), counted_by=counted_by)


def _attributed(confidence: float, outcomes: Outcomes, entry: Statistic) -> _Attributed:
    assert isinstance(entry, _Part)
    trades = None
    if entry.counted_by:
        counts = outcomes.layout.sum_rows(outcomes.columns[entry.counted_by])
        trades = np.rint(counts).astype(np.int64)
    return _Attributed(entry.of(outcomes).estimates(confidence), trades)


def _table(step: Step, by: str, parts: Mapping[str, _Attributed]) -> pl.DataFrame:
    tables = []
    for value, part in parts.items():
        made, trades = part.estimates, part.trades
        columns = {
            "estimate": made.value,
            "std_error": made.std_error,
            "ci_low": made.low,
            "ci_high": made.high,
        }
        counted = pl.lit(None, pl.Int64) if trades is None else pl.Series(trades)
        tables.append(
            step.groups.with_columns(
                pl.lit(by).alias("by"),
                pl.lit(value).alias("value"),
                counted.alias("trades"),
                *(pl.Series(name, column, nan_to_null=True) for name, column in columns.items()),
                pl.Series("n", made.n),
                pl.Series("method", made.method.tolist(), dtype=pl.String),
            ).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        )
    return pl.concat(tables).sort("parameter_set", maintain_order=True)

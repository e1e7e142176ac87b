"""One grid of parameter sets over every world that a history allows: what depends on the model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.bars import Bars
from engine.calibration import Calibration, try_calibrate
from engine.errors import Refusal
from engine.execution import Execution
from engine.judging.panel_table import SCHEMA, Panel
from engine.judging.warm_up import is_drawn, warm_up_on
from engine.judging.worlds import SimulatedWorld, simulated_worlds
from engine.realism import compare_with_history
from engine.results import Results
from engine.results.definitions import Statistic, find_statistic
from engine.results.outcomes import IDLE_NEEDS
from engine.results.read_outcomes import read_outcomes
from engine.search.declared import declared_space
from engine.sources import Historical
from engine.statistics.comparison import compare
from engine.strategies import Strategy, get_strategy
from engine.studies import Study

__all__ = ["model_risk_panel"]

# A path of a simulated world: a year of bars, within these bounds.
_FEWEST_BARS, _MOST_BARS = 60, 2_520
_FEWEST_BARS_OF_HISTORY = 250
_REALISM_PATHS = 40


def model_risk_panel(
    strategy: type[Strategy] | str,
    bars: Bars,
    parameters: Mapping[str, Any] | None = None,
    *,
    constraint: str | tuple[str, ...] = (),
    execution: Execution | Mapping[str, Any] | None = None,
    statistic: str = "sharpe",
    tries: int = 32,
    paths: int = 500,
    seed: int = 0,
    root: Path | None = None,
) -> Panel:
    """Run one grid of parameter sets in every world that a history allows.

    Parameters
    ----------
    strategy : type of Strategy or str
        A class or its registry name.
    bars : Bars
        The history, of one symbol.
    parameters : mapping, optional
        Values, lists or distributions by name (as of `Study`); by default every declared parameter
        is searched between its bounds.
    constraint : str or tuple of str
        Expressions such as ``"fast < slow"``.
    execution : Execution or mapping, optional
        Cash, costs, fills.
    statistic : str
        What sets are ranked by, more being better: one that does not depend on how long a path
        is, since simulated paths are a year and the history is what it is.
    tries : int
        Points of the search, Sobol's, where something is searched.
    paths : int
        Paths of each simulated world; the same seeds in all.
    seed : int
        Of the search and the first path.
    root : Path, optional
        Data root: then every set tried is in the trial ledger, asked for by ``panel``.

    Returns
    -------
    Panel
        Every set in every world, with its regret, and the set whose worst regret is smallest.

    Raises
    ------
    Refusal
        If the history is too short, a setting is not allowed, or no world can be simulated.

    Notes
    -----
    The worlds are the history, bootstraps of it, and every model calibrated on it. The regret of
    a set in a world is the statistic of the world's best set less its own, paired on the same
    paths. The minimax-regret set has the smallest largest regret over the simulated worlds
    [1]_: nobody knows which of them is the true one, and the history is the one course that all of
    them were made from. A set that never traded in a world has the ratio 0 there. Beside each world
    stands its realism, the share of the history's statistics that its paths reproduce
    (`engine.realism.compare_with_history`).

    References
    ----------
    .. [1] Savage, L. (1951). The theory of statistical decision. Journal of the American
       Statistical Association 46, 55-67.

    Examples
    --------
    >>> from engine.sources import GBM
    >>> block = GBM(mu=0.08, sigma=0.2).paths(seeds=[4], steps=1500)
    >>> stamps = np.arange(1500) * 86_400_000_000
    >>> bars = Bars("X", stamps, *(block.field(name)[0] for name in block.fields))
    >>> grid = {"fast": [5, 10], "slow": [50, 100]}
    >>> panel = model_risk_panel("sma_crossover", bars, grid, paths=50)
    >>> panel.table["set_id"].drop_nulls().n_unique(), sorted(panel.chosen)
    (4, ['fast', 'slow'])
    """
    begin = time.perf_counter()
    cls = get_strategy(strategy) if isinstance(strategy, str) else strategy
    if len(bars) < _FEWEST_BARS_OF_HISTORY:
        raise Refusal("bars", f"{len(bars)} bars", f"at least {_FEWEST_BARS_OF_HISTORY}")
    if tries < 2 or paths < 10:
        raise Refusal("tries, paths", f"{tries}, {paths}", "at least 2 and 10")
    searched = dict(parameters) if parameters is not None else declared_space(cls)
    drawn = any(is_drawn(values) for values in searched.values())
    shared: dict[str, Any] = {
        "constraint": constraint,
        "execution": execution,
        "search": {"method": "sobol", "count": tries, "seed": seed} if drawn else None,
        "failure_allowance": 1.0,
    }
    year = int(np.clip(round(bars.bars_per_year), _FEWEST_BARS, _MOST_BARS))
    name = f"panel {cls.name} on {bars.symbol}"
    own = {"warm_up": warm_up_on(cls, searched, bars), "seeds": 1}
    of_history = Study(f"{name} history", Historical(bars), cls, searched, **shared, **own)
    results = of_history.run(root=root, asked_by="panel")
    entry = find_statistic(results, statistic, "statistic")
    rows = [*_rows(results, statistic, entry, "history", "history", None)]
    fitted = try_calibrate("bootstrap", bars)
    for world in simulated_worlds(bars):
        if world.source is None:
            rows.append({"world": world.name, "kind": world.kind, "status": world.reason})
            continue
        study = Study(
            f"{name} {world.name}",
            world.source,
            cls,
            searched,
            **shared,
            seeds=range(seed, seed + paths),
            steps=year,
            s0=float(bars.close[-1]),
            calendar=bars.calendar,
            warm_up="auto",
        )
        realism = _realism(world, fitted, bars)
        try:
            found = study.run(root=root, asked_by="panel")
            rows += _rows(found, statistic, entry, world.name, world.kind, realism)
        except ValueError as error:
            # A model has no columns of the user's own, say.
            reason = str(error).splitlines()[0]
            rows.append({"world": world.name, "kind": world.kind, "status": reason})
    table = pl.DataFrame([dict.fromkeys(SCHEMA) | row for row in rows], schema=SCHEMA)
    last = bars.timestamps[-1].astype("datetime64[us]").astype("datetime64[D]").item()
    return Panel.of(
        table.with_columns(
            strategy=pl.lit(cls.name),
            symbol=pl.lit(bars.symbol),
            timeframe=pl.lit(bars.calendar.timeframe),
            as_of=pl.lit(last),
            statistic=pl.lit(statistic),
        ),
        seconds=time.perf_counter() - begin,
    )


def _rows(
    results: Results, statistic: str, entry: Statistic, world: str, kind: str, realism: float | None
) -> Iterator[dict[str, Any]]:
    """One row per set in a world, with what it is behind the best of them."""
    columns = sorted({*entry.needs, *IDLE_NEEDS})
    outcomes = read_outcomes(results, ["parameter_set", *results.parameters], columns)
    if outcomes is None:
        raise Refusal("world", "every simulation failed")
    found = entry.of(outcomes)
    made = entry.estimates(found, 0.95)
    # A rule that never held a position earned nothing: its ratio is 0.
    value = np.where(np.isnan(made.value) & (outcomes.idle_share >= 1.0), 0.0, made.value)
    if np.isnan(value).all():
        raise Refusal("statistic", f"{statistic!r}, undefined of every set", "one that is defined")
    best = int(np.nanargmax(value))
    behind = compare(found, found.take([best])).difference
    for k, group in enumerate(outcomes.groups.iter_rows(named=True)):
        number = group.pop("parameter_set")
        yield {
            "world": world,
            "kind": kind,
            "status": "ok",
            "realism": realism,
            "set_id": str(results.set_ids[number]),
            "parameters": json.dumps(group, sort_keys=True),
            "estimate": _known(value[k]),
            "std_error": _known(made.std_error[k]),
            "ci_low": _known(made.low[k]),
            "ci_high": _known(made.high[k]),
            "n": int(made.n[k]),
            "idle_share": float(outcomes.idle_share[k]),
            "best": k == best,
            "regret": _known(value[best] - value[k]),
            "regret_error": None if k == best else _known(behind.std_error[k]),
        }


def _realism(world: SimulatedWorld, fitted: Calibration, bars: Bars) -> float | None:
    """Return the share of the history's statistics that a world's paths reproduce."""
    calibration = fitted if world.kind == "bootstrap" else world.calibration
    if calibration is None or not calibration.ok:
        return None
    source = world.source if world.kind == "bootstrap" else None
    try:
        return compare_with_history(
            calibration, bars, seeds=range(_REALISM_PATHS), source=source
        ).score
    except ValueError:
        return None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

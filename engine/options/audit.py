"""The look-ahead audit of option strategies: whether the past of a position depends on its future.

Positions are opened, hedged and closed by rules that are data; what these read are closes, the
states of a path, volatility and quotes. Each entry, fill and end up to a bar must stay the same
when the bars after it are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS
from engine.execution.settings import Execution
from engine.options.engine import OptionEngine
from engine.options.layout import TAPE_COLUMNS
from engine.options.prepared import PreparedOptions
from engine.strategies.audit import AuditReport, Finding, with_other_future
from engine.strategies.strategy import Strategy

__all__ = ["AUDITED_VOLATILITIES", "audit_options"]

#: Volatilities that an audit goes through: one that is known, and one that is read from the path.
AUDITED_VOLATILITIES: Final[tuple[Any, ...]] = (
    0.3,
    {"kind": "smile", "value": 0.3, "skew": -0.1, "curvature": 0.5},
    {"kind": "realised", "lookback": 10},
)
_PATHS, _BARS = 2, 250
_STEP: Final = 0.015  # standard deviation of a bar's change
_START: Final = 100.0
_TOLD: Final = (
    *("position", "leg", "call", "strike", "units", "entry_bar", "entry_price"),
    *("exit_bar", "exit_price", "pnl", "reason"),
)


def audit_options(
    strategy: type[Strategy],
    options: Mapping[str, Any] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    cuts: int = 500,
    seed: int = 1,
) -> AuditReport:
    """Rerun an option strategy on paths whose future was replaced after a bar, for many bars.

    Parameters
    ----------
    strategy : type
        An option strategy.
    options : mapping, optional
        Settings, as in the section `options` of a study; each volatility of
        `AUDITED_VOLATILITIES` where they name none.
    parameters : mapping, optional
        Values of parameters; by default those of the strategy, then the same with every rule that
        ends a position early.
    cuts : int
        Futures replaced per path, each after another bar.
    seed : int
        Seed of the cuts and of the random walks.

    Returns
    -------
    AuditReport
        What was found; an order is a leg that was opened.

    Examples
    --------
    >>> from engine.options.built_ins import ShortStrangle
    >>> audit_options(ShortStrangle, cuts=5).passed
    True
    """
    rng = np.random.default_rng(seed)
    walks = _START * np.exp(_STEP * rng.standard_normal((_PATHS, _BARS)).cumsum(axis=1))
    values = np.repeat(walks[:, None, None, :], len(BAR_FIELDS), axis=2)
    findings: list[Finding] = []
    opened, alone, again = 0, False, False
    given = dict(options or {})
    volatilities = [given["volatility"]] if "volatility" in given else AUDITED_VOLATILITIES
    for volatility in volatilities:
        engine = OptionEngine().with_options(given | {"volatility": volatility})
        prepared = engine.prepare(
            strategy, Execution(), symbols=("X",), fields=BAR_FIELDS, steps=_BARS,
            bars_per_year=252.0, bars_per_session=1.0, warm_up=0, record_equity=_BARS,
            record_trades=True,
        )  # fmt: skip
        for encoded in _sets(strategy, parameters):
            both, _ = _rows(prepared, values, encoded)
            for path in range(_PATHS):
                one = np.ascontiguousarray(values[path : path + 1])
                (before,), curve = _rows(prepared, one, encoded)
                (repeated,), _ = _rows(prepared, one, encoded)
                again |= not np.array_equal(before, repeated, equal_nan=True)
                alone |= not np.array_equal(before, both[path], equal_nan=True)
                opened += before.shape[1]
                for cut in np.sort(rng.permutation(_BARS - 1)[:cuts]):
                    other = with_other_future(one, int(cut), rng, widened=bool(rng.integers(2)))
                    (after,), changed = _rows(prepared, other, encoded)
                    found = _difference(before, after, curve, changed, path, int(cut))
                    findings += [] if found is None else [found]
    return AuditReport(
        strategy=strategy.name,
        paths=_PATHS,
        cuts=min(cuts, _BARS - 1),
        orders=opened,
        findings=tuple(findings),
        alone_differs=alone,
        repeat_differs=again,
        reads_ahead=(),
        tables=(),
    )


def _sets(
    strategy: type[Strategy], parameters: Mapping[str, Any] | None
) -> list[NDArray[np.float64]]:
    """Return the parameter sets to audit, encoded."""
    declared = strategy.parameters
    chosen = [dict(parameters or {})]
    if parameters is None:
        leaving = {"profit_target": 0.3, "stop_loss": 0.8, "roll_at_dte": 4, "positions": 2}
        chosen.append(leaving | {"entry_every": 5, "hedge_every": 3, "exit_delta": 0.7})
    return [
        np.array([[item.encode(each.get(n, item.default)) for n, item in declared.items()]])
        for each in chosen
    ]


def _rows(
    prepared: PreparedOptions, values: NDArray[np.float64], encoded: NDArray[np.float64]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the closed legs of each path, a column each, and equity at every close."""
    shape = (len(values), len(encoded))
    metrics = np.empty((*shape, len(prepared.metric_names)))
    status, tape = np.empty(shape, dtype=np.int8), prepared.tape()
    equity = np.empty((*shape, len(prepared.sample_bars)))
    prepared.run(values, encoded, metrics, status, prepared.scratch(), equity, tape)
    ends = [0, *tape.ends.tolist()]
    legs = [tape.columns[:, begin:end].copy() for begin, end in pairwise(ends)]
    return legs, equity[:, 0]


def _difference(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    curve: NDArray[np.float64],
    changed: NDArray[np.float64],
    path: int,
    cut: int,
) -> Finding | None:
    """Return the first thing up to a bar that the future after it has changed.

    Equity at every close says the same of positions that were still open.
    """
    rows = [TAPE_COLUMNS.index(name) for name in _TOLD]
    ended = TAPE_COLUMNS.index("exit_bar")
    known = [each[:, each[ended] <= cut] for each in (before, after)]
    fewest = min(each.shape[1] for each in known)
    for place in range(fewest):
        left, right = (each[rows, place] for each in known)
        if not np.array_equal(left, right, equal_nan=True):
            return Finding(path, cut, int(known[0][ended, place]), place, _told(left), _told(right))
    if known[0].shape[1] != known[1].shape[1]:
        was, became = (f"{each.shape[1]} legs ended" for each in known)
        return Finding(path, cut, cut, fewest, was, became)
    differs = np.flatnonzero(curve[0, : cut + 1] != changed[0, : cut + 1])
    if not len(differs):
        return None
    bar = int(differs[0])
    was, became = (f"equity {each[0, bar]:g}" for each in (curve, changed))
    return Finding(path, cut, bar, 0, was, became)


def _told(row: NDArray[np.float64]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in zip(_TOLD, row, strict=True))

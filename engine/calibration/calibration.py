"""What an estimator returns: parameters with their errors, as of a date."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.interval import Interval
from engine.calibration.json_text import as_date, defined, from_json, number, to_json
from engine.calibration.versions import estimator_version
from engine.errors import Refusal

__all__ = ["CALIBRATION_COLUMNS", "Calibration"]

CALIBRATION_COLUMNS = (
    "symbol",
    "timeframe",
    "as_of",
    "model",
    "estimator_version",
    "parameter",
    "estimate",
    "std_error",
    "ci_low",
    "ci_high",
    "method",
    "log_likelihood",
    "aic",
    "bic",
    "n",
    "window",
    "status",
    "reason",
    "covariance",
    "start_state",
    "state_errors",
    "diagnostics",
    "calibration_hash",
    "history_hash",
)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Parameters of one model for one symbol, estimated from data up to a date.

    Parameters
    ----------
    model : str
        Name of the model; the same as the price source's.
    symbol, timeframe : str
        The series.
    as_of : datetime.date
        Last date whose data were used.
    parameters : dict
        Estimates under the source's own parameter names, in annual units.
    std_errors : dict
        Asymptotic standard errors under the same names; NaN where the estimator has none, and
        for a parameter on its bound.
    covariance : ndarray of float64, shape (k, k)
        Covariance of the estimates, in the order of `parameters`; NaN where there is none.
    log_likelihood, aic, bic : float
        At the optimum, with all constants; NaN for estimators that are not likelihoods.
        ``aic = 2 k - 2 log L``, ``bic = k log n - 2 log L`` with every free parameter counted.
    n : int
        Observations used.
    window : str
        Which part of the history was used, as `Window` writes it.
    status : {"ok", "at_bound", "failed"}
        Whether the parameters may be used; ``at_bound``: they may, but the data do not determine
        one of them, which lies on its bound and has no standard error.
    reason : str
        Why it failed, or what lies on its bound; empty when ok.
    diagnostics : dict
        Further results as JSON values: convergence, bias, fit errors, excluded observations.
    start_state : dict
        Filtered model states at `as_of`, from which a simulation may start.
    intervals : dict of str to Interval
        95 % intervals that are not those of a normal law, by parameter or start state; `interval`
        has them all.
    state_covariance : dict of str to dict
        Of each start state with an error, its covariance with every parameter and every such state.
        The filter's own error and that of the parameters are both in it.
    estimator_version : str
        Version of the estimator that made it (`engine.calibration.versions`); empty for one that
        was stored before estimators had versions, or whose model has no estimator.
    history_hash : str
        What it was estimated from: `Bars.history_hash`, or the `data_hash` of the futures panel up
        to `as_of` or of the option surface. Empty where the estimate failed.
    """

    model: str
    symbol: str
    timeframe: str
    as_of: date
    parameters: dict[str, float]
    std_errors: dict[str, float]
    covariance: NDArray[np.float64]
    log_likelihood: float
    aic: float
    bic: float
    n: int
    window: str
    status: Literal["ok", "at_bound", "failed"] = "ok"
    reason: str = ""
    diagnostics: dict[str, Any] = field(default_factory=dict)
    start_state: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    state_covariance: dict[str, dict[str, float]] = field(default_factory=dict)
    estimator_version: str = ""
    history_hash: str = ""

    @classmethod
    def of(
        cls,
        model: str,
        *,
        symbol: str,
        timeframe: str,
        as_of: date,
        parameters: Mapping[str, float],
        covariance: NDArray[np.float64],
        log_likelihood: float = math.nan,
        free_parameters: int | None = None,
        n: int,
        window: str,
        diagnostics: dict[str, Any] | None = None,
        start_state: dict[str, float] | None = None,
        intervals: Mapping[str, Interval] | None = None,
        state_covariance: dict[str, dict[str, float]] | None = None,
    ) -> Calibration:
        """Make a successful calibration; errors, AIC and BIC follow from the rest.

        `free_parameters` counts what was estimated beside `parameters` too (measurement errors);
        it defaults to their number. Parameters and states that `intervals` leaves out have those
        of a normal law. What ``held_by_bound`` of the diagnostics names makes it ``at_bound``.
        """
        names = list(parameters)
        own = dict(intervals or {})
        held = [n for n in (diagnostics or {}).get("held_by_bound", ()) if not _is_error(n)]
        of_bounds = [name for name, found in own.items() if found.method in ("one_sided", "none")]
        held += [name for name in of_bounds if name not in held]
        variances = np.diag(covariance).astype(float)
        errors = np.sqrt(np.where(variances >= 0.0, variances, np.nan))
        std_errors = dict(zip(names, errors.tolist(), strict=True))
        std_errors |= {name: math.nan for name in held if name in std_errors}
        k = len(names) if free_parameters is None else free_parameters
        return cls(
            model=model,
            symbol=symbol,
            timeframe=timeframe,
            as_of=as_of,
            parameters={name: float(parameters[name]) for name in names},
            std_errors=std_errors,
            covariance=np.array(covariance, dtype=np.float64),
            log_likelihood=float(log_likelihood),
            aic=2.0 * k - 2.0 * float(log_likelihood),
            bic=k * math.log(n) - 2.0 * float(log_likelihood),
            n=int(n),
            window=window,
            status="at_bound" if held else "ok",
            reason=f"{', '.join(held)} on a bound: the data do not determine it" if held else "",
            diagnostics=diagnostics or {},
            start_state=start_state or {},
            intervals={name: found for name, found in own.items() if found.known},
            state_covariance=state_covariance or {},
            estimator_version=estimator_version(model),
        )

    @classmethod
    def failed(
        cls, model: str, *, symbol: str, timeframe: str, as_of: date, window: str, reason: str
    ) -> Calibration:
        """Make the record of a failed estimate."""
        nan = math.nan
        return cls(
            model=model,
            symbol=symbol,
            timeframe=timeframe,
            as_of=as_of,
            parameters={},
            std_errors={},
            covariance=np.zeros((0, 0)),
            log_likelihood=nan,
            aic=nan,
            bic=nan,
            n=0,
            window=window,
            status="failed",
            reason=reason,
            estimator_version=estimator_version(model),
        )

    def _repr_html_(self) -> str:
        from engine.plots.snippet import facts

        shown: dict[str, object] = {"as of": self.as_of, "observations": self.n}
        if not self.ok:
            shown["failed"] = self.reason
        for name, value in self.parameters.items():
            error = self.std_errors[name]
            known = "" if math.isnan(error) else f" ± {error:.2g}"
            if name in self.intervals:
                known = f" ({self.intervals[name].low:.3g} to {self.intervals[name].high:.3g})"
            shown[name] = f"{value:.4g}{known}"
        return facts(f"{self.model} on {self.symbol}@{self.timeframe}", shown)

    @property
    def ok(self) -> bool:
        """Whether the parameters may be used."""
        return self.status != "failed"

    def interval(self, name: str) -> Interval:
        """Return the 95 % interval of a parameter, or of a start state that has an error."""
        if name in self.intervals:
            return self.intervals[name]
        if name in self.state_covariance:
            error = math.sqrt(max(self.state_covariance[name][name], 0.0))
            return Interval.normal(self.start_state[name], error)
        return Interval.normal(self.parameters[name], self.std_errors[name])

    def joint_covariance(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Names and covariance of the parameters followed by the start states with errors.

        Returns
        -------
        names : tuple of str
            Parameters, then states in alphabetical order.
        covariance : ndarray of float64, shape (n, n)
            In that order.
        """
        states = sorted(self.state_covariance)
        names = (*self.parameters, *states)
        k = len(self.parameters)
        joint = np.empty((len(names), len(names)))
        joint[:k, :k] = self.covariance
        for i, state in enumerate(states):
            values = [self.state_covariance[state][name] for name in names]
            joint[k + i, :] = values
            joint[:k, k + i] = values[:k]
        return names, joint

    @property
    def calibration_hash(self) -> str:
        """SHA-256 of everything the calibration says, its first 16 hexadecimal digits.

        It follows a calibration into the studies that use it. The same estimates made again from
        a longer stored history have the same hash.
        """
        text = json.dumps(self._rows(), default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_rows(self) -> list[dict[str, Any]]:
        """Rows of the long table, one per parameter; one row with no parameter when failed.

        Columns are `CALIBRATION_COLUMNS`. ``covariance`` (this parameter's row of the matrix),
        ``start_state``, ``state_errors`` (by state: its interval, method and covariances) and
        ``diagnostics`` are JSON texts; undefined numbers are None.
        """
        hashes = {"calibration_hash": self.calibration_hash, "history_hash": self.history_hash}
        return [
            {name: (row | hashes)[name] for name in CALIBRATION_COLUMNS} for row in self._rows()
        ]

    def _rows(self) -> list[dict[str, Any]]:
        """Rows without the hashes."""
        shared = {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "as_of": self.as_of,
            "model": self.model,
            "estimator_version": self.estimator_version,
            "log_likelihood": defined(self.log_likelihood),
            "aic": defined(self.aic),
            "bic": defined(self.bic),
            "n": self.n,
            "window": self.window,
            "status": self.status,
            "reason": self.reason,
            "start_state": to_json(self.start_state),
            "state_errors": to_json(self._state_errors()),
            "diagnostics": to_json(self.diagnostics),
        }
        if not self.parameters:
            absent = ("parameter", "estimate", "std_error", "ci_low", "ci_high", "method")
            return [shared | dict.fromkeys(absent) | {"covariance": "[]"}]
        rows = []
        for index, (name, value) in enumerate(self.parameters.items()):
            interval = self.interval(name)
            own = {
                "parameter": name,
                "estimate": defined(value),
                "std_error": defined(self.std_errors[name]),
                "ci_low": defined(interval.low),
                "ci_high": defined(interval.high),
                "method": interval.method,
                "covariance": to_json(self.covariance[index].tolist()),
            }
            rows.append(shared | own)
        return rows

    def _state_errors(self) -> dict[str, Any]:
        found = {}
        for name, row in self.state_covariance.items():
            stated = self.interval(name)
            found[name] = {
                "ci_low": stated.low,
                "ci_high": stated.high,
                "method": stated.method,
                "covariance": row,
            }
        return found

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Calibration:
        """Read back what `to_rows` wrote, rows in the same order.

        Raises
        ------
        ValueError
            If there are no rows, or they belong to more than one calibration.
        """
        found = list(rows)
        if not found:
            raise Refusal("rows", "none", "the rows of one calibration")
        keys = {(r["symbol"], r["timeframe"], r["as_of"], r["model"], r["window"]) for r in found}
        if len(keys) != 1:
            raise Refusal(
                "rows", f"{len(keys)} calibrations", "one (symbol, timeframe, as_of, model, window)"
            )
        first = found[0]
        named = [row for row in found if row["parameter"] is not None]
        covariance = [from_json(row["covariance"]) for row in named]
        of_states = from_json(first["state_errors"] or "{}")
        stated = {row["parameter"]: row for row in named} | of_states
        return cls(
            model=first["model"],
            symbol=first["symbol"],
            timeframe=first["timeframe"],
            as_of=as_date(first["as_of"]),
            parameters={row["parameter"]: number(row["estimate"]) for row in named},
            std_errors={row["parameter"]: number(row["std_error"]) for row in named},
            covariance=np.array(
                [[number(value) for value in row] for row in covariance], dtype=np.float64
            ).reshape(len(named), len(named)),
            log_likelihood=number(first["log_likelihood"]),
            aic=number(first["aic"]),
            bic=number(first["bic"]),
            n=int(first["n"]),
            window=first["window"],
            status=first["status"],
            reason=first["reason"],
            diagnostics=from_json(first["diagnostics"]),
            start_state=from_json(first["start_state"]),
            intervals={
                name: Interval(number(row["ci_low"]), number(row["ci_high"]), row["method"])
                for name, row in stated.items()
                if row["method"] not in (None, "normal", "none")
            },
            state_covariance={
                name: {other: number(value) for other, value in found["covariance"].items()}
                for name, found in of_states.items()
            },
            estimator_version=first["estimator_version"] or "",
            history_hash=first["history_hash"] or "",
        )


def _is_error(name: str) -> bool:
    """Whether a free parameter is a measurement error, which is allowed to vanish."""
    return name.startswith("measurement_sd")

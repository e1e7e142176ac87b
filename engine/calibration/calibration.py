"""What an estimator returns: parameters with their errors, as of a date."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.versions import estimator_version
from engine.errors import Refusal

__all__ = ["CALIBRATION_COLUMNS", "Calibration", "to_json"]

CALIBRATION_COLUMNS = (
    "symbol",
    "timeframe",
    "as_of",
    "model",
    "estimator_version",
    "parameter",
    "estimate",
    "std_error",
    "log_likelihood",
    "aic",
    "bic",
    "n",
    "window",
    "status",
    "reason",
    "covariance",
    "start_state",
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
        Asymptotic standard errors under the same names; NaN where the estimator has none.
    covariance : ndarray of float64, shape (k, k)
        Covariance of the estimates, in the order of `parameters`; NaN where there is none.
    log_likelihood, aic, bic : float
        At the optimum, with all constants; NaN for estimators that are not likelihoods.
        ``aic = 2 k - 2 log L``, ``bic = k log n - 2 log L`` with every free parameter counted.
    n : int
        Observations used.
    window : str
        Which part of the history was used, as `Window` writes it.
    status : {"ok", "failed"}
        Whether the parameters may be used.
    reason : str
        Why it failed; empty when ok.
    diagnostics : dict
        Further results as JSON values: convergence, bias, fit errors, excluded observations.
    start_state : dict
        Filtered model states at `as_of`, from which a simulation may start.
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
    status: Literal["ok", "failed"] = "ok"
    reason: str = ""
    diagnostics: dict[str, Any] = field(default_factory=dict)
    start_state: dict[str, float] = field(default_factory=dict)
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
    ) -> Calibration:
        """Make a successful calibration; errors, AIC and BIC follow from the rest.

        `free_parameters` counts what was estimated beside `parameters` too (measurement errors);
        it defaults to their number.
        """
        names = list(parameters)
        variances = np.diag(covariance).astype(float)
        errors = np.sqrt(np.where(variances >= 0.0, variances, np.nan))
        k = len(names) if free_parameters is None else free_parameters
        return cls(
            model=model,
            symbol=symbol,
            timeframe=timeframe,
            as_of=as_of,
            parameters={name: float(parameters[name]) for name in names},
            std_errors=dict(zip(names, errors.tolist(), strict=True)),
            covariance=np.array(covariance, dtype=np.float64),
            log_likelihood=float(log_likelihood),
            aic=2.0 * k - 2.0 * float(log_likelihood),
            bic=k * math.log(n) - 2.0 * float(log_likelihood),
            n=int(n),
            window=window,
            diagnostics=diagnostics or {},
            start_state=start_state or {},
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
            shown[name] = f"{value:.4g}{known}"
        return facts(f"{self.model} on {self.symbol}@{self.timeframe}", shown)

    @property
    def ok(self) -> bool:
        """Whether the parameters may be used."""
        return self.status == "ok"

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
        ``start_state`` and ``diagnostics`` are JSON texts; undefined numbers are None.
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
            "log_likelihood": _defined(self.log_likelihood),
            "aic": _defined(self.aic),
            "bic": _defined(self.bic),
            "n": self.n,
            "window": self.window,
            "status": self.status,
            "reason": self.reason,
            "start_state": to_json(self.start_state),
            "diagnostics": to_json(self.diagnostics),
        }
        if not self.parameters:
            only = {"parameter": None, "estimate": None, "std_error": None, "covariance": "[]"}
            return [shared | only]
        rows = []
        for index, (name, value) in enumerate(self.parameters.items()):
            own = {
                "parameter": name,
                "estimate": _defined(value),
                "std_error": _defined(self.std_errors[name]),
                "covariance": to_json(self.covariance[index].tolist()),
            }
            rows.append(shared | own)
        return rows

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
        covariance = [_from_json(row["covariance"]) for row in named]
        return cls(
            model=first["model"],
            symbol=first["symbol"],
            timeframe=first["timeframe"],
            as_of=_as_date(first["as_of"]),
            parameters={row["parameter"]: _number(row["estimate"]) for row in named},
            std_errors={row["parameter"]: _number(row["std_error"]) for row in named},
            covariance=np.array(
                [[_number(value) for value in row] for row in covariance], dtype=np.float64
            ).reshape(len(named), len(named)),
            log_likelihood=_number(first["log_likelihood"]),
            aic=_number(first["aic"]),
            bic=_number(first["bic"]),
            n=int(first["n"]),
            window=first["window"],
            status=first["status"],
            reason=first["reason"],
            diagnostics=_from_json(first["diagnostics"]),
            start_state=_from_json(first["start_state"]),
            estimator_version=first["estimator_version"] or "",
            history_hash=first["history_hash"] or "",
        )


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _as_date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def to_json(value: Any) -> str:
    """Write a value as JSON; numbers of NumPy as plain ones, undefined ones as null."""
    return json.dumps(_plain(value), allow_nan=False, sort_keys=isinstance(value, dict))


def _from_json(text: str) -> Any:
    return json.loads(text)


def _plain(value: Any) -> Any:
    """Convert NumPy values to JSON values, undefined numbers to null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return _defined(float(value))
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value

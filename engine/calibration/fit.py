"""What a user's model says of its parameters, and how that becomes a calibration."""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from traceback import extract_tb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.bars import Bars
from engine.calibration.calibration import Calibration, to_json
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.sample import bars_as_of
from engine.calibration.window import Window
from engine.errors import Refusal
from engine.sources.source import Source

__all__ = ["Fit", "data_taken", "estimator_of"]

_DATA = ("Bars", "FuturesPanel")
_RESERVED = ("as_of", "window")


@dataclass(frozen=True)
class Fit:
    """Estimated parameters of a model, as its `calibrate` returns them.

    Parameters
    ----------
    parameters : mapping of str to float
        Estimates under the names that the model declares, in its units. A declared parameter that
        is missing keeps its default.
    std_errors : mapping of str to float, optional
        Standard errors of the estimates, taken for uncorrelated; not beside `covariance`.
    covariance : array_like, shape (k, k), optional
        Covariance of the estimates, in the order of `parameters`. Without both the errors are
        undefined.
    log_likelihood : float
        At the estimate, with all constants; NaN where there is no likelihood.
    n : int, optional
        Observations used; by default the number of returns, or of rows of a panel.
    diagnostics : dict
        JSON-able extras. ``{"converged": False}`` makes the calibration a failed one.
    start_state : dict
        Filtered states that the model's `with_start_state` takes.

    Examples
    --------
    >>> fit = Fit({"sigma": 0.2}, std_errors={"sigma": 0.01}, n=252)
    >>> fit.parameters["sigma"]
    0.2
    """

    parameters: Mapping[str, float]
    std_errors: Mapping[str, float] | None = None
    covariance: ArrayLike | None = None
    log_likelihood: float = math.nan
    n: int | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)
    start_state: dict[str, float] = field(default_factory=dict)


def data_taken(source: type[Source]) -> tuple[str, ...]:
    """Class of the data that a model's `calibrate` takes, by the annotation of its first argument.

    Returns
    -------
    tuple of str
        ``("Bars",)``, also without an annotation, or ``("FuturesPanel",)``; empty if the model has
        no `calibrate`.

    Raises
    ------
    ValueError
        If `calibrate` is no class method, or wants something else.
    """
    found = inspect.getattr_static(source, "calibrate", None)
    if found is None:
        return ()
    where = f"calibrate of {source.name}"
    if not isinstance(found, classmethod):
        raise Refusal(
            where,
            type(found).__name__,
            "a class method calibrate(cls, bars) that returns a Fit",
        )
    arguments = list(inspect.signature(found.__func__).parameters.values())[1:]
    if not arguments:
        raise Refusal(where, "no argument", "calibrate(cls, bars)")
    for item in arguments[1:]:
        if item.name in _RESERVED:
            raise Refusal(
                where,
                f"argument {item.name}",
                "other names: the data that it gets are cut already",
            )
    written = arguments[0].annotation
    if written is inspect.Parameter.empty:
        return ("Bars",)
    name = written if isinstance(written, str) else getattr(written, "__name__", str(written))
    name = name.rpartition(".")[2]
    if name not in _DATA:
        raise Refusal(where, f"data {name}", " or ".join(_DATA))
    return (name,)


def estimator_of(source: type[Source]) -> Callable[..., Calibration]:
    """Return the estimator of a user's model: what cuts the data and calls its `calibrate`.

    It takes the data, ``as_of``, ``window`` and the options of `calibrate`. The model sees what
    was known at the end of `as_of` and lies inside the window, nothing else.
    """
    given = inspect.signature(source.calibrate).parameters  # type: ignore[attr-defined]
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    options = [item for item in list(given.values())[1:] if item.kind not in several]

    def estimate(
        data: Any, *, as_of: date | None = None, window: str | Window = "full", **own: Any
    ) -> Calibration:
        span = Window.parse(window)
        span.require_equal_weights(source.name)
        cut, day = _panel(data, as_of, span) if _is_panel(data) else _bars(data, as_of, span)
        try:
            fit = source.calibrate(cut, **own)  # type: ignore[attr-defined]
            return _calibration(source, fit, cut, day, span)
        except ValueError:  # What the estimator itself says of its data.
            raise
        except Exception as error:
            raise Refusal(
                f"calibrate of {source.name}",
                f"raised {type(error).__name__}: {error} ({_place(source, error)})",
            ) from error

    keyword = inspect.Parameter.KEYWORD_ONLY
    estimate.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("data", inspect.Parameter.POSITIONAL_ONLY),
            inspect.Parameter("as_of", keyword, default=None),
            inspect.Parameter("window", keyword, default="full"),
            *(item.replace(kind=keyword) for item in options),
        ]
    )
    return estimate


def _place(source: type[Source], error: Exception) -> str:
    """Name the line of the model's file at which an error left it."""
    file = getattr(sys.modules.get(source.__module__), "__file__", None)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}, line {lines[-1]}" if lines else source.__module__


def _is_panel(data: Any) -> bool:
    return isinstance(data, FuturesPanel)


def _bars(bars: Bars, as_of: date | None, span: Window) -> tuple[Bars, date]:
    cut, day = bars_as_of(bars, as_of)
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    inside = span.weights(cut.timestamps, int(after.timestamp()) * 1_000_000) > 0.0
    first = int(np.argmax(inside)) if inside.any() else len(cut)
    return cut[first:], day


def _panel(panel: FuturesPanel, as_of: date | None, span: Window) -> tuple[FuturesPanel, date]:
    cut = panel if as_of is None else panel.up_to(as_of)
    if len(cut) and span.kind == "rolling":
        age = np.array([(cut.last_date - day).days for day in cut.dates])
        cut = cut.rows(slice(int(np.sum(age >= span.years * 365.25)), None))
    if len(cut) == 0:
        raise Refusal(f"{panel.symbol} panel", "has no rows in the window")
    return cut, as_of or cut.last_date


def _calibration(
    source: type[Source], fit: Any, data: Bars | FuturesPanel, as_of: date, span: Window
) -> Calibration:
    """Check what a model's `calibrate` returned, and add what the data say."""
    where = f"calibrate of {source.name}"
    if not isinstance(fit, Fit):
        raise Refusal(where, type(fit).__name__, "a Fit")
    for name in fit.parameters:
        if name not in source.parameters:
            raise Refusal(where, f"parameter {name!r}", ", ".join(source.parameters))
    if not fit.parameters:
        raise Refusal(where, "no parameters", ", ".join(source.parameters))
    values = {
        name: source.parameters[name].check(value, f"{name} in {where}")
        for name, value in fit.parameters.items()
    }
    if isinstance(data, FuturesPanel):
        timeframe, observations = data.timeframe, len(data)
    else:
        timeframe, observations = data.calendar.timeframe, len(data) - 1
    n = observations if fit.n is None else fit.n
    if not isinstance(fit.log_likelihood, int | float):
        raise Refusal(where, f"log_likelihood {fit.log_likelihood!r}", "a number")
    if n < 1:
        raise Refusal(where, f"n {n}", "at least 1")
    return Calibration.of(
        source.name,
        symbol=data.symbol,
        timeframe=timeframe,
        as_of=as_of,
        parameters=values,
        covariance=_covariance(where, fit),
        log_likelihood=fit.log_likelihood,
        n=n,
        window=str(span),
        diagnostics=_json(where, "diagnostics", fit.diagnostics),
        start_state=_json(where, "start_state", fit.start_state),
    )


def _json(where: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON holds of a mapping, so that no row fails when it is written."""
    try:
        found: dict[str, Any] = json.loads(to_json(given))
    except TypeError as error:
        raise Refusal(
            where, f"{name} that JSON cannot hold ({error})", "numbers and texts"
        ) from None
    return found


def _covariance(where: str, fit: Fit) -> NDArray[np.float64]:
    count = len(fit.parameters)
    if fit.std_errors is not None and fit.covariance is not None:
        raise Refusal(where, "std_errors and covariance", "one of them")
    if fit.covariance is not None:
        table = np.asarray(fit.covariance, dtype=np.float64)
        if table.shape != (count, count):
            raise Refusal(where, f"a covariance of shape {table.shape}", str((count, count)))
        return table
    if fit.std_errors is None:
        return np.full((count, count), np.nan)
    if fit.std_errors.keys() != fit.parameters.keys():
        raise Refusal(
            where,
            f"std_errors of {', '.join(fit.std_errors) or 'nothing'}",
            f"those of {', '.join(fit.parameters)}",
        )
    errors = [float(fit.std_errors[name]) for name in fit.parameters]
    return np.diag(np.square(errors))

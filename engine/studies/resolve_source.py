"""The source of a study file: model, bars, calibration, fixed and swept parameters."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import Calibration
from engine.calibration.sample import bars_as_of
from engine.errors import Refusal
from engine.execution import Execution
from engine.jobs.draw import ParameterDraw
from engine.jobs.lineage import Lineage
from engine.jobs.space import Scalar
from engine.market_data import MarketData, PaidMarketData
from engine.sources import (
    RollingFutures,
    Source,
    get_source,
    load_user_sources,
    make_source,
    source_names,
)
from engine.sources.history import joined
from engine.studies.definition import SourceDefinition
from engine.studies.own_columns import with_own_columns
from engine.studies.rate_columns import with_rates
from engine.studies.start_variance import with_start_variance
from engine.studies.values import Distribution

__all__ = ["ResolvedSource", "default_steps", "load_file", "resolve_source", "source_error"]

Values = Mapping[str, list[Scalar] | Distribution]

#: `engine.sources.stressed.SHOCK`, whose module loads the compiler.
_SHOCK: Final = "stress.shock"


@dataclass(frozen=True)
class ResolvedSource:
    """The source of a study file.

    Parameters
    ----------
    source : Source
        With calibrated and fixed parameters.
    swept : mapping
        Values of source parameters that have several, or a distribution.
    calendar : BarCalendar
        Of the bars, or as the study says.
    draw : ParameterDraw, optional
        For ``parameters: draw``.
    last_close : tuple of float, optional
        Last close of each symbol that the source was allowed to know.
    lineage : Lineage
        The bars and the calibration behind it.
    history : tuple of Bars
        The bars that its paths continue, up to what it was allowed to know.
    """

    source: Source
    swept: Values
    calendar: BarCalendar
    draw: ParameterDraw | None
    last_close: tuple[float, ...] | None
    lineage: Lineage
    history: tuple[Bars, ...] = ()


def resolve_source(
    definition: SourceDefinition,
    market_data: MarketData | None,
    folder: Path | None = None,
    execution: Execution | None = None,
) -> ResolvedSource:
    """Make the source of a study file, with the parameters that it sweeps taken out.

    Raises
    ------
    Refusal
        If the model is unknown, or its bars, calibration or parameters do not fit.
    """
    if definition.file is not None:
        file = (folder or Path()) / definition.file
        load_file("source.file", file, load_user_sources)
    if definition.model not in source_names():
        raise Refusal("source.model", repr(definition.model), ", ".join(source_names()))
    bars = _bars(definition, market_data)
    if definition.columns is not None and not bars:
        raise Refusal("source.columns", repr(definition.columns), "with a `symbol`")
    for name in definition.column_files:
        bars = with_own_columns(bars, (folder or Path()) / name)
    if execution is not None:
        bars = with_rates(bars, execution, market_data)
    calibration = _calibration(definition, market_data)
    rolled = issubclass(get_source(definition.model), RollingFutures)
    parameters: dict[str, Any] = {}
    draw = None
    if calibration is not None:
        parameters = dict(calibration.parameters)
        if definition.parameters == "draw":
            own_start = "start_state" in definition.options
            draw = ParameterDraw.from_calibration(calibration, with_states=not own_start)
        # What came after the calibration's date is not known yet.
        bars = tuple(bars_as_of(series, calibration.as_of)[0] for series in bars)
    given: dict[str, Any] = (
        {} if isinstance(definition.parameters, str) else dict(definition.parameters)
    )
    swept = {
        name: values
        for name, values in given.items()
        if isinstance(values, Distribution) or len(values) > 1
    }
    fixed = {name: values[0] for name, values in given.items() if name not in swept}
    # A swept parameter starts from its first value, so that the source can be made at all.
    start = {n: v[0] if isinstance(v, list) else v.value(0.0) for n, v in swept.items()}
    state = calibration.start_state if calibration is not None else {}
    shock: dict[str, Any] = {}
    if definition.stress is not None:
        # It is the scenario's, not the model's.
        shock = {n: values.pop(n) for values in (fixed, start) for n in [*values] if n == _SHOCK}
    source = _make(definition, parameters | fixed | start, bars, state)
    if state and (fixed or start):
        # What the study pins or sweeps has the last word over the filtered state.
        source = source.with_parameters(**(fixed | start))
    calendar = bars[0].calendar if bars else _calendar(definition)
    last_close = tuple(float(series.close[-1]) for series in bars) or None
    if rolled and "spot" in state:
        # The price of a contract is not the spot's, from which the contracts are priced.
        last_close = (float(state["spot"]),) * len(source.symbols)
    if definition.stress is not None:
        from engine.studies.stress_source import stressed

        source = stressed(source, definition.stress, definition.timeframe, market_data, shock)
    # A scenario's bars are no data that parameters are tried on: the ledger counts tries without.
    lineage = Lineage.of(bars, calibration)
    return ResolvedSource(source, swept, calendar, draw, last_close, lineage, bars)


def default_steps(source: Source, warm_up: int) -> int:
    """Bars that count of a path of a source that has its own horizon, such as history.

    Raises
    ------
    Refusal
        If it has none.
    """
    try:
        return source.prepare(warm_up=warm_up).steps - warm_up
    except ValueError as error:
        raise source_error(error) from None


def load_file(field: str, file: Path, load: Callable[[Path], object]) -> None:
    """Import a user's file, whatever is wrong with it."""
    if not file.exists():
        raise Refusal(field, f"there is no file or folder {file}")
    try:
        load(file)
    except Exception as error:
        # The loaders' own errors name the file and the line.
        known = isinstance(error, ValueError)
        text = str(error) if known else f"{file}: {type(error).__name__}: {error}"
        raise Refusal(field, f"the file cannot be loaded: {text}") from error


def source_error(error: Exception, parameters: Container[str] = ()) -> Refusal:
    """Return a source's complaint as one about the study's `source`, or a parameter of it."""
    if not isinstance(error, Refusal):
        return Refusal("source", str(error))
    if error.field.startswith("parameter of "):
        name = error.found.strip("'")
        return Refusal(f"source.parameters.{name}", "an unknown parameter", error.allowed)
    return error.within("source.parameters" if error.field in parameters else "source")


def _make(
    definition: SourceDefinition,
    parameters: dict[str, Any],
    bars: tuple[Bars, ...],
    state: Mapping[str, float],
) -> Source:
    """Make the source, started from the calibration's state unless the study says otherwise."""
    one: Bars | tuple[Bars, ...] | None = bars or None
    if len(bars) == 1:
        one = bars[0]
    try:
        options = {"start_state": dict(state)} if state else {}
        options |= with_start_variance(definition.options, bars)
        return make_source(definition.model, parameters, bars=one, options=options)
    except (TypeError, ValueError) as error:
        if isinstance(error, Refusal) and error.field.partition(".")[0] in _options(definition):
            raise error.within("source.options") from None
        raise source_error(error, parameters) from None


def _options(definition: SourceDefinition) -> set[str]:
    """Names that belong under `source.options`: those given there, and a missing inner model."""
    rolled = issubclass(get_source(definition.model), RollingFutures)
    return {*definition.options, *(("model",) if rolled else ())}


def _bars(definition: SourceDefinition, market_data: MarketData | None) -> tuple[Bars, ...]:
    symbols = definition.symbol
    if symbols is None:
        return ()
    if market_data is None:
        raise Refusal(
            "source.symbol", repr(symbols), "with market data: study.run(market_data=...)"
        )
    names = [symbols] if isinstance(symbols, str) else symbols
    try:
        bars = tuple(_series(definition, market_data, name) for name in names)
    except Refusal as refusal:
        if refusal.field in ("adjustment", "columns"):
            raise refusal.within("source") from None
        raise _not_there("symbol", symbols, refusal) from None
    except (LookupError, ValueError, FileNotFoundError) as error:
        raise _not_there("symbol", symbols, error) from None
    if len(bars) < 2:
        return bars
    try:
        return joined(bars, definition.join)
    except Refusal as error:
        raise error.within("source") from None


def _series(definition: SourceDefinition, market_data: MarketData, name: str) -> Bars:
    asked = {"columns": definition.stored_columns} if definition.stored_columns else {}
    if definition.adjustment == "all":
        return market_data.bars(name, definition.timeframe, **asked)
    if not isinstance(market_data, PaidMarketData):
        raise Refusal(
            "adjustment",
            f"{definition.adjustment!r} of bars whose dividends are not known",
            "'all'",
        )
    return market_data.paid_bars(name, definition.timeframe, definition.adjustment, **asked)


def _calibration(
    definition: SourceDefinition, market_data: MarketData | None
) -> Calibration | None:
    if definition.calibration is None:
        return None
    if not isinstance(definition.symbol, str):
        raise Refusal("source.calibration", repr(definition.calibration), "with one `symbol`")
    assert market_data is not None
    try:
        model = definition.model
        if issubclass(get_source(model), RollingFutures):
            model = RollingFutures.calibrated_model(definition.options)
    except Refusal as refusal:
        raise refusal.within("source.options") from None
    try:
        calibration = market_data.calibration(
            definition.symbol, definition.timeframe, model, definition.calibration
        )
    except Refusal as error:
        raise _not_there("calibration", definition.calibration, error) from None
    except (LookupError, ValueError, FileNotFoundError) as error:
        raise _not_there("calibration", definition.calibration, error) from None
    if not calibration.ok:
        raise Refusal(
            "source.calibration",
            f"a failed calibration of {calibration.model} ({calibration.reason})",
            "one that succeeded",
        )
    return calibration


def _not_there(setting: str, found: object, error: Exception) -> Refusal:
    """Say in one sentence what market data said of a setting of the source."""
    if isinstance(error, Refusal) and error.field == setting:
        return error.within("source")
    if isinstance(error, LookupError):  # a key, not a sentence
        return Refusal(f"source.{setting}", repr(found), "what the market data have")
    return Refusal(f"source.{setting}", str(error))


def _calendar(definition: SourceDefinition) -> BarCalendar:
    try:
        return BarCalendar(definition.exchange, definition.timeframe)
    except ValueError as error:
        raise source_error(error) from None

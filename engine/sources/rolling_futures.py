"""Futures on a commodity model: the nth nearby contract, rolled before it expires."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import borrow, kernel
from engine.compiled.elementary import exp, log
from engine.errors import Refusal
from engine.randomness import GROUP, Stream, fill_uniforms
from engine.sources.bridge import group_extremes
from engine.sources.generator import FillRequest, Generator
from engine.sources.parameter import option
from engine.sources.schwartz_2f import Schwartz2F
from engine.sources.schwartz_smith import SchwartzSmith
from engine.sources.shocks import antithetic_sign, stream_path
from engine.sources.source import Source

__all__ = ["RollingFutures"]

_MODELS: Final = ("schwartz_2f", "schwartz_smith")
_A_MODEL: Final = (
    "{model: schwartz_2f, kappa: ..., ...} or {model: schwartz_smith, ...}; "
    "with a `calibration` the name alone"
)
_EXTREME = np.uint64(Stream.EXTREME)


class RollingFutures(Source):
    """Bars of nearby futures contracts on paths of a two-factor commodity model.

    Parameters
    ----------
    model : Schwartz2F or SchwartzSmith
        Dynamics of spot and convenience yield, and the curve. In YAML, among options, a mapping
        of ``model`` and its parameters; with a ``calibration``, whose parameters, filtered
        state and spot price are taken, the name alone.
    contracts : sequence of int
        Which nearby contracts: 1 is the next to expire, 2 the one after it. One symbol each,
        ``F1``, ``F2``, ...
    bars_per_contract : int
        Bars between two expiries.
    roll_bars : int
        Bars before expiry at which a position moves on to the next contract.
    steps : int, optional
        Bars of each path, where `prepare` or `paths` is not told.

    Notes
    -----
    A bar opens at the price, at the previous close, of the contract that is held over the bar: on
    a roll it differs from the previous close by the difference of the two contracts. The state
    ``maturity`` is the contract's time to expiry at the close, in years; a rise of it marks a roll.
    ``spot`` and ``convenience_yield`` are the model's states. The range of a bar is that of a
    Brownian bridge with the contract's own volatility. Prices have the season of their contract's
    expiry.
    """

    name = "rolling_futures"
    states = ("spot", "convenience_yield", "maturity")

    model: Any = dataclasses.field(default=None, kw_only=False)
    contracts: Any = option((1,), "Nearby contracts, from 1.")
    bars_per_contract: int = option(21, "Bars between two expiries.")
    roll_bars: int = option(5, "Bars before expiry at which to roll.")
    steps: int | None = option(None, "Bars of each path.")

    def validate(self) -> None:
        """Check the model and the schedule."""
        model = self.model
        if isinstance(model, str | Mapping):
            given = {"model": model} if isinstance(model, str) else dict(model)
            name = given.pop("model", None)
            if name not in _MODELS:
                raise Refusal("model", repr(name), _A_MODEL)
            model = _inner(name, given)
        if not isinstance(model, Schwartz2F | SchwartzSmith):
            if model is None:
                raise Refusal("model", "nothing", _A_MODEL)
            found = getattr(model, "name", type(model).__name__)
            raise Refusal("model", repr(found), ", ".join(_MODELS))
        object.__setattr__(self, "model", model)
        chosen = tuple(np.ravel(self.contracts).tolist())
        if not chosen or len(set(chosen)) != len(chosen) or any(n < 1 or n % 1 for n in chosen):
            raise Refusal("contracts", repr(self.contracts), "different whole numbers >= 1")
        object.__setattr__(self, "contracts", tuple(int(n) for n in chosen))
        if self.bars_per_contract < 1:
            raise Refusal("bars_per_contract", str(self.bars_per_contract), ">= 1")
        if not 0 <= self.roll_bars < self.bars_per_contract:
            raise Refusal("roll_bars", str(self.roll_bars), f"0 to {self.bars_per_contract - 1}")

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make the source from a model and options, then set the model's parameters."""
        rest = {name: value for name, value in values.items() if name == "model"}
        scalars = {name: value for name, value in values.items() if name != "model"}
        return super().from_values(rest, bars, **options).with_parameters(**scalars)

    @classmethod
    def calibrated_model(cls, options: Mapping[str, Any]) -> str:
        """Return the name of the model behind the contracts."""
        given = options.get("model")
        if isinstance(given, Mapping) and given.keys() == {"model"}:
            given = given["model"]
        if given not in _MODELS:
            raise Refusal(
                "model",
                "nothing" if given is None else repr(given),
                f"the name of the calibrated model, {' or '.join(_MODELS)}",
                hint="single parameters are replaced in `source.parameters`",
            )
        return str(given)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the nearby contracts."""
        return tuple(f"F{number}" for number in self.contracts)

    @property
    def classes(self) -> tuple[type[Source], ...]:
        """Its own class and that of its model."""
        return (type(self), *self.model.classes)

    @property
    def values(self) -> dict[str, float]:
        """Parameters of the model."""
        return dict(self.model.values)

    def with_parameters(self, **values: float) -> Self:
        """Return the same source with some of the model's parameters changed."""
        return dataclasses.replace(self, model=self.model.with_parameters(**values))

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source with its model started from a calibration's filtered state."""
        return dataclasses.replace(self, model=self.model.with_start_state(state))

    def _default_s0(self) -> tuple[float, ...]:
        return (self.default_s0,) * len(self.symbols)

    def start_prices(self, s0: Any = None) -> tuple[float, ...]:
        """Return the spot price once per contract."""
        prices = super().start_prices(s0)
        if len(set(prices)) != 1:
            raise Refusal("s0", str(prices), "one spot price for all contracts")
        return prices

    def _generator(self, request: FillRequest) -> Generator:
        model = self.model
        if isinstance(model, SchwartzSmith):
            model = model.to_schwartz_2f()
        return _RollingGenerator(self, model, request)

    def expiries(self, steps: int) -> NDArray[np.int64]:
        """Return the expiry of the contract held over each bar.

        Parameters
        ----------
        steps : int
            Bars of a path.

        Returns
        -------
        ndarray of int64, shape (symbols, steps)
            In bars from the start.
        """
        opens = np.arange(steps, dtype=np.int64)
        # The first expiry more than roll_bars after the open.
        nearest = (opens + self.roll_bars) // self.bars_per_contract + 1
        first = np.array(self.contracts, dtype=np.int64)[:, None] - 1
        return (nearest[None, :] + first) * self.bars_per_contract


def _inner(name: str, parameters: dict[str, Any]) -> Source:
    """Make the model behind the contracts; what is wrong with it is said of its place."""
    from engine.sources.registry import make_source

    try:
        return make_source(name, parameters)
    except Refusal as refusal:
        if refusal.field.startswith("parameter of "):
            field = f"model.{refusal.found.strip(chr(39))}"
            raise Refusal(field, "an unknown parameter", refusal.allowed) from None
        raise refusal.within("model") from None
    except TypeError as error:
        raise Refusal("model", str(error)) from None


class _RollingGenerator(Generator):
    def __init__(self, source: RollingFutures, model: Schwartz2F, request: FillRequest) -> None:
        self.symbols = source.symbols
        self.states = source.states
        self.steps = request.steps
        self.dt = request.dt
        spot = dataclasses.replace(request, s0=request.s0[:1], ohlc=False)
        self._spot = model._generator(spot)
        self._start = np.array([request.s0[0], model.delta0])
        self._antithetic = model.sampling == "antithetic"
        self._volume = float(model.volume[0])
        self._ohlc = request.ohlc
        left = source.expiries(request.steps) - np.arange(request.steps)
        # Maturities repeat from contract to contract: few are different.
        bars, place = np.unique(np.stack([left, left - 1]), return_inverse=True)
        terms = np.array([_terms(model, float(bar) * request.dt) for bar in bars.tolist()])
        self._terms: NDArray[np.float64] = terms[place.reshape(2, *left.shape)]
        if model.seasonality:
            expiries = source.expiries(request.steps)
            season = model.season_between(request.dt, int(expiries.max()))
            opens = np.arange(request.steps)
            # The spot has the season of its own day, at the open and at the close.
            self._terms[0, ..., 0] += season[expiries] - season[opens]
            self._terms[1, ..., 0] += season[expiries] - season[opens + 1]
        self._variance = _variances(model, terms[:, 1], request.dt)[place.reshape(2, *left.shape)]
        self._maturity: NDArray[np.float64] = (left - 1).astype(np.float64) * request.dt

    def scratch(self, paths: int) -> Any:
        """Make room for the spot's paths and for what its own sampling needs."""
        return np.empty((paths, 1, 6, self.steps)), self._spot.scratch(paths)

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write futures bars; see `Generator.fill`."""
        room, inner = scratch
        spot = room[: seeds.size]
        self._spot.fill(seeds, path_ids, spot, inner)
        fill_futures(
            seeds,
            path_ids,
            self._antithetic,
            spot,
            self._start,
            self._terms,
            self._variance,
            self._maturity,
            self._volume,
            out,
            self._ohlc,
        )


def _terms(model: Schwartz2F, maturity: float) -> tuple[float, float]:
    log_forward, slope = model.futures_terms(maturity)
    return float(log_forward), float(slope)


def _variances(model: Schwartz2F, slopes: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    """Variance of a contract's log price over a bar, by its loading of the convenience yield."""
    s1, s2 = model.sigma_spot, model.sigma_yield
    loading = slopes * s2
    variance = s1 * s1 + loading * loading - 2.0 * model.rho * s1 * loading
    return np.maximum(variance, 0.0) * dt


@kernel
def fill_futures(
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    antithetic: bool,
    spot: NDArray[np.float64],
    start: NDArray[np.float64],
    terms: NDArray[np.float64],
    variances: NDArray[np.float64],
    maturities: NDArray[np.float64],
    volume: float,
    out: NDArray[np.float64],
    ohlc: bool,
) -> None:
    """Write bars of futures from bars of the spot with the convenience yield as sixth field.

    `terms` has shape (open or close, contracts, bars, 2): A(T) and the yield's loading.
    """
    spot, terms, out = borrow(spot), borrow(terms), borrow(out)
    steps = out.shape[3]
    room = np.empty((8, GROUP))
    for n in range(seeds.size):
        path = stream_path(path_ids[n], antithetic)
        sign = antithetic_sign(path_ids[n], antithetic)
        for s in range(out.shape[1]):
            for t in range(steps):
                before = start[0] if t == 0 else spot[n, 0, 3, t - 1]
                delta = start[1] if t == 0 else spot[n, 0, 5, t - 1]
                opening = before * exp(terms[0, s, t, 0] - terms[0, s, t, 1] * delta)
                last, delta = spot[n, 0, 3, t], spot[n, 0, 5, t]
                closing = last * exp(terms[1, s, t, 0] - terms[1, s, t, 1] * delta)
                out[n, s, 0, t] = opening
                out[n, s, 1, t] = max(opening, closing)
                out[n, s, 2, t] = min(opening, closing)
                out[n, s, 3, t] = closing
                out[n, s, 4, t] = volume
                out[n, s, 5, t] = last
                out[n, s, 6, t] = delta
                out[n, s, 7, t] = maturities[s, t]
            if ohlc:
                stream = _EXTREME + np.uint64(2 * s)
                for group in range((steps + GROUP - 1) // GROUP):
                    first = group * GROUP
                    count = min(GROUP, steps - first)
                    fill_uniforms(room[0], seeds[n], stream, path, np.uint64(group))
                    fill_uniforms(room[1], seeds[n], stream + np.uint64(1), path, np.uint64(group))
                    for i in range(GROUP):
                        t = min(first + i, steps - 1)
                        room[2, i] = sign * log(out[n, s, 3, t] / out[n, s, 0, t])
                        room[3, i] = 0.5 * (variances[0, s, t] + variances[1, s, t])
                    group_extremes(room)
                    for i in range(count):
                        up = room[0, i] if sign > 0.0 else -room[1, i]
                        down = room[1, i] if sign > 0.0 else -room[0, i]
                        t = first + i
                        opening = out[n, s, 0, t]
                        out[n, s, 1, t] = max(out[n, s, 1, t], opening * exp(up))
                        out[n, s, 2, t] = min(out[n, s, 2, t], opening * exp(down))

"""Several models with correlated shocks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import kernel
from engine.errors import Refusal
from engine.randomness import GROUP
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import Model, ModelGenerator
from engine.sources.parameter import Parameter, option
from engine.sources.sampling import ShockNets, check_sampling, draw_shocks
from engine.sources.source import Source
from engine.sources.t_copula import TCopula

__all__ = ["Correlated"]

# Eigenvalues of a correlation matrix given in decimals are off by this much.
_TOLERANCE = 1e-8
_DEGREES = Parameter("degrees", 4.0, 1.0, 1e6, doc="Degrees of freedom of the t copula.")
_LEG_SHIFT = np.uint64(48)


class Correlated(Model):
    """Several models whose price shocks are correlated: one path of several symbols.

    Parameters
    ----------
    legs : mapping of str to Source
        A model per symbol, built-in or a user's `StepModel`: any whose price moves with a normal
        shock per bar, the first of its factors. In YAML a mapping with ``model`` and the model's
        parameters.
    correlation : array_like, shape (legs, legs)
        Correlation of the diffusive price shocks of a bar. Jumps, regimes, and the other factors of
        a leg (the part of a convenience yield that is not its price shock) are independent.
    copula : {"gaussian", "t"}
        How shocks depend on one another beyond correlation: not, or with extremes that come
        together (`engine.sources.t_copula`). Each leg by itself is the same either way.
    degrees : float
        Of freedom of the t copula, at least 1.

    Raises
    ------
    ValueError
        If the matrix is not a correlation matrix; one that is not positive semi-definite is
        reported with its smallest eigenvalue.

    Notes
    -----
    Parameters are named ``SYMBOL.parameter``. States of a leg are kept as ``state``; a state that
    only some legs have is zero in the others.
    """

    name = "correlated"
    no_leg_because = "it has several symbols"

    legs: Any = dataclasses.field(kw_only=False)
    correlation: Any = option(None, "Correlation of the price shocks.")
    copula: str = option("gaussian", "Dependence beyond correlation: gaussian or t.")
    degrees: float = option(4.0, "Degrees of freedom of the t copula.")

    def validate(self) -> None:
        """Check legs and matrix."""
        from engine.sources.registry import make_source

        if not isinstance(self.legs, Mapping) or not self.legs:
            raise Refusal("legs", repr(self.legs), "a model per symbol")
        legs: dict[str, Model] = {}
        for symbol, leg in self.legs.items():
            if isinstance(leg, Mapping):
                given = dict(leg)
                leg = make_source(str(given.pop("model", None)), given)
            if not isinstance(leg, Source):
                raise Refusal(f"legs.{symbol}", type(leg).__name__, "a model")
            if not isinstance(leg, Model) or leg.no_leg_because or leg.factors < 1:
                reason = leg.no_leg_because or Source.no_leg_because
                raise Refusal(
                    f"legs.{symbol}", f"found {leg.name!r}, which cannot be correlated: {reason}"
                )
            legs[str(symbol)] = leg
        object.__setattr__(self, "legs", legs)
        count = len(legs)
        table = np.eye(count) if self.correlation is None else np.array(self.correlation, float)
        _check_correlation(table, count)
        object.__setattr__(self, "correlation", table)
        if self.copula not in ("gaussian", "t"):
            raise Refusal("copula", repr(self.copula), "gaussian, t")
        object.__setattr__(self, "degrees", _DEGREES.check(self.degrees))
        if self.copula == "t" and self.sampling == "moment_matching":
            raise Refusal("copula", "'t' with sampling: moment_matching", "another sampling")

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make the source from legs and correlation, then set parameters named SYMBOL.parameter."""
        scalars = {name: value for name, value in values.items() if "." in name}
        rest = {name: value for name, value in values.items() if "." not in name}
        return super().from_values(rest, bars, **options).with_parameters(**scalars)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the legs."""
        return tuple(self.legs)

    @property
    def classes(self) -> tuple[type[Source], ...]:
        """Its own class and those of its legs."""
        return (type(self), *(kind for leg in self.legs.values() for kind in leg.classes))

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]
        """States of all legs."""
        return tuple(dict.fromkeys(state for leg in self.legs.values() for state in leg.states))

    @property
    def values(self) -> dict[str, float]:
        """Parameters of all legs, named SYMBOL.parameter."""
        return {
            f"{symbol}.{name}": value
            for symbol, leg in self.legs.items()
            for name, value in leg.values.items()
        }

    def with_parameters(self, **values: float) -> Self:
        """Return the same source with some parameters, named SYMBOL.parameter, changed."""
        changes: dict[str, dict[str, float]] = {}
        for key, value in values.items():
            symbol, _, name = key.rpartition(".")
            if key not in self.values:
                raise Refusal(f"parameter of {self.name}", repr(key), ", ".join(self.values))
            changes.setdefault(symbol, {})[name] = value
        legs = {
            symbol: leg.with_parameters(**changes.get(symbol, {}))
            for symbol, leg in self.legs.items()
        }
        return dataclasses.replace(self, legs=legs)

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the numbers, each leg's included."""
        legs = {symbol: leg.fingerprint() for symbol, leg in self.legs.items()}
        content = super().fingerprint() | {"legs": legs}
        if self.copula == "gaussian":
            # Paths are those of before there was another.
            del content["copula"], content["degrees"]
        return content

    def _check_start(self, price: float) -> None:
        """Leave the check of a start price to its leg, which may take a negative one."""

    def _generator(self, request: FillRequest) -> Generator:
        for leg, price in zip(self.legs.values(), request.s0, strict=True):
            leg._check_start(price)
        return _CorrelatedGenerator(self, request)


def _check_correlation(table: NDArray[np.float64], count: int) -> None:
    if table.shape != (count, count):
        raise Refusal("correlation", f"shape {table.shape}", str((count, count)))
    if not np.isfinite(table).all() or np.abs(table - table.T).max() > _TOLERANCE:
        raise Refusal("correlation", "a matrix that is not symmetric", "symmetric")
    if np.abs(np.diag(table) - 1.0).max() > _TOLERANCE:
        raise Refusal("correlation", f"diagonal {np.diag(table).tolist()}", "ones")
    smallest = float(np.linalg.eigvalsh(table)[0])
    if smallest < -_TOLERANCE:
        raise Refusal(
            "correlation",
            f"a matrix with smallest eigenvalue {smallest:.6g}",
            "positive semi-definite (smallest eigenvalue >= 0)",
        )


def _cholesky(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower factor of a semi-definite matrix; plain sums, so the same bits everywhere."""
    count = table.shape[0]
    factor = np.zeros((count, count))
    for j in range(count):
        rest = float(table[j, j]) - math.fsum(float(x) * float(x) for x in factor[j, :j])
        pivot = math.sqrt(rest) if rest > _TOLERANCE else 0.0
        factor[j, j] = pivot
        for i in range(j + 1, count):
            dot = math.fsum(
                float(a) * float(b) for a, b in zip(factor[i, :j], factor[j, :j], strict=True)
            )
            factor[i, j] = (float(table[i, j]) - dot) / pivot if pivot > 0.0 else 0.0
    return factor


class _CorrelatedGenerator(Generator):
    """Draws independent shocks, mixes them, and runs each leg's kernel on its own."""

    def __init__(self, source: Correlated, request: FillRequest) -> None:
        self.symbols = source.symbols
        self.states = source.states
        self.steps = request.steps
        self.dt = request.dt
        legs = list(source.legs.values())
        # The price factors come first, then what else a leg needs.
        self._total = len(legs) + sum(leg.factors - 1 for leg in legs)
        self._copula = TCopula(source.degrees) if source.copula == "t" else None
        if self._copula is not None:
            # What all shocks of a bar are stretched by comes last.
            self._total += 1
        check_sampling(source.sampling, request.paths_per_seed, self._total * request.steps)
        self._sampling = source.sampling
        self._points = request.paths_per_seed
        self._antithetic = source.sampling == "antithetic"
        self._factor = _cholesky(source.correlation)
        self._ohlc = request.ohlc
        self._legs: list[ModelGenerator] = []
        for leg, price in zip(legs, request.s0, strict=True):
            # A leg's own sampling does not count: its shocks are given.
            alone = dataclasses.replace(leg, sampling="random")
            generator = alone._generator(dataclasses.replace(request, s0=(price,)))
            assert isinstance(generator, ModelGenerator)
            self._legs.append(generator)
        self._own = [leg.factors - 1 for leg in legs]

    def scratch(self, paths: int) -> Any:
        """Make room for the shocks of a seed, where they are drawn together."""
        if self._sampling in ("moment_matching", "sobol"):
            return ShockNets(self._sampling, self._points, self._total, self.steps)
        return None

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write paths; see `Generator.fill`."""
        if scratch is None:
            length = -(-self.steps // GROUP) * GROUP
            shocks = np.empty((seeds.size, self._total, length))
            draw_shocks(seeds, path_ids, self._antithetic, shocks)
        else:
            shocks = scratch.shocks(seeds, path_ids)
        next_own = len(self._legs)
        for s, (leg, own) in enumerate(zip(self._legs, self._own, strict=True)):
            given = np.empty((seeds.size, 1 + own, shocks.shape[2]))
            _mix(shocks, self._factor[s], given)
            if self._copula is not None:
                self._copula.apply(shocks[:, -1], given[:, 0])
            given[:, 1:] = shocks[:, next_own : next_own + own]
            next_own += own
            # Jumps and ranges of a leg have their own streams: those of another path number.
            leg_ids = path_ids + (np.uint64(s + 1) << _LEG_SHIFT)
            block = np.empty((seeds.size, 1, len(leg.fields), self.steps))
            leg.fill_from(seeds, leg_ids, self._antithetic, given, block)
            out[:, s, :5] = block[:, 0, :5]
            for k, state in enumerate(self.states):
                out[:, s, 5 + k] = (
                    block[:, 0, leg.fields.index(state)] if state in leg.states else 0.0
                )


@kernel
def _mix(
    shocks: NDArray[np.float64], weights: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the weighted sum of the price factors to the first row of each path."""
    for n in range(out.shape[0]):
        for t in range(out.shape[2]):
            out[n, 0, t] = weights[0] * shocks[n, 0, t]
        for k in range(1, weights.size):
            for t in range(out.shape[2]):
                out[n, 0, t] += weights[k] * shocks[n, k, t]

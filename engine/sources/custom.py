"""A user's own price model: a compiled step, or a whole path in Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.compiled import code_hash, inlined, kernel
from engine.errors import Refusal
from engine.randomness import GROUP
from engine.sources.generator import FillRequest, Generator
from engine.sources.model import Model, ModelGenerator
from engine.sources.shocks import antithetic_sign, group_shocks, stream_path

__all__ = ["PathModel", "SlowSourceWarning", "StepModel"]


class SlowSourceWarning(UserWarning):
    """A source runs in Python, step by step or path by path, and holds the interpreter's lock."""


class StepModel(Model):
    """Base of a user's model that moves from bar to bar.

    A subclass declares `name`, its parameters, `states` (those it carries besides the price),
    `factors` (normal shocks per bar), the method `constants` and the static method `step`::

        class Cev(StepModel):
            name = "cev"
            sigma: float = parameter(2.0, low=0.0)
            beta: float = parameter(0.5, low=0.0, high=1.0)

            def constants(self, dt):
                return [self.sigma * dt**0.5, self.beta]

            @staticmethod
            def step(price, state, shocks, constants):
                return max(price + constants[0] * price ** constants[1] * shocks[0], 1e-6)

    Notes
    -----
    ``step(price, state, shocks, constants)`` returns the price at the bar's close. It is compiled
    into the kernel: `price` is the close before, `state` the array of states to change in place,
    `shocks` the bar's independent standard normals, `constants` what `constants` returned. As a leg
    of `Correlated` the model's first shock is correlated with those of the other legs. High and
    low are the larger and smaller of open and close, since the law inside the bar is not known.

    A class method ``calibrate(cls, bars)`` that returns an `engine.calibration.Fit` lets the
    nightly calibrations estimate the model; its further arguments are options.

    For the same bits on every machine use the functions of `engine.compiled.elementary` instead of
    `math`. With ``compiled = False`` the step runs in plain Python and may call anything; it says
    that it is slow.
    """

    compiled: ClassVar[bool] = True

    @staticmethod
    def step(
        price: float,
        state: NDArray[np.float64],
        shocks: NDArray[np.float64],
        constants: NDArray[np.float64],
    ) -> float:
        """Return the close of the next bar and update `state` in place."""
        raise TypeError("a StepModel needs a static method step(price, state, shocks, constants)")

    def constants(self, dt: float) -> Any:
        """Numbers that `step` needs; by default the parameters in order, then `dt`."""
        return [*self.values.values(), dt]

    def start_state(self, dt: float) -> Any:
        """States at the start; by default zeros."""
        return [0.0] * len(self.states)

    def _check_start(self, price: float) -> None:
        if not np.isfinite(price):
            raise Refusal("s0", str(price), "any finite price")

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the numbers, the code of the model included."""
        return super().fingerprint() | {"code": code_hash(type(self))}

    def _generator(self, request: FillRequest) -> Generator:
        if type(self).step is StepModel.step:
            raise Refusal(
                self.name,
                "its class has no `step`",
                hint="write a static method step(price, state, shocks, constants)",
            )
        if not self.compiled:
            _warn_slow(self.name, "its step runs in plain Python")
        return _StepGenerator(self, request)


class PathModel(Model):
    """Base of a user's model that makes a whole path in Python.

    A subclass declares `name`, its parameters and ``generate(seed, steps)``, which returns the
    closes of a path that starts at 1, as an array of shape (steps,); it may use NumPy with
    ``np.random.default_rng(seed)``. Prices are scaled by the start price. It says that it is slow:
    Python's lock keeps threads from helping. `generate` does not know how long a bar is, so there
    are no sub-bars.
    """

    has_sub_bars = False
    no_leg_because = "it makes whole paths in Python"

    def generate(self, seed: int, steps: int) -> NDArray[np.float64]:
        """Return one path.

        Parameters
        ----------
        seed : int
            What the path follows from.
        steps : int
            Bars of the path.

        Returns
        -------
        ndarray of float64, shape (steps,)
            The closes over the start price.
        """
        raise TypeError("a PathModel needs a method generate(seed, steps)")

    def fingerprint(self) -> dict[str, Any]:
        """Everything that decides the numbers, the code of the model included."""
        return super().fingerprint() | {"code": code_hash(type(self))}

    def _generator(self, request: FillRequest) -> Generator:
        if type(self).generate is PathModel.generate:
            raise Refusal(self.name, "its class has no `generate`", hint="write such a method")
        if self.sampling != "random":
            raise Refusal("sampling", repr(self.sampling), f"'random' for {self.name}")
        _warn_slow(self.name, "its generate runs once per path in Python")
        return _PathGenerator(self, request)


def _warn_slow(name: str, why: str) -> None:
    warnings.warn(
        f"source {name} is slow: {why}; a compiled step is some hundred times faster",
        SlowSourceWarning,
        stacklevel=5,
    )


class _StepGenerator(ModelGenerator):
    def __init__(self, model: StepModel, request: FillRequest) -> None:
        constants = np.array([float(number) for number in model.constants(request.dt)])
        run = _step_kernel(model.step) if model.compiled else _step_loop(model.step)
        super().__init__(model, request, run, constants)
        self._state = np.array([float(number) for number in model.start_state(request.dt)])
        if self._state.size != len(model.states):
            raise Refusal(
                f"start_state of {model.name}",
                f"{self._state.size} numbers",
                f"{len(model.states)}, one per state",
            )

    def fill_from(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        given: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> None:
        """Write paths; the model works on prices, so bars need no exponential."""
        self._kernel(
            seeds,
            path_ids,
            antithetic,
            given,
            self._constants,
            self._state,
            self._start[0],
            self._factors,
            self._volume[0],
            out,
        )


class _PathGenerator(Generator):
    def __init__(self, model: PathModel, request: FillRequest) -> None:
        self.symbols = model.symbols
        self.steps = request.steps
        self.dt = request.dt
        self._model = model
        self._start = request.s0[0]

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Call the user's function for every path; see `Generator.fill`."""
        for n in range(seeds.size):
            # A path number of a seed needs a seed of its own; path 0 keeps the user's.
            seed = int(seeds[n])
            if path_ids[n]:
                sequence = np.random.SeedSequence([seed, int(path_ids[n])])
                seed = int(sequence.generate_state(1, np.uint64)[0])
            close = np.asarray(self._model.generate(seed, self.steps), dtype=np.float64)
            if close.shape != (self.steps,) or not np.isfinite(close).all():
                raise Refusal(
                    f"generate of {self._model.name}",
                    f"shape {close.shape}, finite: {bool(np.isfinite(close).all())}",
                    f"({self.steps},) finite prices",
                )
            out[n, 0, 3] = self._start * close
            out[n, 0, 0, 0] = self._start
            out[n, 0, 0, 1:] = out[n, 0, 3, :-1]
            np.maximum(out[n, 0, 0], out[n, 0, 3], out=out[n, 0, 1])
            np.minimum(out[n, 0, 0], out[n, 0, 3], out=out[n, 0, 2])
            out[n, 0, 4] = self._model.volume[0]


@lru_cache(maxsize=64)
def _step_kernel(step: Callable[..., float]) -> Callable[..., None]:
    """Bind a user's step into the loop and compile both."""
    return kernel(_bind(inlined(step), inlined(_fill_shocks)))


@lru_cache(maxsize=64)
def _step_loop(step: Callable[..., float]) -> Callable[..., None]:
    """Bind a user's step into the loop, which stays in Python; the shocks are compiled."""
    return _bind(step, kernel(_fill_shocks))


def _bind(step: Callable[..., float], fill_shocks: Callable[..., None]) -> Callable[..., None]:
    def fill_steps(
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        given: NDArray[np.float64],
        constants: NDArray[np.float64],
        start_state: NDArray[np.float64],
        start: float,
        factors: int,
        volume: float,
        out: NDArray[np.float64],
    ) -> None:
        steps = out.shape[3]
        shocks = np.empty((factors, GROUP))
        bar_shocks = np.empty(factors)
        state = np.empty(start_state.size)
        for n in range(seeds.size):
            price = start
            state[:] = start_state
            for t in range(steps):
                i = t % GROUP
                if i == 0:
                    fill_shocks(shocks, given, n, seeds[n], path_ids[n], t // GROUP, antithetic)
                for k in range(factors):
                    bar_shocks[k] = shocks[k, i]
                out[n, 0, 0, t] = price
                price = step(price, state, bar_shocks, constants)
                out[n, 0, 1, t] = max(out[n, 0, 0, t], price)
                out[n, 0, 2, t] = min(out[n, 0, 0, t], price)
                out[n, 0, 3, t] = price
                out[n, 0, 4, t] = volume
                for k in range(state.size):
                    out[n, 0, 5 + k, t] = state[k]

    return fill_steps


def _fill_shocks(
    out: NDArray[np.float64],
    given: NDArray[np.float64],
    row: int,
    seed: np.uint64,
    path_id: np.uint64,
    group: int,
    antithetic: bool,
) -> None:
    path = stream_path(path_id, antithetic)
    sign = antithetic_sign(path_id, antithetic)
    for factor in range(out.shape[0]):
        group_shocks(out[factor], given, row, factor, seed, path, group, sign)

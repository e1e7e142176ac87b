"""What closed-form prices of options on a source's paths depend on, as fields of the paths.

Options know no source: the constants of a model, swept and drawn ones included, reach them as
further fields of the price block, the same on every bar.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.sources.gbm import GBM
from engine.sources.generator import Generator
from engine.sources.rolling_futures import RollingFutures
from engine.sources.schwartz_1f import Schwartz1F
from engine.sources.schwartz_2f import Schwartz2F
from engine.sources.schwartz_smith import SchwartzSmith
from engine.sources.source import Source

__all__ = ["DYNAMICS_PREFIX", "WithDynamics", "dynamics_of"]

#: What the names of these fields begin with.
DYNAMICS_PREFIX: Final = "model."

_CONSTANTS: Final[dict[type[Source], tuple[str, ...]]] = {
    GBM: ("sigma",),
    Schwartz1F: ("kappa", "mu", "sigma", "lambda_"),
    Schwartz2F: ("kappa", "sigma_spot", "sigma_yield", "rho", "alpha", "lambda_", "r"),
}


def dynamics_of(source: Source) -> dict[str, float]:
    """Return the constants that closed-form prices of options on a source depend on.

    Parameters
    ----------
    source : Source
        Any.

    Returns
    -------
    dict of str to float
        By field name, such as ``model.sigma``; empty where there is no closed form, as with a
        season or a variance that starts elsewhere.

    Examples
    --------
    >>> from engine.sources import GBM, Heston
    >>> dynamics_of(GBM(sigma=0.3)), dynamics_of(Heston())
    ({'model.sigma': 0.3}, {})
    """
    model = source.model if isinstance(source, RollingFutures) else source
    if isinstance(source, RollingFutures) and isinstance(model, SchwartzSmith):
        model = model.to_schwartz_2f()  # whose states its paths have
    if getattr(model, "seasonality", ()) or getattr(model, "start_variance", ()):
        return {}
    names = _CONSTANTS.get(type(model), ())
    return {DYNAMICS_PREFIX + name: float(getattr(model, name)) for name in names}


class WithDynamics(Generator):
    """Adds constants to the paths of a generator, as fields behind its own.

    Parameters
    ----------
    inner : Generator
        Of the paths.
    constants : dict of str to float
        Of `dynamics_of`.
    """

    def __init__(self, inner: Generator, constants: dict[str, float]) -> None:
        self._inner = inner
        self._constants = np.array(list(constants.values()))
        self.symbols = inner.symbols
        self.states = inner.states + tuple(constants)
        self.steps = inner.steps
        self.warm_up = inner.warm_up
        self.dt = inner.dt
        self.timestamps = inner.timestamps
        self.lanes = inner.lanes

    def scratch(self, paths: int) -> tuple[Any, NDArray[np.float64]]:
        """Make the inner generator's buffers and room for its paths."""
        shape = (paths, len(self.symbols), len(self._inner.fields), self.steps)
        return self._inner.scratch(paths), np.empty(shape)

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: tuple[Any, NDArray[np.float64]],
    ) -> None:
        """Write the paths and, on every bar of them, the constants."""
        own, room = scratch
        paths = room[: len(out)]
        self._inner.fill(seeds, path_ids, paths, own)
        width = paths.shape[2]
        out[:, :, :width] = paths
        out[:, :, width:] = self._constants[:, None]

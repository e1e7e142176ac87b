"""The built-in sources of price paths, one line each: the only place that lists them.

A line says where everything else is found, without importing it: the source called ``kou`` is the
class of that line in ``engine.sources.kou``, and its estimator, if it has one, is
``estimate_kou`` in ``engine.calibration.kou``.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["BUILT_IN", "BuiltIn", "calibrated_on", "estimated_models", "packaged"]


class BuiltIn(NamedTuple):
    """A built-in source.

    Parameters
    ----------
    class_name : str
        Its class, public as ``engine.sources.class_name``.
    calibrated_on : tuple of str
        Classes of the data that its estimator takes; none: there is no estimator.
    weighted : bool
        Whether its estimator can weight bars by their age.
    estimator_version : str
        Version of its estimator, raised when the same data would give other estimates: stored
        calibrations of another version count as missing.
    nests : str
        The model that it becomes where some of its parameters vanish, with a likelihood of the same
        data.
    forecast : bool
        Whether log prices are normal given parameters and states, so that `mc.forecast` has them in
        closed form: ``_kou`` of `engine.calibration.forecast_law`.
    """

    class_name: str
    calibrated_on: tuple[str, ...] = ()
    weighted: bool = True
    estimator_version: str = "1"
    nests: str = ""
    forecast: bool = False


BUILT_IN: Final[dict[str, BuiltIn]] = {
    "bates": BuiltIn("Bates", ("OptionSurface",)),
    "bootstrap": BuiltIn("Bootstrap", ("Bars",), weighted=False),
    "correlated": BuiltIn("Correlated"),
    "egarch": BuiltIn("EGARCH", ("Bars",), weighted=False, nests="gbm"),
    "garch": BuiltIn("GARCH", ("Bars",), weighted=False, nests="gbm"),
    "gbm": BuiltIn("GBM", ("Bars",), forecast=True),
    "heston": BuiltIn("Heston", ("Bars", "OptionSurface"), estimator_version="2"),
    "historical": BuiltIn("Historical"),
    "kou": BuiltIn("Kou"),
    "merton": BuiltIn("Merton", ("Bars",), estimator_version="2", nests="gbm"),
    "regime_switching": BuiltIn("RegimeSwitching", ("Bars",), estimator_version="2", nests="gbm"),
    "rolling_futures": BuiltIn("RollingFutures"),
    "schwartz_1f": BuiltIn(
        "Schwartz1F",
        ("Bars", "FuturesPanel"),
        estimator_version="2",
        nests="gbm",
        forecast=True,
    ),
    "schwartz_2f": BuiltIn("Schwartz2F", ("FuturesPanel",), estimator_version="2", forecast=True),
    "schwartz_smith": BuiltIn(
        "SchwartzSmith", ("FuturesPanel",), estimator_version="2", forecast=True
    ),
    "stressed": BuiltIn("Stressed"),
}


def calibrated_on(data: str) -> tuple[str, ...]:
    """Names of the built-in models that can be estimated on a class of data, such as ``Bars``."""
    return tuple(name for name, model in BUILT_IN.items() if data in model.calibrated_on)


def estimated_models() -> tuple[str, ...]:
    """Names of the built-in models that have an estimator."""
    return tuple(name for name, model in BUILT_IN.items() if model.calibrated_on)


def packaged() -> dict[str, str]:
    """Return the sources that installed packages declare, ``module:class`` by name.

    A package does so with an entry point of the group ``mc_lab.models``, named as the source.
    """
    return _installed(tuple(sys.path))


@lru_cache(maxsize=4)
def _installed(_: tuple[str, ...]) -> dict[str, str]:
    """Return entry points by name; cached, since a search costs milliseconds per look-up."""
    from importlib.metadata import entry_points  # with a parser of e-mail

    return {point.name: point.value for point in entry_points(group="mc_lab.models")}

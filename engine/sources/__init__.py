"""Where price paths come from: models, bootstraps and history behind one interface.

A path is defined, bit for bit, by its source's fingerprint, its seed and its path number. The
definition (`engine.randomness.PATH_VERSION`) covers the layout of the random numbers
(`engine.randomness.normals`) and what they are for (`engine.randomness.Stream`), the order of sums
along a path (`engine.sources.shocks`), the bridge inside a bar (`engine.sources.bridge`) and the
polynomials of the elementary functions (`engine.compiled.ENGINE_VERSION`). A kernel writes log
closes, per group of 256 bars; `engine.sources.bar_shape` turns them into bars. No step depends on
other paths, chunks or threads.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.sources.generator import Generator
from engine.sources.parameter import Parameter, option, parameter
from engine.sources.registry import get_source, load_user_sources, make_source, source_names
from engine.sources.source import Source

if TYPE_CHECKING:
    from engine.sources.bootstrap import Bootstrap
    from engine.sources.correlated import Correlated
    from engine.sources.custom import PathModel, SlowSourceWarning, StepModel
    from engine.sources.gbm import GBM
    from engine.sources.heston import Heston
    from engine.sources.historical import Historical
    from engine.sources.merton import Merton
    from engine.sources.regime_switching import RegimeSwitching
    from engine.sources.rolling_futures import RollingFutures
    from engine.sources.schwartz_1f import Schwartz1F
    from engine.sources.schwartz_2f import Schwartz2F
    from engine.sources.schwartz_smith import SchwartzSmith

__all__ = [
    "GBM",
    "Bootstrap",
    "Correlated",
    "Generator",
    "Heston",
    "Historical",
    "Merton",
    "Parameter",
    "PathModel",
    "RegimeSwitching",
    "RollingFutures",
    "Schwartz1F",
    "Schwartz2F",
    "SchwartzSmith",
    "SlowSourceWarning",
    "Source",
    "StepModel",
    "get_source",
    "load_user_sources",
    "make_source",
    "option",
    "parameter",
    "source_names",
]

_MODULES = {
    "Bootstrap": "bootstrap",
    "Correlated": "correlated",
    "GBM": "gbm",
    "PathModel": "custom",
    "SlowSourceWarning": "custom",
    "StepModel": "custom",
    "Heston": "heston",
    "Historical": "historical",
    "Merton": "merton",
    "RegimeSwitching": "regime_switching",
    "RollingFutures": "rolling_futures",
    "Schwartz1F": "schwartz_1f",
    "Schwartz2F": "schwartz_2f",
    "SchwartzSmith": "schwartz_smith",
}


def __getattr__(name: str) -> Any:
    """Import a source's module when its class is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

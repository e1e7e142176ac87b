"""Where price paths come from: models, bootstraps and history behind one interface.

A path is defined, bit for bit, by its source's fingerprint, its seed and its path number. The
definition (`engine.randomness.PATH_VERSION`) covers the layout of the random numbers
(`engine.randomness.normals`) and what they are for (`engine.randomness.Stream`), the order of sums
along a path (`engine.sources.shocks`), the bridge inside a bar (`engine.sources.bridge`) and the
polynomials of the elementary functions (`engine.compiled.ENGINE_VERSION`). A kernel writes log
closes, per group of 256 bars; `engine.sources.bar_shape` turns them into bars. No step depends on
other paths, chunks or threads.

The classes of the built-in sources (`engine.models`) are here too, each imported when it is first
asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.models import BUILT_IN
from engine.sources.generator import Generator
from engine.sources.history import joined
from engine.sources.parameter import Parameter, option, parameter
from engine.sources.registry import get_source, load_user_sources, make_source, source_names
from engine.sources.source import Source

if TYPE_CHECKING:
    from engine.sources.custom import PathModel, SlowSourceWarning, StepModel

_MODULES = {
    "PathModel": "custom",
    "SlowSourceWarning": "custom",
    "StepModel": "custom",
    **{model.class_name: name for name, model in BUILT_IN.items()},
}

__all__ = [
    "Generator",
    "Parameter",
    "PathModel",
    "SlowSourceWarning",
    "Source",
    "StepModel",
    "get_source",
    "joined",
    "load_user_sources",
    "make_source",
    "option",
    "parameter",
    "source_names",
]
__all__ += [model.class_name for model in BUILT_IN.values()]


def __getattr__(name: str) -> Any:
    """Import a source's module when its class is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

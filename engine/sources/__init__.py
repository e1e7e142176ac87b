"""Where price paths come from: models, bootstraps and history behind one interface."""

from typing import TYPE_CHECKING, Any

from engine.sources.generator import Generator
from engine.sources.parameter import Parameter, option, parameter
from engine.sources.registry import get_source, load_user_sources, make_source, source_names
from engine.sources.source import Source

if TYPE_CHECKING:
    from engine.sources.bootstrap import Bootstrap
    from engine.sources.gbm import GBM
    from engine.sources.historical import Historical

__all__ = [
    "GBM",
    "Bootstrap",
    "Generator",
    "Historical",
    "Parameter",
    "Source",
    "get_source",
    "load_user_sources",
    "make_source",
    "option",
    "parameter",
    "source_names",
]

_CLASSES = {"GBM": "gbm", "Bootstrap": "bootstrap", "Historical": "historical"}


def __getattr__(name: str) -> Any:
    """Import a source's module when its class is first asked for."""
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return get_source(_CLASSES[name])

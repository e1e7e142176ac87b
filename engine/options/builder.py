"""Built-in option strategies in a chain of calls: ``mc.Strategy.short_strangle().put_otm(2.0)``."""

from __future__ import annotations

import copy
import copyreg
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import Refusal
from engine.strategies.conditions import read_condition
from engine.strategies.registry import get_strategy
from engine.strategies.strategy import Strategy

__all__ = ["OptionBuilder"]


class OptionBuilder:
    """An option strategy with other defaults; one method per parameter, then `build`.

    Parameters
    ----------
    name : str
        Name of the strategy.
    values : mapping, optional
        Values by parameter.

    Examples
    --------
    >>> import engine as mc
    >>> wide = mc.Strategy.short_strangle().put_otm(3.0).call_otm(2.0).roll_at_dte(0).build()
    >>> wide.parameters["put_otm"].default
    3.0

    Positions may wait for a condition over indicators:

    >>> above = mc.Strategy.short_strangle().put_otm(3.0).when("close > sma(50)").build()
    >>> above.when
    'close > sma(50)'
    """

    def __init__(self, name: str, values: Mapping[str, Any] | None = None) -> None:
        self._base = get_strategy(name)
        self._values = dict(values or {})

    def __getattr__(self, name: str) -> Callable[[Any], OptionBuilder]:
        """Return the method that sets a parameter."""
        declared = self._base.parameters
        if name not in (*declared, "when"):
            refusal = Refusal(self._base.name, repr(name), f"{', '.join(declared)}, when, build")
            raise AttributeError(str(refusal))

        def with_value(value: Any) -> OptionBuilder:
            if name == "when":
                read_condition(value, declared)
            else:
                declared[name].encode(value)
            return OptionBuilder(self._base.name, self._values | {name: value})

        return with_value

    def build(self) -> type[Strategy]:
        """Return the strategy: a class to hand to a study, whose sets may sweep the rest."""
        content: dict[str, Any] = {"name": self._base.name, "__doc__": self._base.__doc__}
        content["chosen"] = self._values
        for name, value in self._values.items():
            if name == "when":
                content[name] = value
                continue
            content[name] = copy.copy(self._base.parameters[name])
            content[name].default = value
        made: Any = _Built(self._base.__name__, (self._base,), content)
        built: type[Strategy] = made
        return built


class _Built(type):
    """Of the classes that `OptionBuilder.build` makes: processes make them again by its calls."""

    name: str
    chosen: dict[str, Any]


def _build_again(name: str, values: dict[str, Any]) -> Any:
    return OptionBuilder(name, values).build()


copyreg.pickle(_Built, lambda built: (_build_again, (built.name, built.chosen)))

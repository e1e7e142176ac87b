"""What an environment is made with, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from engine.calendar import BarCalendar
from engine.environment.layout import ORDERS, SIDES, TARGET
from engine.environment.normalisation import Normalisation
from engine.environment.reward import Reward
from engine.errors import Refusal
from engine.execution import Execution
from engine.sources import Source

__all__ = ["ACTION_KINDS_BY_NAME", "Settings"]

#: Kinds of action spaces by name.
ACTION_KINDS_BY_NAME: Final = {"sides": SIDES, "target": TARGET, "orders": ORDERS}


@dataclass(frozen=True)
class Settings:
    """Settings of environments; see `engine.environment.make_env`, which documents them.

    Raises
    ------
    Refusal
        If one is not allowed.
    """

    market: str = "mes_intraday"
    source: Source | str | None = None
    reward: Reward | type[Reward] | str = "net_pnl"
    features: Any = "default"
    actions: Literal["sides", "target", "orders"] = "sides"
    steps: int | None = None
    episode: int | Literal["session"] | None = None
    start: str | Mapping[str, float] = "first"
    warm_up: int | Literal["auto"] = "auto"
    seeds: Iterable[int] | None = None
    execution: Execution | Mapping[str, Any] | None = None
    calendar: BarCalendar | None = None
    s0: float | tuple[float, ...] | None = None
    units: float | tuple[float, ...] | None = None
    normalise: Normalisation | bool = True
    fit_paths: int = 16
    ruin: float = 0.0
    distance: float = 0.001
    order_capacity: int | None = None
    lot_capacity: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.actions, str) or self.actions not in ACTION_KINDS_BY_NAME:
            raise Refusal("actions", repr(self.actions), ", ".join(ACTION_KINDS_BY_NAME))
        named = isinstance(self.start, str) and self.start in ("first", "random", "regime")
        if not named and not (isinstance(self.start, Mapping) and len(self.start) == 1):
            raise Refusal(
                "start", repr(self.start), "'first', 'random', 'regime', or {'column': value}"
            )
        if self.calendar is not None and not isinstance(self.calendar, BarCalendar):
            told = 'such as mc.BarCalendar("CMES", "1m")'
            raise Refusal("calendar", repr(self.calendar), f"a BarCalendar, {told}")
        for name, least, also in (
            ("steps", 2, None),
            ("episode", 2, "session"),
            ("warm_up", 0, "auto"),
            ("fit_paths", 1, None),
            ("order_capacity", 1, None),
            ("lot_capacity", 1, None),
        ):
            value = getattr(self, name)
            optional = name not in ("warm_up", "fit_paths")
            if (value is None and optional) or (also is not None and value == also):
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                bars = " of bars" if name in ("steps", "episode", "warm_up") else ""
                or_word = "" if also is None else f", or {also!r}"
                raise Refusal(name, repr(value), f"a whole number{bars} >= {least}{or_word}")
        for name in ("s0", "units"):
            value = getattr(self, name)
            if value is not None and not all(map(_is_number, np.ravel(value).tolist())):
                raise Refusal(name, repr(value), "a number, or one for each symbol")
        if not _is_number(self.ruin) or not 0.0 <= self.ruin < 1.0:
            raise Refusal("ruin", repr(self.ruin), "a share of the cash, from 0 to below 1")
        if not _is_number(self.distance) or not 0.0 < self.distance <= 0.1:
            raise Refusal("distance", repr(self.distance), "a share of the price, above 0 to 0.1")

    def with_normalisation(self, normalisation: Normalisation) -> Settings:
        """Return the same with a normalisation that is fitted already, for environments alike."""
        return replace(self, normalise=normalisation, seeds=None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)

"""What an environment is made with, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

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
        if self.actions not in ACTION_KINDS_BY_NAME:
            raise Refusal("actions", repr(self.actions), ", ".join(ACTION_KINDS_BY_NAME))
        known = self.start in ("first", "random", "regime") or isinstance(self.start, Mapping)
        if not known or (isinstance(self.start, Mapping) and len(self.start) != 1):
            raise Refusal(
                "start", repr(self.start), "'first', 'random', 'regime', or {'column': value}"
            )
        for name, value, least in (("steps", self.steps, 2), ("episode", self.episode, 2)):
            if value is None or (name == "episode" and value == "session"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                also = ", or 'session'" if name == "episode" else ""
                raise Refusal(name, repr(value), f"a whole number of bars >= {least}{also}")
        if self.warm_up != "auto" and (
            isinstance(self.warm_up, bool) or not isinstance(self.warm_up, int) or self.warm_up < 0
        ):
            raise Refusal("warm_up", repr(self.warm_up), "'auto', or a whole number of bars >= 0")
        if not 0.0 <= self.ruin < 1.0:
            raise Refusal("ruin", repr(self.ruin), "a share of the cash, from 0 to below 1")
        if not 0.0 < self.distance <= 0.1:
            raise Refusal("distance", repr(self.distance), "a share of the price, above 0 to 0.1")
        if isinstance(self.fit_paths, bool) or self.fit_paths < 1:
            raise Refusal("fit_paths", repr(self.fit_paths), "a whole number >= 1")

    def with_normalisation(self, normalisation: Normalisation) -> Settings:
        """Return the same with a normalisation that is fitted already, for environments alike."""
        return replace(self, normalise=normalisation, seeds=None)

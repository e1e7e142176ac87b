"""Which ticks the project keeps: entries of ``ticks`` in the series file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.errors import Refusal
from mc_assets.providers import MarketDataError
from mc_assets.providers.errors import first_error, shown
from mc_assets.providers.paths import filled_path

__all__ = ["TickSeriesConfig", "tick_series"]

_NAME: Final = re.compile(r"[A-Za-z0-9^=._+-]{1,80}")


class TickSeriesConfig(BaseModel):
    """Ticks of a symbol on an exchange, and the files that they are in.

    Parameters
    ----------
    symbol : str
        Name of the instrument, such as ``BTCUSDT``.
    exchange : str
        Where it is traded, such as ``binance``.
    path : str or list of str
        Files or patterns of them, relative to the series file; ``{symbol}`` and ``{day}``
        (2024-08-06) are filled in. Without ``{day}`` the files are read whole for every run.
    start, end : date
        First and last day (UTC); no `end` means up to yesterday.
    clock : {"exchange", "local"}, optional
        Whose stamps order the events; by default the exchange's, where every file has them.
    negative_prices : bool
        Whether prices below zero are prices.
    columns : dict
        Canonical name to the files' column, where the guess is wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str
    exchange: str
    path: tuple[str, ...]
    start: date
    end: date | None = None
    clock: Literal["exchange", "local"] | None = None
    negative_prices: bool = False
    columns: dict[str, str] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """``SYMBOL@EXCHANGE``, the name of the series in Dagster."""
        return f"{self.symbol}@{self.exchange}"

    @property
    def daily(self) -> bool:
        """Whether each day has files of its own."""
        return any("{day}" in path for path in self.path)

    def days(self, now: datetime | None = None) -> list[date]:
        """Days of the series: from its first to its last, or to yesterday (UTC)."""
        today = (now or datetime.now(UTC)).date()
        last = self.end or today - timedelta(days=1)
        return [self.start + timedelta(days=n) for n in range((last - self.start).days + 1)]

    def files(self, folder: Path, day: date) -> list[Path]:
        """Return the files of a day.

        Raises
        ------
        MarketDataError
            If there is none.
        """
        found: list[Path] = []
        for template in self.path:
            pattern = filled_path(
                template, folder, field="path", symbol=self.symbol, day=day.isoformat()
            )
            root = Path(pattern.anchor)
            found += sorted(root.glob(str(pattern.relative_to(root))))
        if not found:
            raise MarketDataError("path", f"no file of {day}", f"one at {', '.join(self.path)}")
        return found

    @field_validator("path", mode="before")
    @classmethod
    def _one_is_enough(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("symbol", "exchange")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise Refusal("", shown(value), "up to 80 letters, digits and ^ = . _ + -")
        return value

    @model_validator(mode="after")
    def _dates_are_in_order(self) -> TickSeriesConfig:
        if self.end is not None and self.end < self.start:
            raise Refusal("end", str(self.end), f"on or after start {self.start}")
        return self


def tick_series(entries: object, where: str) -> tuple[TickSeriesConfig, ...]:
    """Read the entries of ``ticks``; ``symbols`` makes a series of each name.

    Parameters
    ----------
    entries : object
        The list in the series file; None where there is none.
    where : str
        The file, the start of an error's sentence.

    Raises
    ------
    MarketDataError
        One sentence naming file, entry, field, what was found and what is allowed.
    """
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise MarketDataError(f"{where}: ticks", shown(entries), "a list of series of ticks")
    made = [
        series
        for number, entry in enumerate(entries)
        for series in _expanded(entry, f"{where}: ticks[{number}]")
    ]
    keys = [series.key for series in made]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise MarketDataError(f"{where}: ticks", f"{twice} more than once", "once")
    return tuple(made)


def _expanded(entry: object, where: str) -> Iterable[TickSeriesConfig]:
    if not isinstance(entry, dict):
        raise MarketDataError(where, shown(entry), "a mapping")
    fields = dict(entry)
    symbols = fields.pop("symbols", None)
    if symbols is not None and ("symbol" in fields or not isinstance(symbols, list) or not symbols):
        raise MarketDataError(f"{where}.symbols", shown(symbols), "a list of names, and no symbol")
    for symbol in symbols or [fields.get("symbol")]:
        given = fields if symbol is None else {**fields, "symbol": symbol}
        try:
            yield TickSeriesConfig.model_validate(given)
        except ValidationError as error:
            raise MarketDataError("", first_error(error, where, TickSeriesConfig)) from None

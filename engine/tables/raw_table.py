"""A table of bars as it came, and how it is to be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl
from pydantic import Field

from engine.settings import SettingsGroup

__all__ = ["Layout", "RawTable"]


class Layout(SettingsGroup):
    """How to read a raw table; fields that are None are guessed from the table.

    Parameters
    ----------
    columns : dict
        Canonical name (``timestamp``, ``open``, ..., ``price``) to the table's column.
    timezone : str, optional
        IANA zone of stamps that carry none; the exchange's own by default.
    stamp : {"open", "end"}, optional
        Which end of the bar is stamped.
    date_format : str, optional
        ``strptime`` format of the stamps.
    decimal : {".", ","}, optional
        Decimal mark of the numbers.
    delimiter : str, optional
        What separated the cells; a ``;`` hints at decimal commas.
    ticks : bool, optional
        Whether prices such as ``110'165`` are points and 32nds, and not thousands.
    """

    columns: dict[str, str] = Field(default={})
    timezone: str | None = None
    stamp: Literal["open", "end"] | None = None
    date_format: str | None = None
    decimal: Literal[".", ","] | None = None
    delimiter: str | None = None
    ticks: bool | None = None


@dataclass(frozen=True)
class RawTable:
    """What a provider sent for one symbol, in the provider's own columns.

    Parameters
    ----------
    symbol, timeframe : str
        The series.
    frame : polars.DataFrame
        Rows as they came. Columns that start with an underscore are the project's own:
        ``_file`` and ``_line`` say where a row stands; ``_reason`` (a row check) and
        ``_message`` that the provider itself found that it is no bar.
    provider : str
        Name of the provider.
    adjustment : str
        What the prices are adjusted for.
    layout : Layout
        How to read the frame.
    """

    symbol: str
    timeframe: str
    frame: pl.DataFrame
    provider: str
    adjustment: str = "raw"
    layout: Layout = field(default_factory=Layout)

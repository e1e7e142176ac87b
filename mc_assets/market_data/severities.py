"""Severity and thresholds of the quality checks."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.errors import Refusal

__all__ = ["CHECK_DESCRIPTIONS", "DEFAULT_SEVERITIES", "QualityConfig", "Severity"]

Severity = Literal["ignore", "warn", "error"]

# Severity and description of each check. An error stops computations based on the bars, a warning
# is only shown. Conditions that are normal in real data (holidays without a price, quiet minutes,
# rounding by providers) must not stop a nightly run.
_CHECKS: Final[dict[str, tuple[Severity, str]]] = {
    # Rows that are not bars: always quarantined, whatever the severity.
    "text_cell": ("error", "A cell that should hold a number holds something else."),
    "bad_timestamp": ("error", "A row's date or time cannot be read."),
    "bad_row": ("error", "A row has more cells than the table has columns."),
    "note": ("warn", "A remark above or below the table, without a date or a number."),
    "non_finite": ("error", "A price or volume is NaN or infinite."),
    "missing_price": ("warn", "A row lacks one of its four prices, or holds zeros for them all."),
    "ohlc_order": ("warn", "The open or close lies outside the range from low to high."),
    "negative_volume": ("warn", "A volume is below zero."),
    "repeated_timestamp": ("warn", "A second row for the same bar; the first is kept."),
    "future": ("error", "A bar opens after the moment it was fetched."),
    "bad_contract": ("warn", "A futures price of a contract without expiry, or past it."),
    # Bars that are kept but reported.
    "no_bars": ("warn", "Not one bar in a range in which the exchange was open."),
    "non_positive_price": ("warn", "A price of zero or less."),
    "gap": ("warn", "Bars are missing in sessions of the exchange's calendar."),
    "stale": ("warn", "Several bars in a row with one price and no range."),
    "outlier": ("warn", "A move far beyond the moves before it."),
    "unit_error": ("error", "Prices a hundred times too large or small beside their neighbours."),
    "unadjusted_split": ("warn", "The price opens at a usual split ratio of the close before."),
    "zero_volume": ("warn", "A bar with a volume of zero in a series that has volumes."),
    "missing_volume": ("warn", "A bar whose volume is not given in a series that has volumes."),
    "off_session": ("warn", "A bar opens outside the sessions of the exchange."),
    "bar_count": ("warn", "A year has fewer or more bars than its exchange's calendar."),
    "restated": ("warn", "A provider sent another value for a bar that was stored."),
    "withdrawn": ("warn", "A provider no longer sends a bar that was stored."),
    "repaired": ("warn", "A price was put into its neighbours' unit, as the configuration asks."),
    "provider_disagreement": ("warn", "Two series of one symbol disagree on a close."),
}

DEFAULT_SEVERITIES: Final[MappingProxyType[str, Severity]] = MappingProxyType(
    {name: severity for name, (severity, _) in _CHECKS.items()}
)
CHECK_DESCRIPTIONS: Final[MappingProxyType[str, str]] = MappingProxyType(
    {name: description for name, (_, description) in _CHECKS.items()}
)


class QualityConfig(BaseModel):
    """How strict the checks of one series are.

    Parameters
    ----------
    severities : dict
        Check name to ``ignore``, ``warn`` or ``error``; the rest keep their defaults.
    stale_bars : int
        A run of this many bars with one price and no range is stale.
    outlier_sigmas : float
        A return beyond this many robust standard deviations (1.4826 × median absolute
        deviation over `outlier_window` bars) is an outlier.
    outlier_minimum : float
        A return smaller than this (absolute, as a fraction) never is one.
    outlier_window : int
        Bars of the rolling window.
    overlap_tolerance : float
        Relative difference between two providers' closes that is still agreement.
    withdrawn_bars : int
        Number of stored bars that one fetch may withdraw. A fetch that would withdraw more, or
        more than half of a finished year, fails and changes nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    severities: dict[str, Severity] = Field(default_factory=dict)
    stale_bars: int = Field(default=5, ge=2, le=100_000)
    outlier_sigmas: float = Field(default=12.0, ge=0.1, le=1_000)
    outlier_minimum: float = Field(default=0.15, ge=1e-9, le=10)
    outlier_window: int = Field(default=63, ge=5, le=100_000)
    overlap_tolerance: float = Field(default=1e-6, ge=0, le=1)
    withdrawn_bars: int = Field(default=5, ge=0, le=10_000_000)

    @field_validator("severities")
    @classmethod
    def _checks_are_known(cls, value: dict[str, Severity]) -> dict[str, Severity]:
        for name in value:
            if name not in DEFAULT_SEVERITIES:
                raise Refusal("", repr(name), ", ".join(DEFAULT_SEVERITIES))
        return value

    def severity(self, check: str) -> Severity:
        """Severity of `check`: configured, or its default."""
        return self.severities.get(check, DEFAULT_SEVERITIES[check])

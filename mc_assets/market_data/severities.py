"""Severity and thresholds of the quality checks."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["DEFAULT_SEVERITIES", "QualityConfig", "Severity"]

Severity = Literal["ignore", "warn", "error"]

# An error stops what is computed from the bars; a warning is shown. What real data holds every
# day (holidays without a price, quiet minutes, provider roundings) must not stop a nightly run.
DEFAULT_SEVERITIES: Final[MappingProxyType[str, Severity]] = MappingProxyType(
    {
        # Rows that cannot be bars: always quarantined, whatever the severity.
        "text_cell": "error",
        "bad_timestamp": "error",
        "bad_row": "error",
        "note": "warn",
        "non_finite": "error",
        "missing_price": "warn",
        "ohlc_order": "warn",
        "negative_volume": "warn",
        "repeated_timestamp": "warn",
        "future": "error",
        "bad_contract": "warn",
        # Bars that are kept and reported.
        "no_bars": "warn",
        "non_positive_price": "warn",
        "gap": "warn",
        "stale": "warn",
        "outlier": "warn",
        "unit_error": "error",
        "unadjusted_split": "warn",
        "zero_volume": "warn",
        "off_session": "warn",
        "restated": "warn",
        "withdrawn": "warn",
        "repaired": "warn",
        "provider_disagreement": "warn",
    }
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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    severities: dict[str, Severity] = Field(default_factory=dict)
    stale_bars: int = Field(default=5, ge=2)
    outlier_sigmas: float = Field(default=12.0, gt=0)
    outlier_minimum: float = Field(default=0.15, gt=0)
    outlier_window: int = Field(default=63, ge=5)
    overlap_tolerance: float = Field(default=1e-6, ge=0)

    @field_validator("severities")
    @classmethod
    def _checks_are_known(cls, value: dict[str, Severity]) -> dict[str, Severity]:
        for name in value:
            if name not in DEFAULT_SEVERITIES:
                raise ValueError(f"found {name!r}, allowed {', '.join(DEFAULT_SEVERITIES)}")
        return value

    def severity(self, check: str) -> Severity:
        """Severity of `check`: configured, or its default."""
        return self.severities.get(check, DEFAULT_SEVERITIES[check])

"""Time zones in column names: ``Time (EET)``, ``Date (UTC+02:00)``."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.tables.errors import MarketDataError

__all__ = ["ABBREVIATIONS", "zone_named"]

#: Hours from UTC of zone abbreviations in exports.
ABBREVIATIONS: Final = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "IST": 5.5, "HKT": 8, "SGT": 8, "JST": 9,
}  # fmt: skip
# Abbreviations of regions, with daylight saving.
_REGIONS: Final = {
    "ET": "America/New_York", "NY": "America/New_York", "CT": "America/Chicago",
    "MT": "America/Denver", "PT": "America/Los_Angeles", "IST": "Asia/Kolkata", "G": "UTC",
}  # fmt: skip


def zone_named(column: str, where: str) -> str | None:
    """IANA zone that a column's name tells, or None.

    Parameters
    ----------
    column : str
        Name of a column of stamps; a zone in brackets counts, and ``UTC`` or ``GMT`` anywhere.
    where : str
        Start of an error's sentence.

    Raises
    ------
    MarketDataError
        If the name tells an offset that no zone has.

    Notes
    -----
    Letters mean what the zone database says: ``CET`` and ``EET`` have summer time, ``EST`` has
    none. What it does not know (``EDT``, ``JST``) is a fixed offset.
    """
    bracket = re.search(r"[\[(]\s*([^\])]+?)\s*[\])]", column)
    text = bracket[1] if bracket else ""
    offset = re.search(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?$", text, re.IGNORECASE)
    if offset is not None:
        hours, minutes = int(offset[2]), int(offset[3] or 0)
        if minutes or hours > 12:
            raise MarketDataError(
                f"{where}: column {column}",
                "an offset of no whole hours",
                "one, or the zone under options.timezone",
            )
        # Etc zones have the opposite sign.
        return f"Etc/GMT{'-' if offset[1] == '+' else '+'}{hours}" if hours else "UTC"
    if re.search("utc|gmt", column, re.IGNORECASE):
        return "UTC"
    name = text.upper()
    if name in _REGIONS:
        return _REGIONS[name]
    for known in (text, name):
        try:
            ZoneInfo(known)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            continue
        return known
    if name in ABBREVIATIONS:
        return f"Etc/GMT{-int(ABBREVIATIONS[name]):+d}"
    return None

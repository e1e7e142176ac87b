"""Names of contracts in files: by month, or by position in the curve."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

__all__ = ["MONTH_LETTERS", "contract_labels", "contract_name", "names_month", "parse_contract"]

MONTH_LETTERS: Final = "FGHJKMNQUVXZ"
_MONTHS: Final = (
    "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER",
    "OCTOBER", "NOVEMBER", "DECEMBER",
)  # fmt: skip
_NAMED: Final = "|".join(f"{name[:3]}(?:{name[3:]}|T)?" for name in _MONTHS)
# NYMEX:CLG07, /CLG07, CHRIS/CME_CL1, CME_CLG2007.
_VENUE: Final = re.compile(r"^(?:@|/|[A-Z]+[:/])*(?:[A-Z]+_(?=[A-Z]{2}))?", re.IGNORECASE)
# A unit in brackets, or a field name that a vendor adds to the contract.
_UNIT: Final = re.compile(r"\s*\([^)]*\)$")
_FIELD: Final = re.compile(
    r"[\s_.:-]+(?:px_)?(?:settle(?:ment)?(?:[ _]price)?|last|close|price)$", re.IGNORECASE
)
_END: Final = r"(?:[. ][A-Z]+)?"
_PLACE: Final = re.compile(
    r"(?P<stem>|.*\D)(?P<rank>\d{1,2})(?: Comdty|!|st|nd|rd|th)?", re.IGNORECASE
)
# Databento counts from zero: CL.c.0 is the front contract.
_FROM_ZERO: Final = re.compile(r"[A-Z]+\.[cvn]\.(?P<rank>\d{1,2})", re.IGNORECASE)


def contract_name(root: str, year: int, month: int) -> str:
    """Name of a contract: root, month letter and four digits of the year (``CLG2007``)."""
    return f"{root}{MONTH_LETTERS[month - 1]}{year}"


def parse_contract(code: str, root: str) -> str | None:
    """Canonical name of a contract: ``CLG07``, ``CLG2007.NYM``, ``200702`` or ``Feb-07``.

    Two-digit years from 70 on are of the last century. None for anything else, such as a year of
    one digit.
    """
    text = _bare(code).upper()
    own = re.escape(root.upper())
    year = r"(?P<year>\d{4}|\d{2})"
    for pattern in (
        rf"(?:{own}[ _]?)?(?P<letter>[{MONTH_LETTERS}]){year}{_END}",
        rf"(?:{own}[ _-]?)?(?P<name>{_NAMED})[-/ '_]*{year}{_END}",
        r"[A-Z] (?P<name>[A-Z]{3}) (?P<year>\d{4})",
        rf"(?:{own}[ _-]?)?(?P<year>\d{{4}})[-/ _]?(?P<month>\d\d)",
        rf"(?:{own}[ _-]?)?(?P<month>\d{{1,2}})[-/](?P<year>\d{{4}})",
        # NinjaTrader's CL 02-07; without the root it could be a date.
        rf"{own} (?P<month>\d\d)-(?P<year>\d\d)",
    ):
        match = re.fullmatch(pattern, text)
        if match is not None:
            month = _month(match.groupdict())
            return contract_name(root, _year(match["year"]), month) if 1 <= month <= 12 else None
    return None


def contract_labels(texts: Sequence[str], root: str, *, places: bool = True) -> dict[str, str]:
    """Labels of the texts that name contracts.

    Parameters
    ----------
    texts : sequence of str
        All columns of a wide file, or all cells of a long file's column: ``F20`` is January 2020
        beside ``G20``, and the 20th nearby contract beside ``F1``.
    root : str
        The product's root symbol.
    places : bool
        Whether numbers alone count contracts (1 = nearest).

    Returns
    -------
    dict
        Text to label: ``CLG2007``; ``#2`` for the second nearby contract; ``?G7`` where the year
        has one digit, and the day of a price says which year it is.
    """
    bare = {text: _bare(text) for text in texts}
    own = root.upper()
    letters: dict[str, str] = {}
    rooted = False
    stems: dict[str, dict[str, int]] = defaultdict(dict)
    for text, short in bare.items():
        from_zero = _FROM_ZERO.fullmatch(short)
        match = from_zero or _PLACE.fullmatch(short)
        if match is None:
            continue
        stem = "." if from_zero else match["stem"].upper()
        stems[stem][text] = int(match["rank"]) + bool(from_zero)
        month = re.fullmatch(
            rf"({re.escape(own)}[ _]?)?([{MONTH_LETTERS}])(\d){_END}", short.upper()
        )
        if month is not None:
            letters[text] = f"?{month[2]}{month[3]}"
            rooted = rooted or month[1] is not None
    # F1, F5, F13 are positions; F0, G0 and XF0 are months.
    if not rooted and len({label[1] for label in letters.values()}) == 1:
        letters = {}
    labels = dict(letters)
    counted = _counted(stems, own, places, labels)
    for text in texts:
        if text in counted:
            labels[text] = f"#{counted[text]}"
        elif text not in labels and (name := parse_contract(text, root)) is not None:
            labels[text] = name
    return labels


def names_month(text: str) -> bool:
    """Whether a text is letters and a year, as ``Feb-07`` is, in whatever language."""
    return bool(re.fullmatch(r"(?:\w+ )?[^\W\d_]{3,9}\.?[-/ '_]*(?:\d{4}|\d{2})", _bare(text)))


def _counted(
    stems: dict[str, dict[str, int]], own: str, places: bool, months: dict[str, str]
) -> dict[str, int]:
    """Positions of the texts that number contracts, of the root or from the first one on."""
    counting = {}
    for stem, ranks in stems.items():
        named = re.search(rf"(?:^|[^A-Z])(?:{own})?(?:{_NAMED})[-/ '_]*$", stem)
        rooted = re.fullmatch(rf"(?:[A-Z]+\.)?{re.escape(own)}[_ .]?[C#]?", stem) is not None
        wordy = not re.search(r"\d", stem) and not named and (places or stem != "")
        usable = rooted or (wordy and 1 in ranks.values())
        if usable and not ranks.keys() & months.keys() and min(ranks.values()) > 0:
            counting[stem] = (rooted, ranks)
    # Next to CL1, OI1 is not a contract.
    chosen = [ranks for rooted, ranks in counting.values() if rooted] or [
        ranks for _, ranks in counting.values()
    ]
    return chosen[0] if len(chosen) == 1 else {}


def _bare(text: str) -> str:
    """Text without unit, field and venue."""
    without = _UNIT.sub("", text.strip()) if not re.match(r"[A-Z] \(", text.strip()) else text
    short = _VENUE.sub("", _FIELD.sub("", without.strip()))
    # Cboe writes F (Jan 2020).
    return re.sub(r"[()]", "", short)


def _month(found: dict[str, str | None]) -> int:
    if letter := found.get("letter"):
        return MONTH_LETTERS.index(letter) + 1
    if name := found.get("name"):
        starts = [month[:3] for month in _MONTHS]
        return starts.index(name[:3]) + 1 if name[:3] in starts else 0
    return int(found["month"] or 0)


def _year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= 70 else 2000)

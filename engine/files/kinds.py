"""The kinds of files under a data root, by folder, and how a damaged one is made again."""

from __future__ import annotations

from pathlib import PurePath
from types import MappingProxyType
from typing import Final

__all__ = ["KINDS", "kind_of"]

_STUDY: Final = "`mc run STUDY` computes the part again"
_BARS: Final = "`mc ingest SERIES` makes it again from what the provider sent"
_REPORT: Final = "`mc report STUDY` writes it again"

#: What to do about a damaged file, by the folder under the data root that it lies in.
KINDS: Final = MappingProxyType(
    {
        "simulations": _STUDY,
        "equity": _STUDY,
        "trades": _STUDY,
        "manifests": _STUDY,
        "unfinished": "`mc run STUDY` begins its simulations anew",
        "jobs": "the run that it is of is listed no more; nothing else depends on it",
        "results": "`mc run STUDY` writes it anew",
        "paper": "nothing makes a journal again: stop at the broker, and trade as another study",
        "paper_comparison": "`mc paper compare STUDY` measures it again",
        "ledger": (
            "`mc run STUDY` of the study that tried them counts its trials again, "
            "`mc trials STRATEGY --archive` writes an archive again"
        ),
        "statistics": _REPORT,
        "lineage": _REPORT,
        "study_warnings": _REPORT,
        "error_budget": _REPORT,
        "attribution": _REPORT,
        "rare_events": _REPORT,
        "overfitting": _REPORT,
        "panel": "`mc panel STRATEGY --symbol SYMBOL` makes it again",
        "policies": "`mc train POLICY` makes it again",
        "walk_forward": "materialise `walk_forward_windows` of its study in `mc ui`",
        "nightly_statistics": "materialise `nightly_simulations` of its date in `mc ui`",
        "raw_bars": "`mc ingest SERIES` fetches it again",
        "bars": _BARS,
        "bars_quarantine": _BARS,
        "bars_quality": _BARS,
        "bars_factors": _BARS,
        "futures_curves": _BARS,
        "ticks": "`mc ticks import` of its files makes the day again",
        "ticks_quarantine": "`mc ticks import` of its files makes it again",
        "calibrations": (
            "`mc calibrate SERIES` makes the newest date again, a backfill in `mc ui` the others"
        ),
        "source_realism": "materialise `source_realism` of its dates in `mc ui`",
        "reports": "`mc optimise run` of the experiment makes it again",
        "service": (
            "of keys: move it away and `mc keys add` each anew; of an answer: ask `mc serve` again"
        ),
        "warehouse": "the next `mc sql` publishes it anew",
    }
)


def kind_of(path: PurePath) -> str | None:
    """Return the kind of a file: the nearest folder above it that is one of `KINDS`.

    Examples
    --------
    >>> kind_of(PurePath("data/bars/1d/SP500/2020.parquet"))
    'bars'
    """
    return next((part for part in reversed(path.parts[:-1]) if part in KINDS), None)

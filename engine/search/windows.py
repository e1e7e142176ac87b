"""Which bars a choice is made on, and which it is judged on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = [
    "Fold",
    "PurgedSplits",
    "WalkForwardWindow",
    "check_whole",
    "purged_splits",
    "walk_forward_windows",
]

Integers = NDArray[np.int64]

# Of each window, where nothing else is said.
_IN_SAMPLE_SHARE = 0.7


@dataclass(frozen=True)
class WalkForwardWindow:
    """Bars to choose on, and the bars after them to judge on; both ends are included.

    Parameters
    ----------
    first_in, last_in : int
        In sample.
    first_out, last_out : int
        Out of sample.
    """

    first_in: int
    last_in: int
    first_out: int
    last_out: int


def check_whole(field: str, value: object, least: int) -> None:
    """Refuse what is no whole number, or too small a one.

    Raises
    ------
    Refusal
        With the name of the field.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise Refusal(field, repr(value), f"a whole number >= {least}")


def walk_forward_windows(
    bar_count: int,
    *,
    in_sample: int | None = None,
    out_of_sample: int | None = None,
    count: int | None = None,
    anchored: bool = False,
    purge: int = 0,
) -> list[WalkForwardWindow]:
    """Lay windows one after the other over bars; whole ones, from the first bar.

    Parameters
    ----------
    bar_count : int
        How many there are.
    in_sample, out_of_sample : int, optional
        Bars of each. Windows move by as many as are out of sample, so that every bar after the
        first window is judged once.
    count : int, optional
        In place of both: as many windows of which 70 % is in sample.
    anchored : bool
        Whether every window begins at the first bar, so that later ones see more.
    purge : int
        Bars left out between the two, so that what is held or looked at in sample has ended.

    Raises
    ------
    Refusal
        If no window fits, or both forms are given.

    Examples
    --------
    >>> walk_forward_windows(10, in_sample=4, out_of_sample=3)
    [WalkForwardWindow(first_in=0, last_in=3, first_out=4, last_out=6), \
WalkForwardWindow(first_in=3, last_in=6, first_out=7, last_out=9)]
    """
    both = in_sample is not None and out_of_sample is not None
    if both == (count is not None) or (in_sample is None) != (out_of_sample is None):
        given = {"in_sample": in_sample, "out_of_sample": out_of_sample, "count": count}
        named = [name for name, value in given.items() if value is not None]
        raise Refusal(
            "windows",
            " and ".join(named) or "no length and no count",
            "in_sample and out_of_sample, or a count",
        )
    if purge < 0:
        raise Refusal("windows.purge", str(purge), "0 or more bars")
    if count is not None:
        if count < 1:
            raise Refusal("windows.count", str(count), "at least 1")
        # All but the first window's bars in sample are out of sample once: with r bars in sample
        # per bar out of sample, r + count stretches fill the bars.
        ratio = _IN_SAMPLE_SHARE / (1.0 - _IN_SAMPLE_SHARE)
        out_of_sample = int((bar_count - purge) / (count + ratio))
        in_sample = bar_count - purge - count * out_of_sample
    assert in_sample is not None
    assert out_of_sample is not None
    whole = in_sample + purge + out_of_sample
    if min(in_sample, out_of_sample) < 1 or whole > bar_count:
        raise Refusal(
            "windows",
            f"{in_sample} bars in sample, {purge} left out and {out_of_sample} out of sample",
            f"at least 1 of each, together at most the {bar_count} bars there are",
        )
    return [
        WalkForwardWindow(
            0 if anchored else first,
            first + in_sample - 1,
            first + in_sample + purge,
            first + whole - 1,
        )
        for first in range(0, bar_count - whole + 1, out_of_sample)
    ]


@dataclass(frozen=True, eq=False)
class Fold:
    """One way of leaving folds out.

    Parameters
    ----------
    train : ndarray of int64
        Bars to choose on.
    test : tuple of ndarray of int64
        Bars of each fold that is left out.
    folds : tuple of int
        Their numbers.
    """

    train: Integers
    test: tuple[Integers, ...]
    folds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PurgedSplits:
    """Combinatorial purged cross-validation: every choice of folds, and the paths they make.

    Parameters
    ----------
    splits : tuple of Fold
        In the order of the folds that are left out.
    paths : ndarray of int64, shape (splits, test folds)
        To which out-of-sample path each tested fold belongs: each path has every fold once.
    """

    splits: tuple[Fold, ...]
    paths: Integers


def purged_splits(
    bar_count: int, folds: int, test_folds: int = 2, *, purge: int = 0, embargo: int = 0
) -> PurgedSplits:
    """Split bars in every way that leaves some of the folds out.

    Parameters
    ----------
    bar_count : int
        How many there are.
    folds : int
        Into how many stretches of nearly equal length they fall.
    test_folds : int
        How many are left out each time.
    purge : int
        Training bars dropped on both sides of every stretch that is left out, since their labels
        or positions reach into it.
    embargo : int
        Further training bars dropped after it, since what is serially correlated leaks forward.

    Raises
    ------
    Refusal
        If there are fewer bars than folds, or nothing is left to train on.

    Notes
    -----
    Lopez de Prado (2018), Advances in Financial Machine Learning, chapter 12. Of C(folds, k)
    splits each fold is left out in a share k / folds, which makes C(folds, k) k / folds paths.

    Examples
    --------
    >>> found = purged_splits(12, folds=3, test_folds=1, purge=1, embargo=1)
    >>> found.splits[1].train.tolist()
    [0, 1, 2, 10, 11]
    """
    for name, value, least in (
        ("folds", folds, 2),
        ("test_folds", test_folds, 0),
        ("purge", purge, 0),
        ("embargo", embargo, 0),
    ):
        check_whole(name, value, least)
    if not 1 <= test_folds < folds <= bar_count:
        raise Refusal(
            "folds",
            f"{test_folds} of {folds} folds over {bar_count} bars",
            "more folds than are left out, and a bar for each",
        )
    if purge < 0 or embargo < 0:
        raise Refusal("purge, embargo", f"{purge}, {embargo}", "0 or more bars")
    parts = _parts(bar_count, folds)
    every = list(itertools.combinations(range(folds), test_folds))
    splits = tuple(
        Fold(
            _train(bar_count, parts, chosen, purge, embargo),
            tuple(parts[one] for one in chosen),
            chosen,
        )
        for chosen in every
    )
    if any(len(split.train) == 0 for split in splits):
        raise Refusal(
            "purge, embargo",
            f"{purge} and {embargo} bars",
            "fewer, so that bars to train on are left",
        )
    used = np.zeros(folds, dtype=np.int64)
    paths = np.empty((len(every), test_folds), dtype=np.int64)
    for row, chosen in enumerate(every):
        for column, one in enumerate(chosen):
            paths[row, column] = used[one]
            used[one] += 1
    return PurgedSplits(splits, paths)


def _parts(bar_count: int, folds: int) -> list[Integers]:
    """Cut bars into folds; the last takes what is left over."""
    size = bar_count // folds
    ends = [size * fold for fold in range(folds)] + [bar_count]
    return [np.arange(first, last) for first, last in itertools.pairwise(ends)]


def _train(
    bar_count: int, parts: Sequence[Integers], chosen: Sequence[int], purge: int, embargo: int
) -> Integers:
    kept = np.ones(bar_count, dtype=bool)
    for fold in chosen:
        first, last = int(parts[fold][0]), int(parts[fold][-1])
        kept[max(first - purge, 0) : last + 1 + purge + embargo] = False
    return np.flatnonzero(kept)

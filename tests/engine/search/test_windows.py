"""Windows and splits against a public package, and by their own rules."""

from __future__ import annotations

import itertools
import json
from math import comb
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine as mc
from engine.errors import Refusal
from engine.search.windows import purged_splits, walk_forward_windows


def test_windows_are_those_of_a_public_package(reference: Path) -> None:
    cases = json.loads((reference / "search" / "walk_forward_skfolio.json").read_text())["cases"]
    for case in cases:
        found = walk_forward_windows(
            case["n"],
            in_sample=case["train_size"],
            out_of_sample=case["test_size"],
            anchored=case.get("expand_train", False),
        )
        assert [list(vars(window).values()) for window in found] == case["windows"]


def test_splits_and_paths_are_those_of_a_public_package(reference: Path) -> None:
    cases = json.loads((reference / "search" / "cpcv_skfolio.json").read_text())["cases"]
    for case in cases:
        found = purged_splits(
            case["n"],
            case["n_folds"],
            case["n_test_folds"],
            purge=case["purged_size"],
            embargo=case["embargo_size"],
        )
        assert len(found.splits) == case["n_splits"]
        for split, expected in zip(found.splits, case["splits"], strict=True):
            assert split.train.tolist() == expected["train"]
            assert [part.tolist() for part in split.test] == expected["test"]
        assert found.paths.tolist() == case["path_ids"]
        assert found.paths.max() + 1 == case["n_test_paths"]


@given(
    bars=st.integers(10, 400),
    folds=st.integers(2, 7),
    left_out=st.integers(1, 6),
    purge=st.integers(0, 5),
    embargo=st.integers(0, 5),
)
def test_no_training_bar_lies_near_what_is_left_out(
    bars: int, folds: int, left_out: int, purge: int, embargo: int
) -> None:
    if left_out >= folds:
        return
    try:
        found = purged_splits(bars, folds, left_out, purge=purge, embargo=embargo)
    except Refusal:
        longest = bars // folds + folds
        assert left_out * (longest + 2 * purge + embargo) >= bars - folds
        return
    assert len(found.splits) == comb(folds, left_out)
    for split in found.splits:
        train = set(split.train.tolist())
        for part in split.test:
            near = range(int(part[0]) - purge, int(part[-1]) + 1 + purge + embargo)
            assert not train & set(near)
        dropped = set(range(bars)) - train - {int(bar) for part in split.test for bar in part}
        allowed = {
            bar
            for part in split.test
            for bar in (
                *range(int(part[0]) - purge, int(part[0])),
                *range(int(part[-1]) + 1, int(part[-1]) + 1 + purge + embargo),
            )
        }
        assert dropped <= allowed
    # Each path has every fold once.
    whole = sorted(
        (int(path), fold)
        for split, row in zip(found.splits, found.paths, strict=True)
        for fold, path in zip(split.folds, row, strict=True)
    )
    paths = comb(folds, left_out) * left_out // folds
    assert whole == list(itertools.product(range(paths), range(folds)))


@given(
    bars=st.integers(20, 2000),
    count=st.integers(1, 12),
    purge=st.integers(0, 5),
    anchored=st.booleans(),
)
def test_every_bar_after_the_first_window_is_judged_once(
    bars: int, count: int, purge: int, anchored: bool
) -> None:
    try:
        found = walk_forward_windows(bars, count=count, purge=purge, anchored=anchored)
    except Refusal:
        assert bars < 60
        return
    assert len(found) == count
    judged = [bar for one in found for bar in range(one.first_out, one.last_out + 1)]
    assert judged == list(range(found[0].first_out, bars))
    for one in found:
        assert one.first_out - one.last_in == 1 + purge
    inside = found[0].last_in - found[0].first_in + 1
    outside = found[0].last_out - found[0].first_out + 1
    if bars > 500:
        assert inside / (inside + outside) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "in_sample and out_of_sample, or a count"),
        ({"in_sample": 5}, "in_sample and out_of_sample, or a count"),
        ({"in_sample": 5, "out_of_sample": 5, "count": 2}, "or a count"),
        ({"in_sample": 90, "out_of_sample": 11}, "together at most the 100 bars there are"),
        ({"in_sample": 0, "out_of_sample": 5}, "at least 1 of each"),
        ({"count": 0}, "at least 1"),
        ({"count": 200}, "at least 1 of each"),
        ({"count": 2, "purge": -1}, "0 or more bars"),
    ],
)
def test_windows_that_do_not_fit_are_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        walk_forward_windows(100, **asked)


@pytest.mark.parametrize(("bars", "folds", "left_out"), [(5, 6, 1), (10, 3, 3), (10, 3, 0)])
def test_folds_that_cannot_be_are_one_sentence(bars: int, folds: int, left_out: int) -> None:
    with pytest.raises(Refusal, match="more folds than are left out"):
        purged_splits(bars, folds, left_out)


def test_numbers_of_windows_and_folds_are_whole() -> None:
    with pytest.raises(Refusal, match=r"^folds: found 2.5, allowed a whole number >= 2$"):
        purged_splits(40, folds=2.5)  # type: ignore[arg-type]
    study = mc.Study("x", mc.GBM(), "buy_and_hold", {"weight": [0.5, 1.0]}, seeds=2, steps=40)
    with pytest.raises(Refusal, match=r"^windows.count: found 2.5, allowed a whole number >= 1$"):
        mc.walk_forward(study, count=2.5)  # type: ignore[arg-type]
    with pytest.raises(
        Refusal, match=r"^windows.in_sample: found True, allowed a whole number >= 1"
    ):
        mc.walk_forward(study, in_sample=True, out_of_sample=5)

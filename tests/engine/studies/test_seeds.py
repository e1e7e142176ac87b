"""Seed sets."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refusal
from engine.studies.seeds import check_seeds, draw_seeds, list_seed_sets, load_seeds, write_seed_set

# SHA-256 of the seeds, one per line. A change here breaks every result that names a set.
FROZEN = {
    "stage_1": (25, "4a83527f59339c2f2140322d919dee7b03005a60298e7f3179f87820e382ca24"),
    "stage_2": (100, "a2406075bde3ebe5cb4c335ac7206e035e00721cd50520193a44d89748ce1931"),
    "stage_3": (200, "740cd1664b99bc013b9886d6a560c7276183d8988723b2511e44bf974a2ffa72"),
    "testbed_150": (150, "41c3767b4d38ede839fb90bb4a3117e921f0f4209d10e977a7f0c0046571e71b"),
}


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_a_published_seed_set_never_changes(name: str) -> None:
    count, digest = FROZEN[name]
    seeds = load_seeds(name)
    assert len(seeds) == count
    assert seeds.max() < 1_000_000_000
    text = "\n".join(str(seed) for seed in seeds.tolist())
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_a_published_seed_set_can_be_drawn_again_from_its_name(name: str) -> None:
    np.testing.assert_array_equal(load_seeds(name), draw_seeds(name, FROZEN[name][0]))


def test_the_published_sets_share_no_seed() -> None:
    everything = np.concatenate([load_seeds(name) for name in FROZEN])
    assert len(np.unique(everything)) == len(everything)


def test_drawn_seeds_are_uniform_and_distinct() -> None:
    seeds = draw_seeds("uniformity", 20_000)
    assert len(np.unique(seeds)) == 20_000
    counts, _ = np.histogram(seeds.astype(float), bins=20, range=(0, 1e9))
    # 19 degrees of freedom: mean 19, standard deviation 6.2.
    assert ((counts - 1000) ** 2 / 1000).sum() < 19 + 4 * 6.2


def test_comments_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("# mine\n\n5\n 7  # lucky\n18446744073709551615\n")
    assert load_seeds(path).tolist() == [5, 7, 2**64 - 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5\n6\n5\n", "line 3: found 5, as on line 1, allowed each seed once"),
        ("5\n6.5\n", "line 2: found '6.5', allowed a whole number from 0 to 2\\*\\*64 - 1"),
        ("-1\n", "line 1: found '-1'"),
        ("x\n", "line 1: found 'x'"),
        ("18446744073709551616\n", "line 1"),
        ("# nothing\n", "holds no seed"),
    ],
)
def test_a_bad_seed_file_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(Refusal, match=expected) as caught:
        load_seeds(path)
    assert str(path) in str(caught.value)


def test_an_unknown_seed_set_lists_the_known_ones() -> None:
    with pytest.raises(Refusal, match=r"'stage_9'.*stage_1, stage_2, stage_3"):
        load_seeds("stage_9")


@pytest.mark.parametrize("bad", [[1, 1], [1.5], ["7"], [True], [-1], [2**64], []])
def test_inline_seeds_are_checked(bad: list[object]) -> None:
    with pytest.raises(Refusal) as caught:
        check_seeds(bad)
    assert re.match(r"seeds(\[\d\])?: (found|there is no seed)", str(caught.value.within("seeds")))


def test_a_new_set_is_written_once_and_never_overwritten(tmp_path: Path) -> None:
    path = write_seed_set("mine", 10, folder=tmp_path)
    before = path.read_bytes()
    with pytest.raises(Refusal, match="exists"):
        write_seed_set("mine", 20, folder=tmp_path)
    assert path.read_bytes() == before
    assert list(list_seed_sets(tmp_path)) == ["mine"]
    assert b"Philox4x64-10" in before


def test_a_name_that_is_no_identifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="name"):
        write_seed_set("../mine", 10, folder=tmp_path)

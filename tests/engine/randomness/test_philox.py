from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.compiled import kernel
from engine.randomness import philox, philox_reference

# D. E. Shaw Research, Random123, kat_vectors: counter, key, words after ten rounds.
KNOWN = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@kernel
def _words(c0, c1, c2, c3, seed):
    return philox(c0, c1, c2, c3, seed)


def _compiled(counter: list[int], key: list[int]) -> list[int]:
    seed = np.uint64(key[0] | key[1] << 32)
    words = _words(*(np.uint64(word) for word in counter), seed)
    return [int(word) & 0xFFFFFFFF for word in words]


def _parse(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_the_published_vectors_come_out(counter, key, expected):
    assert _compiled(_parse(counter), _parse(key)) == _parse(expected)
    assert philox_reference(_parse(counter), _parse(key)) == _parse(expected)


def test_every_known_answer_of_the_reference_table_comes_out(reference: Path):
    table = json.loads((reference / "tables" / "philox_known_answers.json").read_text())
    cases = [c for c in table["random123_known_answers"] if c["name"] == "philox4x32"]
    assert len(cases) == 6
    for case in cases:
        counter, key, expected = (
            [int(word, 16) for word in case[name]] for name in ("counter", "key", "expected")
        )
        assert philox_reference(counter, key, case["rounds"]) == expected
        if case["rounds"] == 10:
            assert _compiled(counter, key) == expected


def test_the_compiled_generator_equals_the_plain_one_on_random_counters():
    draw = np.random.default_rng(7).integers(0, 2**32, size=(200, 6)).tolist()
    for *counter, low, high in draw:
        assert _compiled(counter, [low, high]) == philox_reference(counter, [low, high])

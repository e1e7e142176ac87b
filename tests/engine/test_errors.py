"""What a refusal says: one sentence on one line, of bearable length."""

from __future__ import annotations

import pickle
from pathlib import Path

from engine.errors import Refusal, shorten


def test_a_long_value_is_shown_by_both_ends() -> None:
    text = str(Refusal("seeds", "[" + "1, " * 5_000 + "2]", "fewer"))
    assert text.startswith("seeds: found [1, 1, 1,")
    assert text.endswith("1, 1, 2], allowed fewer")
    assert len(text) < 200


def test_a_short_value_is_shown_whole() -> None:
    assert shorten("x" * 160) == "x" * 160
    assert len(shorten("x" * 161)) <= 161


def test_line_ends_and_control_characters_are_written_out() -> None:
    text = str(Refusal("na\nme", "a\x1b[31m\u202eb", "a word", file=Path("st\rudy.yaml")))
    assert text == r"st\rudy.yaml: na\nme: found a\x1b[31m\u202eb, allowed a word"


def test_a_refusal_keeps_its_parts_on_the_way_up_and_between_processes() -> None:
    refusal = Refusal("[3]", "0", "1 or more", hint="see `mc seeds`").within("seeds")
    refusal = pickle.loads(pickle.dumps(refusal.in_file(Path("a.yaml"))))
    assert str(refusal) == "a.yaml: seeds[3]: found 0, allowed 1 or more; see `mc seeds`"
    assert (refusal.field, refusal.found, refusal.allowed) == ("seeds[3]", "0", "1 or more")

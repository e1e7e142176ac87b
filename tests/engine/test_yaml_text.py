"""YAML of people and of others: plain values, or one line that says what is wrong."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.yaml_text import YamlError, read_yaml, read_yaml_file


def nested(kind: str, levels: int, width: int) -> str:
    """Aliases of aliases: `width` to the power of `levels` values in a few hundred bytes."""
    item = {"list": "[{}]", "merge": "{{<<: [{}]}}", "mapping": "{{{}}}"}[kind]

    def of(name: str) -> str:
        many = [f"k{k}: *{name}" if kind == "mapping" else f"*{name}" for k in range(width)]
        return item.format(", ".join(many))

    first = "{k: x}" if kind == "merge" else "[x]"
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{k + 1}: &a{k + 1} {of(f'a{k}')}" for k in range(levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["list", "merge", "mapping"])
@pytest.mark.parametrize(("levels", "width"), [(9, 10), (30, 2), (3, 400)])
def test_a_bomb_of_aliases_is_refused_at_once(kind: str, levels: int, width: int) -> None:
    text = nested(kind, levels, width)
    assert len(text) < 20_000
    began = time.process_time()
    with pytest.raises(YamlError, match="with each alias replaced by what it stands for"):
        read_yaml(text)
    # Without counting first it would take minutes and gigabytes.
    assert time.process_time() - began < 5.0


def test_one_long_text_with_many_aliases_is_refused() -> None:
    text = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 1_000) + "]"
    with pytest.raises(YamlError, match="with each alias replaced"):
        read_yaml(text)


def test_aliases_as_people_use_them_are_read() -> None:
    text = "common: &common {provider: csv, start: 2020-01-01}\nseries:\n" + "".join(
        f"  - {{<<: *common, symbol: S{k}}}\n" for k in range(500)
    )
    series = read_yaml(text)["series"]
    assert len(series) == 500
    assert series[7] == {"provider": "csv", "start": date(2020, 1, 1), "symbol": "S7"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("010", "010"), ("1:30", "1:30"), ("1_000", 1000),
        ("0x1F", 31), ("-0.5", -0.5), ("2020-01-31", date(2020, 1, 31)),
        ("2020-02-30", "2020-02-30"), ("2020-13-01", "2020-13-01"), ("yes", True), ("~", None),
        ("'2020'", "2020"), ("", None), ("0x_", "0x_"), ("é", "é"),
    ],
)  # fmt: skip
def test_a_value_is_what_a_person_means(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "line 2: the key 'a' twice"),
        ("1: a\n0x1: b", "line 2: the key '1' twice"),
        ("? [1]\n: 2", "line 1: a key that is a list or a mapping"),
        ("a: 1\n{b: 1}: 2", "line 2: a key that is a list or a mapping"),
        ("a: !!python/object/apply:os.system [x]", "line 1: the tag "),
        ("a: !!binary aGk=", "line 1: the tag "),
        ("a: !!int x", "line 1: the tag "),
        ("a: !mine x", "line 1: the tag '!mine'"),
        ("a: &a [*a]", "line 1: the alias *a inside of what it stands for"),
        ("a: &a {b: {c: *a}}", "line 1: the alias *a inside of what it stands for"),
        ("a: *nobody", "line 1: text that is not YAML (found undefined alias"),
        ("a: 1\n--- \nb: 2", "line 2: text that is not YAML (found another document)"),
        ("[" * 100_000, "line 1: lists or mappings more than 32 levels deep"),
        ("{a: " * 5_000, "line 1: lists or mappings more than 32 levels deep"),
        ("- " * 5_000, "line 1: lists or mappings more than 32 levels deep"),
        ("a: " + "9" * 5_000, "line 1: a number of more than 400 digits"),
        ("a: " + "9" * 4_000_000, "more than 4,000,000 characters"),
        ("a: \x07", "text that is not YAML (control characters are not allowed)"),
        ("a: [1,\nb: 2\n", "line 3: text that is not YAML (did not find expected"),
        ("<<: 5", "line 1: text that is not YAML (expected a mapping"),
        ("\ta: 1", "line 1: text that is not YAML (found character that cannot start any token"),
    ],
)
def test_what_cannot_be_read_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml(text)
    assert str(refused.value).startswith(problem)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_too_many_values_are_refused() -> None:
    with pytest.raises(YamlError, match="more than 200,000 values"):
        read_yaml("- 1\n" * 250_000)


def test_a_file_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes("\ufeffa: é".encode())
    assert read_yaml_file(file) == {"a": "é"}
    file.write_bytes(b"a: \xff")
    with pytest.raises(YamlError, match="text that is not UTF-8"):
        read_yaml_file(file)
    with file.open("wb") as sparse:
        sparse.truncate(20_000_000)
    with pytest.raises(YamlError, match="a file of more than"):
        read_yaml_file(file)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9)
    | st.text("abc :-[]{}#&*!'\"\n", max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcd", min_size=1), inner),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=2 * settings.default.max_examples)
@given(VALUES)
def test_what_a_program_writes_comes_back(value: object) -> None:
    assert read_yaml(yaml.safe_dump({"a": value}, width=1000)) == {"a": value}


@settings(deadline=None, max_examples=4 * settings.default.max_examples)
@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@`#?\n\t 01.<="), max_size=60))
def test_any_text_is_a_value_or_one_line(text: str) -> None:
    try:
        read_yaml(text)
    except YamlError as error:
        assert "\n" not in str(error)  # noqa: PT017

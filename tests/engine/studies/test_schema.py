"""The JSON Schema of study files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.studies.schema import study_schema


def properties(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key that a study file may have, wherever in the schema."""
    if isinstance(node, dict):
        for name, entry in node.get("properties", {}).items():
            yield f"{place}.{name}", entry
        for name, inner in node.items():
            yield from properties(inner, f"{place}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from properties(inner, f"{place}/{number}")


def test_every_key_says_what_it_means() -> None:
    found = dict(properties(study_schema()))
    assert len(found) > 140
    assert [place for place, entry in found.items() if not entry.get("description")] == []


@pytest.mark.parametrize(
    ("definition", "key", "meaning"),
    [
        ("Commission", "rate", "Share of the traded value (0.001 is 0.1 %)."),
        (
            "Slippage",
            "volume_share",
            "Price impact `k` in `k (units / volume)**2`, share of price.",
        ),
        ("Kelly", "cap", "Largest share of equity."),
        (
            "SourceDefinition",
            "model",
            "Name of a price source, as `mc studies --sources` lists them.",
        ),
    ],
)
def test_meanings_are_those_of_the_classes(definition: str, key: str, meaning: str) -> None:
    entry = study_schema()["$defs"][definition]["properties"][key]
    assert entry["description"] == meaning


def test_no_meaning_runs_into_the_next_key() -> None:
    for place, entry in properties(study_schema()):
        assert "----" not in entry["description"], place
        assert " : " not in entry["description"], place

"""Margins, strikes and smiles have the same bits everywhere; a change is meant, or a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.options.golden_margins import digest
from tests.engine.other_processors import printed_on_a_generic_cpu

# Printed by `python -m tests.engine.options.golden_margins`.
GOLDEN = "dbef7b1b1e889f1fd043153d38765742"


def test_margins_strikes_and_smiles_have_the_golden_bits() -> None:
    assert digest() == GOLDEN


@pytest.mark.slow
def test_a_generic_cpu_without_vectors_gives_the_same_bits(project: Path) -> None:
    assert printed_on_a_generic_cpu(project, "tests.engine.options.golden_margins") == GOLDEN

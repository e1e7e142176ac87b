"""Prices have the same bits everywhere; a change of them is meant, or a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.other_processors import printed_on_a_generic_cpu
from tests.engine.pricing.golden_prices import digest

# Printed by `python -m tests.engine.pricing.golden_prices`. No stored result depends on these bits
# but through an estimator, whose golden estimates say so themselves.
GOLDEN = "69ed5b7b6852ef33d064ffd59ba64706"


def test_prices_have_the_golden_bits() -> None:
    assert digest() == GOLDEN


@pytest.mark.slow
def test_a_generic_cpu_without_vectors_gives_the_same_bits(project: Path) -> None:
    assert printed_on_a_generic_cpu(project, "tests.engine.pricing.golden_prices") == GOLDEN

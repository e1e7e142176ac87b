"""Estimates with their errors are those that they were before."""

from __future__ import annotations

import json

from engine.statistics import monte_carlo
from tests.engine.statistics.golden_statistics import COMMAND, FILE, changed, run

GOLDEN = json.loads(FILE.read_text())


def test_every_estimate_is_the_golden_one():
    different = changed(GOLDEN, run())
    assert not different, f"{'; '.join(different)}. If that is meant, run `{COMMAND}`"


def test_every_kind_of_estimate_has_golden_values():
    made_of = {"Estimate", "estimate_above", "no_outcomes", "scale_estimate"}
    kinds = {*monte_carlo.__all__} - made_of
    of_shared_paths = {f"clustered_{name}" for name in kinds}
    assert GOLDEN.keys() == run().keys() == kinds | of_shared_paths

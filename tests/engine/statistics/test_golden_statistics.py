"""Estimates with their errors are those that they were before."""

from __future__ import annotations

import json

from tests.engine.statistics.golden_statistics import COMMAND, FILE, changed, run

GOLDEN = json.loads(FILE.read_text())


def test_every_estimate_is_the_golden_one():
    different = changed(GOLDEN, run())
    assert not different, f"{'; '.join(different)}. If that is meant, run `{COMMAND}`"


def test_every_kind_of_estimate_has_golden_values():
    kinds = {name for name in GOLDEN if not name.startswith("clustered_")}
    assert len(kinds) == 6
    assert GOLDEN.keys() == run().keys() == kinds | {f"clustered_{name}" for name in kinds}

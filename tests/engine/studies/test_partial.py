"""Results of a study that is still running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.results import Results, read_results
from engine.sources import GBM
from engine.studies import Study, partial, run_block


def study(**settings: Any) -> Study:
    return Study(
        "long", GBM(), "sma_crossover", {"fast": [3, 5]}, seeds=3000, steps=900, **settings
    )


@pytest.mark.parametrize("stored", [True, False])
def test_a_callback_is_told_the_results_of_finished_parts(
    stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial, "_SECONDS", 0.0)
    told: list[tuple[int, bool, float]] = []

    def tell(results: Results) -> None:
        table = results.statistics(names=["mean_net_pnl"])
        told.append((len(results), results.partial, table["n"].sum()))

    whole = study().run(root=tmp_path if stored else None, partial=tell, workers=1)
    counts = [rows for rows, _, _ in told]
    assert counts == sorted(counts)
    assert 0 < counts[0] < len(whole) == 6000
    assert all(is_partial and n == rows for rows, is_partial, n in told)
    assert not whole.partial
    # What was told is what the whole begins with: it changes no number.
    assert whole.frame.equals(study().run().frame)


def test_results_of_a_part_say_so(tmp_path: Path) -> None:
    run_block(study(), 3, root=tmp_path)
    results = read_results(tmp_path, "long")
    assert results.partial
    assert f"{len(results):,} simulations of 6,000, partial" in repr(results)

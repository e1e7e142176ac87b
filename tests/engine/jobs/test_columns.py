"""The columns of a result row are those that are declared, in every place that shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.execution.metric_groups import all_metrics
from engine.execution.metric_names import METRIC_NAMES, METRICS
from engine.jobs.columns import KEY_COLUMNS, KEYS, OUTCOME, fixed_columns
from engine.sources import GBM, Generator, Source
from engine.studies import Study


def trading_columns() -> list[tuple[str, pl.DataType]]:
    """Return the columns that a study has which asks for no further group."""
    further = {*all_metrics()} - {*METRIC_NAMES}
    return [(column.name, column.dtype) for column in fixed_columns() if column.name not in further]


class NoPrices(Source):
    """Prices that are not finite."""

    name = "no_prices"

    def _generator(self, request: Any) -> Generator:
        return NoPricesGenerator(request)


class NoPricesGenerator(Generator):
    def __init__(self, request: Any) -> None:
        self.symbols, self.steps, self.dt = ("X",), request.steps, request.dt

    def fill(self, seeds: Any, path_ids: Any, out: Any, scratch: Any) -> None:
        out[:] = np.nan


def test_rows_have_the_declared_columns_with_parameters_between_them() -> None:
    study = Study("rows", GBM(), "sma_crossover", {"fast": [3, 5], "slow": 9}, seeds=2, steps=20)
    schema = study.run().frame.schema
    keys = [(column.name, column.dtype) for column in KEYS]
    rest = trading_columns()[len(KEYS) :]
    found = list(schema.items())
    assert found == [*keys, ("fast", pl.Int64()), ("slow", pl.Int64()), *rest]


def test_a_failed_row_has_the_declared_types_too() -> None:
    study = Study("none", NoPrices(), "buy_and_hold", seeds=3, steps=5, failure_allowance=1.0)
    frame = study.run().frame
    assert frame["status"].to_list() == ["failed"] * 3
    assert list(frame.schema.items()) == trading_columns()


def test_keys_outcome_and_metrics_do_not_share_a_name() -> None:
    names = [column.name for column in fixed_columns()]
    assert len(set(names)) == len(names)
    assert names == [*KEY_COLUMNS, *all_metrics()]
    assert names[len(KEY_COLUMNS) :][: len(METRIC_NAMES)] == list(METRIC_NAMES)
    assert all(len(text) > 10 for text in METRICS.values())
    assert [column.name for column in OUTCOME] == ["status", "error"]


def test_the_page_about_studies_lists_every_column(project: Path) -> None:
    text = (project / "studies" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert rows == [(c.name, str(c.dtype), c.description) for c in fixed_columns()]

"""Views of stored rows find a row's set and seed for the row, and pair no set with every seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

SQL = Path(__file__).parents[2] / "sql"
SETS, SEEDS = 20, 2000
_PART = {"study": "s", "piece": 0, "world": "w", "file": "p.parquet", "paths_per_seed": 1}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """One study of 20 sets and 2,000 seeds in one part, with the three views of rows."""
    part = tmp_path_factory.mktemp("part") / "p.parquet"
    sets = pl.DataFrame({"set_id": [f"{n:02}" for n in range(SETS)]})
    sets = sets.with_columns(
        pl.int_range(SETS, dtype=pl.Int32).alias("parameter_set"),
        *(pl.lit(value).alias(name) for name, value in _PART.items()),
        pl.lit(SETS).cast(pl.Int64).alias("parameter_sets"),
        pl.lit(value=True).alias("equity"),
        pl.lit(value=True).alias("trades"),
    )
    # Seeds beyond what a signed number holds.
    own = pl.int_range(SEEDS, dtype=pl.UInt64, eager=True)
    seeds = pl.DataFrame({"seed": own + (2**64 - SEEDS), "position": own.cast(pl.Int64)})
    seeds = seeds.with_columns(pl.lit("s").alias("study"), pl.lit(0).alias("piece"))
    rows = seeds.select("seed", pl.lit("w").alias("world"), pl.lit(0).alias("path"))
    rows = rows.join(sets.select("set_id"), how="cross")
    rows.with_columns(pl.lit([1.0, 2.0]).alias("equity")).write_parquet(part)
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA internal")
    for name, frame in {"study_sets": sets, "study_seeds": seeds}.items():
        connection.register("frame", frame.to_arrow())
        connection.execute(f"CREATE TABLE internal.{name} AS SELECT * FROM frame")
        connection.unregister("frame")
    for name in ("simulations", "equity", "trades"):
        text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
        connection.execute(text.replace("{" + name + "}", f"['{part}']"))
    return connection


@pytest.mark.parametrize("view", ["simulations", "equity", "trades"])
def test_counting_rows_pairs_no_set_with_every_seed(
    database: duckdb.DuckDBPyConnection, view: str
) -> None:
    query = f"SELECT count(*) FROM {view}"
    ((_, plan),) = database.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()
    joined = [*_joined(json.loads(plan)[0])]
    assert {"study_sets", "study_seeds", "rows"} in joined
    assert {"study_sets", "study_seeds"} not in joined
    assert database.execute(query).fetchall() == [(SETS * SEEDS,)]


def test_each_row_has_the_number_of_its_simulation(database: duckdb.DuckDBPyConnection) -> None:
    found = database.sql(
        "SELECT count(DISTINCT simulation), min(simulation), max(simulation), "
        "max(simulation) FILTER (parameter_set = 3), count(*) FILTER (simulation // 20 "
        f"<> seed - {2**64 - SEEDS}::UBIGINT) FROM simulations"
    ).fetchall()
    assert found == [(40_000, 0, 39_999, 39_983, 0)]


def _joined(node: dict[str, Any]) -> list[set[str]]:
    """Return what each join of a plan brings together."""
    below = [_joined(child) for child in node["children"]]
    found = [tables for of_child in below for tables in of_child]
    text = json.dumps(node["extra_info"])
    own = {name for name in ("study_sets", "study_seeds") if name in text}
    if "PARQUET" in node["name"].upper():
        own = {"rows"}
    if node["children"]:
        own = set().union(*(tables[-1] for tables in below))
    return [*found, own]

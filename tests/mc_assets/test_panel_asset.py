"""The asset `panel`: partitions of strategies and series, each a table of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from tests.mc_assets.mc_here import call_here

SERIES = """series:
  - {symbols: [GOOD, YOUNG], provider: csv, start: 2014-01-02, end: 2015-12-31,
     options: {path: "{symbol}.csv"}}
"""


def _materialize() -> None:
    """Make bars and panels of both series; print why there is no panel."""
    from mc_assets.definitions import defs
    from mc_assets.defs.bars import bars, raw_bars
    from mc_assets.defs.panel import panel

    resources = defs.resources
    with dg.DagsterInstance.ephemeral() as instance:
        _materialize_in(instance, resources, [raw_bars, bars], panel)


def _materialize_in(
    instance: dg.DagsterInstance, resources: Any, of_bars: list[Any], panel: Any
) -> None:
    for year in ("2014", "2015"):
        for series in ("GOOD@1d", "YOUNG@1d"):
            key = dg.MultiPartitionKey({"series": series, "year": year})
            dg.materialize(
                of_bars, partition_key=key, instance=instance, resources=resources,
                raise_on_error=False,
            )  # fmt: skip
    for series in ("GOOD@1d", "YOUNG@1d"):
        key = dg.MultiPartitionKey({"series": series, "strategy": "buy_and_hold"})
        done = dg.materialize([panel], partition_key=key, instance=instance, resources=resources)
        assert done.success
        made = done.asset_materializations_for_node("panel")[0].metadata
        print(series, str(made["no_panel"].value).replace("\n", " "))


def test_a_strategy_on_a_series_is_one_partition_and_one_table(
    tmp_path: Path, project: Path
) -> None:
    head, *lines = (project / "data" / "sample" / "SP500.csv").read_text().splitlines()
    recent = [line for line in lines if "2014" <= line[:4] <= "2015"]
    (tmp_path / "GOOD.csv").write_text("\n".join([head, *recent]) + "\n")
    (tmp_path / "YOUNG.csv").write_text("\n".join([head, *recent[-40:]]) + "\n")
    (tmp_path / "series.yaml").write_text(SERIES)
    (tmp_path / "studies").mkdir()
    places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
    in_folder = {f"MC_{name}": str(tmp_path / place) for name, place in places.items()}
    done = call_here(_materialize, places=in_folder, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    good, young = done.stdout.splitlines()[-2:]
    assert good == "GOOD@1d none"
    assert young.startswith("YOUNG@1d buy_and_hold on YOUNG@1d: bars: found 40 bars, allowed at")
    table = pl.read_parquet(tmp_path / "data" / "panel" / "buy_and_hold" / "GOOD@1d.parquet")
    assert {"history", "stationary", "gbm"} <= set(table["world"])
    assert not (tmp_path / "data" / "panel" / "buy_and_hold" / "YOUNG@1d.parquet").exists()

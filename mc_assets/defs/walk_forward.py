"""Walk-forward: each window of a study by itself, and what its choices came to together."""

from pathlib import Path

import dagster as dg
import polars as pl

from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import walked, window_of, windows
from mc_assets.resources import Laboratory

__all__ = ["walk_forward", "walk_forward_windows"]


@dg.asset(
    group_name="simulate",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=windows,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        dg.AssetDep(bars, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(calibrations, partition_mapping=dg.AllPartitionMapping()),
    ],
    pool="walk_forward",
    description=(
        "A window of a study that says how it is walked forward: the set chosen in sample on every "
        "path, and what it came to on the bars after, in `data/walk_forward/STUDY`. Windows that "
        "are there are kept; on other data, or by other settings, they are made anew."
    ),
)
def walk_forward_windows(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Choose and judge in the windows of this run."""
    from mc_assets.answers.walk_forward import walk_study_forward

    numbers: dict[str, list[int]] = {}
    for key in context.partition_keys:
        study, number = window_of(key)
        numbers.setdefault(study, []).append(number)
    for study, only in numbers.items():
        found = walk_study_forward(
            laboratory.project,
            study,
            only=only,
            folder=_folder(laboratory, study),
            replace=True,
            workers=str(laboratory.workers or "auto"),
        )
        for number in only:
            row = found.table.row(by_predicate=pl.col("window") == number, named=True)
            window = found.windows[number]
            context.add_asset_metadata(
                {
                    "in_sample_bars": f"{window.first_in} to {window.last_in}",
                    "out_of_sample_bars": f"{window.first_out} to {window.last_out}",
                    "dagster/partition_row_count": row["paths"],
                    **{name: value for name, value in row.items() if _is_number(value)},
                },
                asset_key="walk_forward_windows",
                partition_key=f"{study}@{number:03d}",
            )
    return dg.MaterializeResult()


@dg.asset(
    group_name="analyse",
    kinds={"polars"},
    owners=["team:quant"],
    partitions_def=walked,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # Which window is of which study would be a part of the code: a study that came while the UI is
    # open would have none. What is missing of its own windows is made.
    deps=[dg.AssetDep(walk_forward_windows, partition_mapping=dg.AllPartitionMapping())],
    pool="walk_forward",
    description=(
        "What the choices of all windows came to: efficiency, selection loss and stability, each "
        "with its error. Windows that are missing are made."
    ),
)
def walk_forward(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Sum up the windows of this run's studies."""
    from mc_assets.answers.walk_forward import walk_study_forward
    from mc_assets.reports.search_picture import windows_table

    for study in context.partition_keys:
        found = walk_study_forward(
            laboratory.project,
            study,
            folder=_folder(laboratory, study),
            replace=True,
            workers=str(laboratory.workers or "auto"),
        )
        whole = found.table.row(-1, named=True)
        context.add_asset_metadata(
            {
                "sentence": found.sentence,
                "windows": dg.MetadataValue.md(windows_table(found)),
                "dagster/partition_row_count": len(found.choices),
                **{name: value for name, value in whole.items() if _is_number(value)},
            },
            asset_key="walk_forward",
            partition_key=study,
        )
    return dg.MaterializeResult()


def _folder(laboratory: Laboratory, study: str) -> Path:
    return laboratory.project.data / "walk_forward" / study


def _is_number(value: object) -> bool:
    return isinstance(value, float)

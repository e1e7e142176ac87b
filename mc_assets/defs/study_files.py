"""Study files: where studies come from, and whether they changed since a study was simulated."""

import dagster as dg

from mc_assets.defs.partitions import studies

__all__ = ["study_files"]

#: Nobody materialises it: the sensor `study_files_changed` observes each file's content.
study_files = dg.AssetSpec(
    "study_files",
    group_name="studies",
    kinds={"yaml"},
    owners=["team:quant"],
    partitions_def=studies,
    description=(
        "What is asked: `studies/STUDY.yaml`. Its version is the hash of its content, so a study "
        "whose file changed since it was simulated is shown as stale."
    ),
)

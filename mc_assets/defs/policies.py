"""Policies: trainings by seed with their learning curves, and their judgement on unseen paths."""

from pathlib import Path
from typing import Any

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.calibrations import calibrations
from mc_assets.defs.code_version import engine_version
from mc_assets.defs.materialized import Materialized
from mc_assets.defs.partitions import grouped, policies, policy_seeds
from mc_assets.resources import Laboratory
from mc_assets.step_progress import counted

__all__ = ["policy_evaluations", "trained_policies"]

_LEARNED = "something_was_learned"
_MARKET = (
    dg.AssetDep(bars, partition_mapping=dg.AllPartitionMapping()),
    dg.AssetDep(calibrations, partition_mapping=dg.AllPartitionMapping()),
)


@dg.asset(
    group_name="learn",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    partitions_def=policy_seeds,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[*_MARKET],
    pool="policies",
    code_version=engine_version(),
    description=(
        "A policy of `studies/policies/`, trained by one seed: its learning curve, and weights in "
        "`data/policies`. A training that was stopped goes on from its last generation; on other "
        "data or settings it begins anew."
    ),
)
def trained_policies(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Train the policies of this run by their seeds."""
    from mc_assets.answers.policies import train_policy
    from mc_assets.reports.learning_picture import curves_picture
    from mc_assets.reports.picture import as_markdown

    for name, keys in grouped(context.partition_keys, "policy").items():
        for key in counted(keys, "trainings"):
            seed = int(key.keys_by_dimension["seed"])
            made = train_policy(laboratory.project, name, seed, workers=laboratory.threads)
            picture = curves_picture(made.seed_curve)
            context.add_asset_metadata(
                {
                    "fitness": made.fitness,
                    "weights": made.policy.size,
                    "generations": len(made.curve),
                    "learning_curve": dg.MetadataValue.md(as_markdown([(str(key), picture)])),
                    "data_version": made.policy.digest[:16],
                    **_lineage(made.made_of),
                },
                asset_key="trained_policies",
                partition_key=key,
            )
    return dg.MaterializeResult()


@dg.asset(
    group_name="learn",
    kinds={"numba"},
    owners=["team:quant"],
    partitions_def=policies,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        dg.AssetDep(
            trained_policies,
            partition_mapping=dg.MultiToSingleDimensionPartitionMapping("policy"),
        ),
        *_MARKET,
    ],
    pool="policies",
    code_version=engine_version(),
    check_specs=[
        dg.AssetCheckSpec(
            _LEARNED,
            asset="policy_evaluations",
            description=(
                "Warns where the interval of an agent on unseen paths, or its advantage over "
                "buying and holding, reaches zero: what it learned cannot be told from luck."
            ),
        )
    ],
    description=(
        "All trainings of a policy on paths that none of them has seen: interquartile mean and its "
        "interval over trainings and episodes, beside buying and holding. Trainings that the file "
        "asks for and that are missing are made."
    ),
)
def policy_evaluations(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Judge the policies of this run."""
    from mc_assets.answers.policies import judge_policy
    from mc_assets.reports.learning_picture import (
        curves_picture,
        judgement_picture,
        judgement_table,
    )
    from mc_assets.reports.picture import as_markdown

    nothing: list[str] = []
    for name in counted(context.partition_keys, "policies"):
        found = judge_policy(laboratory.project, name, workers=laboratory.threads)
        report = found.report
        if not report.learned:
            nothing.append(f"{name}: {report.verdict}")
        pictures = [
            ("learning curves", curves_picture(found.curves)),
            ("on unseen paths", judgement_picture(report.table)),
        ]
        agent = report.table.row(0, named=True)
        context.add_asset_metadata(
            {
                "verdict": report.verdict,
                "trainings": len(found.trainings),
                "evaluation": dg.MetadataValue.md(judgement_table(report.table)),
                "pictures": dg.MetadataValue.md(as_markdown(pictures)),
                **{column: agent[column] for column in ("iqm", "ci_low", "ci_high", "sharpe")},
                **_lineage(found.trainings[0].made_of),
            },
            asset_key="policy_evaluations",
            partition_key=name,
        )
    check = dg.AssetCheckResult(
        check_name=_LEARNED,
        passed=not nothing,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(nothing[:20]) or None,
    )
    return dg.MaterializeResult(check_results=[check])


def _lineage(made_of: dict[str, Any]) -> dict[str, Any]:
    """Return the data and the code behind a training."""
    from mc_assets.experiment_folder import code_version

    code = code_version(Path(__file__).parent)
    return {"made_of": dg.MetadataValue.json(made_of), "code": dg.MetadataValue.json(code)}

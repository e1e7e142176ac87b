"""Paper sessions: a look at the market after the close, and what their fills cost."""

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.materialized import Materialized
from mc_assets.resources import Laboratory

__all__ = ["paper"]

_DRIFT = "fills_cost_what_studies_assume"


@dg.asset(
    group_name="trade",
    kinds={"numba", "parquet"},
    owners=["team:quant"],
    deps=[bars],
    pool="paper",
    check_specs=[
        dg.AssetCheckSpec(
            _DRIFT,
            asset="paper",
            description=(
                "Warns where slippage, fill rate or commission of a paper session lie more than "
                "three standard errors from what its study assumes."
            ),
        )
    ],
    description=(
        "Paper sessions that were begun with `mc paper` and not stopped: each looks at the market "
        "once, on the bars that are stored, and is compared with its simulation."
    ),
)
def paper(context: dg.AssetExecutionContext, laboratory: Laboratory) -> Materialized:
    """Let every session that trades look at the market, and compare it."""
    from mc_assets.answers.paper import look_at_sessions

    found = look_at_sessions(laboratory.project)
    for sentence in found.failures:
        context.log.warning(sentence)
    context.log.info("\n".join(found.sentences) or "no session trades")
    trouble = [*found.failures, *found.drifted]
    return dg.MaterializeResult(
        metadata={
            "sessions": len(found.sentences),
            "said": "\n".join(found.sentences) or "no session trades",
            "cost_settings": dg.MetadataValue.md(f"```yaml\n{found.yaml}```"),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=_DRIFT,
                passed=not trouble,
                severity=dg.AssetCheckSeverity.WARN,
                description="\n".join(trouble[:20]) or "within three standard errors",
            )
        ],
    )

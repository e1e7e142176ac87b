"""Paper sessions: a look at the market after the close, and what their fills cost."""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from mc_assets.defs.bars import bars
from mc_assets.defs.jobs import trade_on_paper
from mc_assets.defs.materialized import Materialized
from mc_assets.resources import Laboratory

__all__ = ["paper", "paper_after_the_close"]

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


@dg.sensor(
    job=trade_on_paper,
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "On weekdays from 18:45 in New York, once the nightly bars are there: paper sessions look "
        "at the market. Off until somebody switches it on."
    ),
)
def paper_after_the_close(_: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for one look a day."""
    now = datetime.now(ZoneInfo("America/New_York"))
    if now.weekday() > 4 or (now.hour, now.minute) < (18, 45):
        return dg.SkipReason("no weekday's evening in New York")
    return dg.RunRequest(run_key=f"{now.date()}|paper")

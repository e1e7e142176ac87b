"""Who is told of runs that failed: the log, and by `automation.yaml` a mailbox and a webhook."""

import dagster as dg

from mc_assets.automation.notices import Notice, send_notice
from mc_assets.automation.settings import load_automation
from mc_assets.own_runs import IS_TERMINAL
from mc_assets.project import Project

__all__ = ["failures_told"]


@dg.run_failure_sensor(
    name="failures_told",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Says of each failed run what failed and why: in the log, and by mail and webhook where "
        "`notify` of `automation.yaml` says so. Runs of a terminal are told there."
    ),
)
def failures_told(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell of one failed run."""
    run = context.dagster_run
    if IS_TERMINAL.items() <= run.tags.items():
        return dg.SkipReason("a run of a terminal, which was told there")
    errors = [
        event.step_failure_data.error
        for event in context.get_step_failure_events()
        if event.step_failure_data.error is not None
    ]
    reasons = []
    for error in errors:
        while error.cause is not None:
            error = error.cause
        reasons.append(" ".join(error.message.split()))
    reason = "; ".join(reasons) or context.failure_event.message or "it says no reason"
    night = run.tags.get("mc/night")
    what = f"{run.job_name} of the night {night}" if night else run.job_name
    if run.asset_selection:
        assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection))
        what = f"{assets}{f' of the night {night}' if night else ''}"
    notice = Notice(f"{what} failed", reason, run.run_id)
    context.log.error(f"{notice.subject}: {notice.text}")
    settings = load_automation(Project.from_environment()).notify
    for problem in send_notice(notice, settings):
        context.log.error(problem)
    return None

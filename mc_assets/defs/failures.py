"""Who is told of runs that failed: the log, and by `automation.yaml` a mailbox and a webhook."""

import dagster as dg

from mc_assets.automation.notices import Notice, send_notice
from mc_assets.automation.settings import load_automation
from mc_assets.own_runs import IS_TERMINAL
from mc_assets.project import Project

__all__ = ["failures_told", "why_failed"]


@dg.run_failure_sensor(
    name="failures_told",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Says of each failed run what failed and why: in the log, and by mail and webhook where "
        "`notify` of `automation.yaml` says so. A terminal's runs are told there and on their page."
    ),
)
def failures_told(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell of one failed run."""
    run = context.dagster_run
    of_terminal = IS_TERMINAL.items() <= run.tags.items()
    unsaid = "it was stopped in its terminal" if of_terminal else context.failure_event.message
    reason = why_failed(context.instance, run.run_id) or unsaid or "?"
    # The last event of the run's page, below Dagster's own trace.
    context.instance.report_engine_event(f"Why it failed: {reason}", run)
    if of_terminal:
        return dg.SkipReason("a run of a terminal, which was told there")
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


def why_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run failed: its failed checks, else the innermost errors of its steps."""
    checks = []
    errors = []
    wanted = {dg.DagsterEventType.ASSET_CHECK_EVALUATION, dg.DagsterEventType.STEP_FAILURE}
    for entry in instance.all_logs(run_id, of_type=wanted):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None and error.cls_name != "DagsterExecutionInterruptedError":
                errors.append(_sentence(" ".join(error.message.split())))
            continue
        found = event.asset_check_evaluation_data
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR:
            name = f"{found.asset_key.to_user_string()}: {found.check_name}"
            checks.append(f"{name}: {' '.join((found.description or '').split())}")
    return "; ".join(checks or errors)


def _sentence(message: str) -> str:
    """Return what an error of this project says, without its class; of others the class says more.

    Examples
    --------
    >>> _sentence("engine.errors.Refusal: seeds: found 0, allowed 1 or more")
    'seeds: found 0, allowed 1 or more'
    >>> _sentence("ZeroDivisionError: division by zero")
    'ZeroDivisionError: division by zero'
    """
    kind, _, text = message.partition(": ")
    return text if kind.startswith(("engine.", "mc_assets.")) and text else message

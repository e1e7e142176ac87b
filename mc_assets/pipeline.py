"""Running the steps from bars to reports, as Dagster runs in this process.

`mc run`, `mc ingest` and `mc calibrate` use it, and so do the end-to-end tests; the UI and the
schedules launch the same assets by themselves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from mc_assets.project import Project
from mc_assets.receipts import Needs, Receipts
from mc_assets.steps import Step
from mc_assets.stop_requests import noticing_stop_requests

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["PipelineError", "PipelineStopped", "run_pipeline", "run_step"]


class PipelineError(ValueError):
    """A step failed; everything finished before it is kept."""


class PipelineStopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; everything finished before it is kept."""

    def __init__(self) -> None:
        super().__init__("stopped; what is finished is kept, the same command goes on from there")


def run_pipeline(
    project: Project,
    to_run: Iterable[Step],
    receipts: Receipts | None = None,
    *,
    before: Callable[[Step], None] | None = None,
    after: Callable[[Step, dict[str, float], float], None] | None = None,
) -> None:
    """Run steps in order.

    Parameters
    ----------
    project : Project
        Where everything lies.
    to_run : iterable of Step
        What to run; without one that is not current Dagster is not opened.
    receipts : Receipts, optional
        Where steps that end well are written down.
    before : callable, optional
        Called with each step before it runs.
    after : callable, optional
        Called with each step, the numbers it reported and the seconds it took.

    Raises
    ------
    PipelineError
        If a step fails; gives the reason. What the others made is kept.
    PipelineStopped
        On Ctrl-C or SIGTERM in a step that goes through Dagster.
    """
    failures: list[str] = []
    with ExitStack() as opened:
        instance: dg.DagsterInstance | None = None
        for step in to_run:
            if failures and not step.independent:
                break
            if before is not None:
                before(step)
            begin = time.perf_counter()
            if instance is None and step.assets:
                instance = opened.enter_context(_dagster(project))
            found = _inputs(step, receipts)
            try:
                numbers = _run(step, instance)
            except PipelineError as error:
                if not step.independent:
                    raise
                failures.append(str(error))
                continue
            if receipts is not None:
                for ask, inputs in found:
                    if (needs := ask()) is not None:
                        receipts.keep(needs, inputs)
            if after is not None:
                after(step, numbers, time.perf_counter() - begin)
    if failures:
        raise PipelineError("\n".join(failures))


@contextmanager
def _dagster(project: Project) -> Iterator[dg.DagsterInstance]:
    from mc_assets.instance import open_instance, using_dagster_home

    with using_dagster_home(project), open_instance(project) as instance:
        yield instance


def _inputs(step: Step, receipts: Receipts | None) -> list[tuple[Callable[[], Needs | None], str]]:
    """Return what the parts of a step take in, before it runs."""
    if receipts is None:
        return []
    asked = ((ask, ask()) for ask in step.needs)
    return [(ask, receipts.before(needs)) for ask, needs in asked if needs is not None]


def _run(step: Step, instance: dg.DagsterInstance | None) -> dict[str, float]:
    if step.wait is not None:
        step.wait()
    if not step.assets:
        return {}
    assert instance is not None
    return run_step(step, instance)


def run_step(step: Step, instance: dg.DagsterInstance) -> dict[str, float]:
    """Run one step in this process; return the totals that its last asset reported.

    Raises
    ------
    PipelineError
        If it fails.
    PipelineStopped
        On Ctrl-C or SIGTERM.
    """
    import dagster as dg

    with noticing_stop_requests() as asked, _quiet_logs():
        result = _result(step, instance)
        if result is None or asked():
            raise PipelineStopped
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            raise PipelineError((evaluation.description or evaluation.check_name).split("\n")[0])
    if not result.success:
        raise PipelineError(_reason(result))
    return _totals(result, dg.AssetKey(step.assets[-1]))


def _result(step: Step, instance: dg.DagsterInstance) -> dg.JobExecutionResult | None:
    """Return what a run came to; None if it was interrupted outside its step.

    The interruption ends here: what Dagster writes when it lets go of the run belongs to its logs.
    """
    import dagster as dg

    from mc_assets.defs.partitions import batch_tags
    from mc_assets.own_runs import execute_here

    try:
        return execute_here(
            instance,
            step.assets,
            tags=batch_tags(*step.partitions) if step.partitions else {},
            config={"ops": {k: {"config": v} for k, v in (step.config or {}).items()}},
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        return None


def _totals(result: dg.JobExecutionResult, asset: dg.AssetKey) -> dict[str, float]:
    """Sum the numbers that an asset reported, over the partitions of a run."""
    totals: dict[str, float] = {}
    for event in result.get_asset_materialization_events():
        if event.asset_key != asset:
            continue
        for name, entry in event.materialization.metadata.items():
            if isinstance(entry.value, int | float):
                word = name.removeprefix("dagster/").removeprefix("partition_")
                totals[word] = totals.get(word, 0.0) + float(entry.value)
    return totals


def _reason(result: dg.JobExecutionResult) -> str:
    """Say why a run failed: the message of the innermost exception of its first failed step."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None:
                return error.message.partition(": ")[2].strip() or error.message.strip()
    return f"run {result.run_id} failed; `mc ui` shows its log"


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep Dagster's event stream out of the terminal; the UI shows it."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)

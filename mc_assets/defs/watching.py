"""Sensors that watch files: bars that are dropped, studies that come, change and go."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from mc_assets.automation.dropped_files import Seen, due_series
from mc_assets.automation.notices import Notice, send_notice
from mc_assets.automation.settings import load_automation
from mc_assets.automation.watched_files import series_files, signature, strange_files
from mc_assets.defs.jobs import ingest
from mc_assets.defs.partitions import batch_tags, declared
from mc_assets.defs.study_files import study_files
from mc_assets.offered_studies import offer_studies
from mc_assets.resources import Laboratory
from mc_assets.study_files import partition_names

__all__ = ["dropped_files", "study_files_changed"]


@dg.sensor(
    name="dropped_files",
    job=ingest,
    minimum_interval_seconds=30,
    description=(
        "A file of bars that came or changed in a folder that `series.yaml` names becomes the "
        "ingestion of its series, once it is no longer being written. Files that belong to no "
        "series are named."
    ),
)
def dropped_files(
    context: dg.SensorEvaluationContext, laboratory: Laboratory
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the ingestion of series whose files came or changed."""
    from mc_assets.market_data import BarStore, series_years

    files = series_files(declared)
    before = {key: Seen(**seen) for key, seen in json.loads(context.cursor or "{}").items()}
    store = BarStore(laboratory.project.data)
    stored = {f"{symbol}@{timeframe}" for symbol, timeframe in store.series()}
    now = {key: signature(paths) for key, paths in files.items()}
    due, seen = due_series(now, before, stored)
    cursor = json.dumps({key: asdict(one) for key, one in seen.items()}, sort_keys=True)
    requests = []
    for key in due:
        years = series_years(declared, key)
        tags = batch_tags(f"{key}|{years[0]}", f"{key}|{years[-1]}")
        requests.append(dg.RunRequest(run_key=f"{key}|{now[key]}", tags=tags))
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    strange = [path.name for path in strange_files(declared, files)]
    said = f"no file came or changed; of no series in {laboratory.project.series.name}: "
    reason = said + ", ".join(strange[:20]) if strange else "no file came or changed"
    return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=cursor)


@dg.sensor(
    name="study_files_changed",
    asset_selection=dg.AssetSelection.assets(study_files.key),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "A study whose file appeared is offered without a reload; one whose file changed is shown "
        "as stale; of one whose file went the results stay, and it is reported."
    ),
)
def study_files_changed(
    context: dg.SensorEvaluationContext, laboratory: Laboratory
) -> dg.SensorResult:
    """Offer the studies that there are, and observe their files."""
    project = laboratory.project
    offered = offer_studies(context.instance, project)
    before: dict[str, str] = json.loads(context.cursor or "{}")
    names = set(partition_names(project.studies))
    now = {name: _version(path) for name, path in project.study_files.items() if name in names}
    changed = [name for name, version in now.items() if before.get(name) != version]
    gone = sorted({*before, *offered.gone} - set(now))
    said = []
    if appeared := [name for name in changed if name not in before and before]:
        said.append(f"appeared: {', '.join(appeared)}")
    if edited := [name for name in changed if name in before]:
        said.append(f"changed: {', '.join(edited)}")
    if gone:
        text = f"gone: {', '.join(gone)}; their results stay, `mc show STUDY` reads them"
        said.append(text)
        context.log.warning(text)
        for problem in send_notice(Notice("studies went", text), load_automation(project).notify):
            context.log.error(problem)
    events = [
        dg.AssetObservation(
            study_files.key,
            partition=name,
            metadata={"path": dg.MetadataValue.path(str(project.study_files[name]))},
            tags={"dagster/data_version": now[name]},
        )
        for name in changed
    ]
    return dg.SensorResult(
        skip_reason=dg.SkipReason("; ".join(said) or "no study file changed"),
        asset_events=events,
        cursor=json.dumps(now, sort_keys=True),
    )


def _version(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""

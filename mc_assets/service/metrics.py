"""What Prometheus reads: times of requests, and of jobs what their records say."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.jobs.record import JobRecord

__all__ = ["Metrics"]

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
_JOB_SECONDS: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)


class Metrics:
    """Metrics of one web worker, and of all jobs of the project.

    Labels are routes, methods, states and kinds: never what a client made up.

    Parameters
    ----------
    project : Project
        Whose job records are counted when somebody asks.
    """

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, project: Project) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "mc_request_seconds",
            "Time of requests, answers included",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._registry.register(_Jobs(project))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        known = method if method in _METHODS else "other"
        self._seconds.labels(known, route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Return all of it in the format of Prometheus."""
        return generate_latest(self._registry)


class _Jobs(Collector):
    """Counts job records, of which the newest thousand are kept, when they are asked for."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def collect(self) -> Iterator[Metric]:
        from engine.jobs.record import read_records

        records, _ = read_records(self._project.data)
        simulations = CounterMetricFamily("mc_simulations", "Simulations of recorded jobs")
        simulations.add_metric((), sum(record.done for record in records))
        yield simulations
        failures = CounterMetricFamily("mc_simulation_failures", "Simulations that failed")
        failures.add_metric((), sum(record.failed for record in records))
        yield failures
        jobs = GaugeMetricFamily("mc_jobs", "Recorded jobs", labels=("kind", "state"))
        counted = Counts((_kind(record), record.state_now) for record in records)
        for labels, count in sorted(counted.items()):
            jobs.add_metric(labels, count)
        yield jobs
        yield self._durations(records)

    def _durations(self, records: list[JobRecord]) -> Metric:
        seconds = HistogramMetricFamily(
            "mc_job_seconds", "Time that recorded jobs took that have ended", labels=("kind",)
        )
        took: dict[str, list[float]] = {}
        for record in records:
            if record.ended is not None:
                took.setdefault(_kind(record), []).append(record.seconds)
        for kind, times in sorted(took.items()):
            buckets: list[tuple[str, float]] = [
                (str(limit), sum(time <= limit for time in times)) for limit in _JOB_SECONDS
            ]
            seconds.add_metric((kind,), [*buckets, ("+Inf", len(times))], sum(times))
        return seconds


def _kind(record: JobRecord) -> str:
    return "block" if record.kind.startswith("block ") else record.kind

"""What the process of a run writes to the terminal of `mc ui`: nothing of what its page shows."""

import logging

import dagster as dg
from dagster import _loggers

__all__ = ["keep_events_off_the_terminal"]


def keep_events_off_the_terminal() -> None:
    """Put a silent logger in place of the one by which Dagster writes a line for every event.

    No setting does it: `python_logs` of `dagster.yaml` thins out what the page shows as well. What
    failed is said in one sentence by the sensor `failures_told`.
    """
    vars(_loggers)["colored_console_logger"] = dg.LoggerDefinition(_silent)


def _silent(context: dg.InitLoggerContext) -> logging.Logger:
    del context
    return logging.Logger("dagster", level=logging.CRITICAL)

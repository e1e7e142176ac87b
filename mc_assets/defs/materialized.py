"""The type that assets return."""

from typing import TYPE_CHECKING

import dagster as dg

__all__ = ["Materialized"]

# Dagster reads the annotation of an asset that has checks, and accepts the bare class alone there.
if TYPE_CHECKING:
    Materialized = dg.MaterializeResult[None]
else:
    Materialized = dg.MaterializeResult

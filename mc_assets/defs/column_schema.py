"""Typed columns of tables, as the Dagster UI shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

__all__ = ["column_schema"]


def column_schema(
    schema: Mapping[str, Any] | pl.Schema, descriptions: Mapping[str, str] | None = None
) -> dict[str, dg.TableSchema]:
    """Make an asset's metadata entry from a Polars schema.

    Parameters
    ----------
    schema : mapping of str to polars data type
        Columns in order.
    descriptions : mapping of str to str, optional
        What a column holds.
    """
    descriptions = descriptions or {}
    columns = [
        dg.TableColumn(name, str(dtype), description=descriptions.get(name))
        for name, dtype in schema.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}

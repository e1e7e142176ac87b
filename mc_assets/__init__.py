"""The Dagster project."""

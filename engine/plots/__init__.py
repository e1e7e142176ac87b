"""Pictures from plain arrays and tables, and pages that show them without a network."""

from __future__ import annotations

from engine.plots.chart import Chart
from engine.plots.page import page, section
from engine.plots.snippet import facts, sparkline

__all__ = ["Chart", "facts", "page", "section", "sparkline"]

"""Reports: one self-contained HTML page per study, and a still picture of it."""

from mc_assets.reports.report import report_picture, write_report

__all__ = ["report_picture", "write_report"]

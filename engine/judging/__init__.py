"""One question to a strategy and a history: is there an edge, and how would one know."""

from __future__ import annotations

from engine.judging.judge import judge
from engine.judging.judgement import Judgement
from engine.judging.panel import model_risk_panel
from engine.judging.panel_table import Panel
from engine.judging.worlds import WORLDS

__all__ = ["WORLDS", "Judgement", "Panel", "judge", "model_risk_panel"]

"""The asset of paper sessions: its check warns where fills cost otherwise than studies assume."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from mc_assets.answers import paper as answers
from mc_assets.answers.paper import SessionsLook
from mc_assets.defs.paper import paper
from mc_assets.resources import Laboratory

_DRIFTED = "s-1: slippage_bps: measured 9 ± 1 over 8, the study assumes 1"


def looked(monkeypatch: pytest.MonkeyPatch, drifted: list[str]) -> Any:
    found = SessionsLook(["s-1: bar 4, 0 sent"], [], drifted, "")
    monkeypatch.setattr(answers, "look_at_sessions", lambda project: found)
    places = dict.fromkeys(("root", "data", "studies", "series"), "nowhere")
    result: Any = paper(dg.build_asset_context(), Laboratory(**places))
    return result


def test_the_check_warns_where_costs_have_drifted(monkeypatch: pytest.MonkeyPatch) -> None:
    (check,) = looked(monkeypatch, [_DRIFTED]).check_results
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == _DRIFTED


def test_the_check_passes_where_fills_cost_what_studies_assume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (check,) = looked(monkeypatch, []).check_results
    assert check.passed is True

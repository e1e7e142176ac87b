"""``automation.yaml``: defaults, and one sentence for what cannot be used."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest

from mc_assets.automation.settings import AutomationSettings, load_automation
from mc_assets.project import Project


def _load(folder: Path, text: str | None) -> AutomationSettings:
    if text is not None:
        (folder / "automation.yaml").write_text(text)
    series = folder / "series.yaml"
    return load_automation(dataclasses.replace(Project.from_environment(), series=series))


@pytest.mark.parametrize("text", [None, "", "nightly: {}\n"])
def test_without_a_setting_the_defaults_hold(tmp_path: Path, text: str | None) -> None:
    assert _load(tmp_path, text) == AutomationSettings()


def test_settings_are_read(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        "nightly: {delay_minutes: 45, saturday: '08:30'}\nchecks: {realism_score: 0.5}\n"
        "notify:\n  webhook: true\n  email: {host: mail, sender: a@b.c, to: [d@e.f]}\n",
    )
    assert found.nightly.delay_minutes == 45
    assert found.nightly.saturday == datetime.time(8, 30)
    assert found.checks.realism_score == 0.5
    assert found.notify.email is not None
    assert found.notify.email.port == 587


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nightly: {delay: 45}", "automation.yaml.nightly.delay: found an unknown key"),
        ("nightly: {delay_minutes: -1}", "automation.yaml.nightly.delay_minutes: found -1"),
        ("checks: {realism_score: 2}", "automation.yaml.checks.realism_score: found 2"),
        ("freshness: {warn_hours: 200}", "freshness.warn_hours: found 200, allowed up to"),
        ("[1]", "automation.yaml: found"),
        ("a: [", "automation.yaml line"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"automation\.yaml") as refused:
        _load(tmp_path, text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)

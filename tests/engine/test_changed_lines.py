"""A changed line in any place that decides numbers is noticed: its version must be raised.

Stored rows and paths carry ENGINE_VERSION, which stands for the engine's code. Here one line at a
time is changed in a copy of the engine, and the golden hashes must differ. A user's code needs no
version: `tests/engine/compiled/test_code_hash.py` changes it in nearly fifty places.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# File of the engine, a piece of it that stands there once, and what is put in its place.
ORDER_ENGINE = {
    "fill at the open": (
        "execution/matching.py",
        "    at = s.path[symbol, view, bar]\n    kind = order[ORDER_KIND]",
        "    at = s.path[symbol, view, bar] * 1.01\n    kind = order[ORDER_KIND]",
    ),
    "slippage": (
        "execution/costs.py",
        "price += side * rules[symbol, SLIPPAGE_TICKS]",
        "price -= side * rules[symbol, SLIPPAGE_TICKS]",
    ),
    "volume share": ("execution/costs.py", "share_cost * share * share", "share_cost * share"),
    "commission": (
        "execution/costs.py",
        "cost += size * rules[symbol, COMMISSION_PER_UNIT]",
        "cost -= size * rules[symbol, COMMISSION_PER_UNIT]",
    ),
    "margin": ("execution/margin.py", "margin <= (equity - cost)", "margin <= (equity + cost)"),
    "size within margin": (
        "execution/margin.py",
        "opened = 0.5 * (least + most)",
        "opened = 0.4 * (least + most)",
    ),
    "liquidation": (
        "execution/liquidation.py",
        "_slack(s, account, bar, TO_EXTREME, 1.0) < 0.0",
        "_slack(s, account, bar, TO_EXTREME, 1.0) < -9e9",
    ),
    "Kelly size": (
        "execution/sizing.py",
        "fraction * (won - (1.0 - won) / ratio)",
        "fraction * (won - (1.0 - won))",
    ),
    "volatility size": (
        "execution/sizing.py",
        "s.rules[symbol, BARS_PER_YEAR])",
        "s.rules[symbol, BARS_PER_YEAR] * 1.5)",
    ),
    "equity": (
        "execution/equity.py",
        "equity += value_of(s, symbol, price_of(s, symbol, field, bar)",
        "equity -= value_of(s, symbol, price_of(s, symbol, field, bar)",
    ),
    "currency": (
        "execution/currencies.py",
        "return 1.0 / price if kind == INVERSE_RATE else price",
        "return price if kind == INVERSE_RATE else price",
    ),
    "win rate": ("execution/metrics.py", "out[10] = wins / trades", "out[10] = losses / trades"),
    "exposure": (
        "execution/metrics.py",
        "out[17] = counts[EXPOSED] / s.curve.shape[0]",
        "out[17] = counts[EXPOSED] / (s.curve.shape[0] + 1)",
    ),
    "moving average": (
        "strategies/indicator_formulas.py",
        "level += weight * (values[bar] - level)",
        "level += weight * (values[bar] - level) * 0.5",
    ),
    "true range": (
        "strategies/indicator_formulas.py",
        "max(high[bar], before) - min(low[bar], before)",
        "high[bar] - min(low[bar], before)",
    ),
    "extreme": (
        "strategies/indicator_formulas.py",
        "at = bar - period + 1",
        "at = bar - period + 2",
    ),
}
PATHS = {
    "drift of a model": (
        "sources/gbm.py",
        "drift = (self.mu - 0.5 * own) * dt",
        "drift = self.mu * dt",
    ),
    "shape of a bar": (
        "sources/bar_shape.py",
        "lows[i] = min(lows[i], bottom) if ohlc else bottom",
        "lows[i] = bottom",
    ),
}
ESTIMATES = {
    "estimate": (
        "calibration/gbm.py",
        "mu = log_drift + 0.5 * sigma**2",
        "mu = log_drift + 0.6 * sigma**2",
    ),
    "error of an estimate": (
        "calibration/gbm.py",
        "error = sigma / math.sqrt(2.0 * count)",
        "error = sigma / math.sqrt(count)",
    ),
}
LOOK_AT_ROWS = """
import json
from tests.engine.execution import golden_rows
before = golden_rows.golden()["rows"]
names = [name for name in before if not name.startswith("study")]
found = golden_rows.hashes(golden_rows.run(*names))
print(json.dumps(golden_rows.changes({name: before[name] for name in names}, found)))
"""
LOOK_AT_PATHS = """
import json
from pathlib import Path
from tests.engine.sources import golden_paths
before = json.loads(Path("tests/engine/sources/golden_paths.json").read_text())
gbm = golden_paths.sources()["gbm"]
found = golden_paths.digest(golden_paths.paths(gbm))
print(json.dumps([] if found == before["gbm"] else ["gbm"]))
"""
LOOK_AT_ESTIMATES = """
import json
from tests.engine.calibration import golden_estimates
found = {"gbm": golden_estimates._estimated(golden_estimates.cases()["gbm"])}
print(json.dumps(list(golden_estimates.changed_cases(golden_estimates.golden(), found))))
"""
EVERY = [
    *((LOOK_AT_ROWS, place) for place in ORDER_ENGINE.values()),
    *((LOOK_AT_PATHS, place) for place in PATHS.values()),
    *((LOOK_AT_ESTIMATES, place) for place in ESTIMATES.values()),
]
NAMES = [*ORDER_ENGINE, *PATHS, *ESTIMATES]


@pytest.fixture(scope="module")
def copy(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("engine", "tests", "data/sample"):
        shutil.copytree(project / part, folder / part, ignore=ignored)
    return folder


def changed(copy: Path, look: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", look],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "NUMBA_CACHE_DIR": str(copy / "kernels")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_twenty_places_stand_once_in_the_engine(project: Path) -> None:
    assert len(EVERY) == len(set(NAMES)) == 20
    for _, (file, line, instead) in EVERY:
        text = (project / "engine" / file).read_text(encoding="utf-8")
        assert text.count(line) == 1, line
        assert line != instead


@pytest.mark.slow
@pytest.mark.parametrize("look", [LOOK_AT_PATHS, LOOK_AT_ESTIMATES, LOOK_AT_ROWS])
def test_the_copy_has_the_golden_hashes_before_any_change(copy: Path, look: str) -> None:
    assert changed(copy, look) == []


@pytest.mark.slow
@pytest.mark.parametrize(("look", "place"), EVERY, ids=NAMES)
def test_a_changed_line_changes_golden_hashes(
    copy: Path, look: str, place: tuple[str, str, str]
) -> None:
    file, line, instead = place
    path = copy / "engine" / file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(line, instead), encoding="utf-8")
    try:
        assert changed(copy, look)
    finally:
        path.write_text(text, encoding="utf-8")

"""Lines that decide numbers, changed one at a time in a copy: golden values must notice each.

A change that nothing notices is a hole in the golden values, to be filled there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.engine.calibration import golden_estimates
from tests.engine.execution import golden_rows
from tests.engine.statistics import golden_statistics

ROWS = "tests.engine.execution.golden_rows"
PATHS = "tests.engine.sources.golden_paths"
ESTIMATES = "tests.engine.calibration.golden_estimates"
STATISTICS = "tests.engine.statistics.golden_statistics"


class Mutation(NamedTuple):
    """A line of `engine`, what stands there instead, and which golden module notices.

    The line occurs once, wherever it is. `scenarios` names the rows that are enough to see it.
    """

    line: str
    instead: str
    noticed_by: str = ROWS
    scenarios: str = "every order, default"


MUTATIONS = {
    # Fills.
    "price of a market order": Mutation(
        "    if kind == MARKET:\n        return at\n    if kind == MARKET_ON_OPEN:",
        "    if kind == MARKET:\n        return at * 1.01\n    if kind == MARKET_ON_OPEN:",
    ),
    "a limit that is just touched": Mutation(
        "reached = low <= limit\n",
        "reached = low < limit\n",
        scenarios="every order, on a grid",
    ),
    "a stop that is just touched": Mutation(
        "return high >= order[ORDER_STOP]",
        "return high > order[ORDER_STOP]",
        scenarios="every order, on a grid",
    ),
    "a stop that the open has passed": Mutation(
        "return at\n        order[ORDER_KIND] = LIMIT\n"
        "    limit = order[ORDER_LIMIT]\n    if peer_rule",
        "return stop\n        order[ORDER_KIND] = LIMIT\n"
        "    limit = order[ORDER_LIMIT]\n    if peer_rule",
    ),
    "a take-profit in the bar of its entry": Mutation(
        "if state == BORN_OF_STOP and _sibling_stop_touched(s, slot, bar):",
        "if state == BORN_OF_STOP:",
        scenarios="every order, in wide bars",
    ),
    "last bar of an order": Mutation(
        "        order[ORDER_EXPIRY] = bar + tif\n",
        "        order[ORDER_EXPIRY] = bar + tif + 1\n",
    ),
    "sequence of sub-bars": Mutation(
        "s.counts[VIEW] = 0 if closing else first + number * SUB_BAR_WIDTH",
        "s.counts[VIEW] = 0 if closing else first + (count - 1 - number) * SUB_BAR_WIDTH",
        scenarios="study, sub-bars",
    ),
    "hours of a session": Mutation(
        "return np.asarray((minute >= start) | (minute < end))",
        "return np.asarray((minute > start) | (minute < end))",
        scenarios="every order, through midnight",
    ),
    # Costs.
    "slippage in basis points": Mutation(
        "price = reference + side * size * rules[symbol, SLIPPAGE_BPS]",
        "price = reference + side * reference * rules[symbol, SLIPPAGE_BPS]",
        scenarios="every order, negative prices",
    ),
    "slippage by volume": Mutation(
        "price += side * size * share_cost * share * share",
        "price += side * size * share_cost * share",
        scenarios="every order, slippage by volume",
    ),
    "least commission": Mutation(
        "return least if least > 0.0 and cost < least else cost",
        "return cost",
        scenarios="every order, commission by unit",
    ),
    "commission of an order that rested": Mutation(
        "maker = kind == LIMIT and moment == INSIDE_BY_LIMIT",
        "maker = kind == LIMIT",
        scenarios="every order, commission by rate",
    ),
    "commission in the settings": Mutation(
        "row[layout.COMMISSION_PER_UNIT] = commission.per_unit",
        "row[layout.COMMISSION_PER_UNIT] = commission.rate",
        scenarios="every order, commission by unit",
    ),
    "borrow fee": Mutation(
        "fee = abs(value) * _rate(s, symbol, BORROW_RATE",
        "fee = value * _rate(s, symbol, BORROW_RATE",
        scenarios="every order, margin",
    ),
    "interest": Mutation(
        "charge -= cash * _rate(s, 0, CASH_RATE,",
        "charge -= 1.01 * cash * _rate(s, 0, CASH_RATE,",
        scenarios="every order, margin",
    ),
    "interest on cash": Mutation(
        "charge -= cash * _rate(s, 0, INTEREST_RATE,",
        "charge -= 1.01 * cash * _rate(s, 0, INTEREST_RATE,",
        scenarios="every order, interest",
    ),
    "dividend": Mutation(
        "each = share * s.path[symbol, CLOSE, bar - 1]",
        "each = share * s.path[symbol, CLOSE, bar]",
        scenarios="every order, dividends",
    ),
    "volume that is left": Mutation(
        "left = most - (position[TAKEN] if position[TAKEN_BAR] == bar else 0.0)",
        "left = most",
        scenarios="every order, within the volume",
    ),
    "fill by chance": Mutation(
        "uniform(drawn) < s.rules[symbol, FILL_PROBABILITY]",
        "uniform(drawn) < 1.01 * s.rules[symbol, FILL_PROBABILITY]",
        scenarios="every order, by chance",
    ),
    "time between bars": Mutation(
        "charge *= time",
        "charge *= 1.0",
        scenarios="every order, margin",
    ),
    # Sizes and margin.
    "rounding to lots": Mutation(
        "if whole - count > _NEAR + _NEAR_SHARE * count:",
        "if whole - count > 0.5:",
        scenarios="every order, large lots",
    ),
    "sizing by Kelly's bet": Mutation(
        "return max(0.0, fraction * (won - (1.0 - won) / ratio))",
        "return max(0.0, fraction * (won - (1.0 - won) * ratio))",
        scenarios="every order, kelly",
    ),
    "sizing by volatility": Mutation(
        "variance = (squares - total * total / window) / (window - 1)",
        "variance = (squares - total * total / window) / window",
        scenarios="every order, volatility target",
    ),
    "margin call": Mutation(
        "slack = equity - needed * (1.0 - _ROUNDING)",
        "slack = equity - needed * (0.5 - _ROUNDING)",
        scenarios="near its margin",
    ),
    "liquidation": Mutation(
        "s.orders[s.counts[PENDING] - 1, ORDER_STATE] = FORCED",
        "s.orders[s.counts[PENDING] - 1, ORDER_STATE] = 0",
        scenarios="near its margin",
    ),
    "lots in the order of their entry": Mutation(
        "slot = int(position[FIRST_LOT])\n        if parent",
        "slot = int(position[FIRST_LOT] + position[OPEN_LOTS]) - 1\n        if parent",
    ),
    "moment of a margin call inside the bar": Mutation(
        "share += (1.0 - share) * slack / (slack - end)",
        "share += 0.9 * (1.0 - share) * slack / (slack - end)",
        scenarios="every order, liquidated",
    ),
    # Metrics and tables.
    "Sharpe ratio": Mutation(
        "out[3] = deviation * annual\n            out[4] = mean",
        "out[3] = deviation * annual\n            out[4] = 1.0000001 * mean",
    ),
    "duration of the last drawdown": Mutation(
        "longest = max(longest, bars - 1 - peak_bar)", "longest = max(longest, bars - peak_bar)"
    ),
    "profit factor": Mutation(
        "out[13] = account[WON] / -account[LOST]", "out[13] = account[LOST] / -account[WON]"
    ),
    "turnover": Mutation("(equities / bars) / years", "(equities / bars)"),
    "favourable excursion": Mutation(
        "int(lot[LOT_FULL_BAR]), full_bar)", "int(lot[LOT_FULL_BAR]) + 1, full_bar)"
    ),
    "bars at which equity is sampled": Mutation(
        "(k + 1) * trading_bars // count - 1", "k * steps // count", scenarios="study, buy and hold"
    ),
    "trades of a study": Mutation(
        "of_chunk = (paths[:, None] * sets + chunk.sets).ravel()",
        "of_chunk = (paths[:, None] * sets + chunk.sets[::-1]).ravel()",
        scenarios="study, several symbols",
    ),
    # Indicators.
    "exponential average": Mutation(
        "ema(values, 2.0 / (period + 1.0), period, 0, out)",
        "ema(values, 2.0 / period, period, 0, out)",
        scenarios="indicator 2",
    ),
    "four simple averages at once": Mutation(
        "r = (0, min(1, last), min(2, last), min(3, last))",
        "r = (0, min(1, last), min(2, last), min(2, last))",
        scenarios="study, 4 averages",
    ),
    "twelve simple averages at once": Mutation(
        "second, in_2, out_2 = _slide(second, in_2, out_2, entering, leaving)",
        "second, in_2, out_2 = _slide(second, in_2, out_1, entering, leaving)",
        scenarios="study, 13 averages",
    ),
    "relative strength": Mutation(
        "loss += (down - loss) / period",
        "loss += (down - loss) / (period + 1)",
        scenarios="indicator 8",
    ),
    # Paths.
    "a constant of Philox": Mutation("0x9E3779B9", "0x9E3779B8", PATHS),
    "angle of a normal pair": Mutation(
        "sincos_fast((steps * _TWO_M30 - 0.5) * _HALF_PI)",
        "sincos_fast(steps * _TWO_M30 * _HALF_PI)",
        PATHS,
    ),
    "bar that the bootstrap draws": Mutation(
        "block[i + 64] = ((w1 & _LOW) * many) >> _32",
        "block[i + 64] = ((w0 & _LOW) * many) >> _32",
        PATHS,
    ),
    "drift of geometric Brownian motion": Mutation(
        "drift = (self.mu - 0.5 * own) * dt", "drift = self.mu * dt", PATHS
    ),
    # Estimates.
    "drift of an estimate": Mutation(
        "mu = log_drift + 0.5 * sigma**2\n    log_likelihood",
        "mu = log_drift\n    log_likelihood",
        ESTIMATES,
    ),
    "weights of a rolling window": Mutation(
        "(age < self.years)", "(age < 1.1 * self.years)", ESTIMATES
    ),
    "curve of a factor model": Mutation(
        "(1.0 - decay**2) * sigma_chi**2 / (4.0 * kappa)",
        "(1.0 - decay**2) * sigma_chi**2 / (2.0 * kappa)",
        ESTIMATES,
    ),
    "error of a mean": Mutation(
        "return _over(self.moment(2), self.units - 1)",
        "return _over(self.moment(2), self.units)",
        STATISTICS,
    ),
    "tail of an expected shortfall": Mutation(
        "layout.rank(-x), n, np.minimum(whole + 1, n).astype(np.float64)",
        "layout.rank(-x), n, np.minimum(whole, n).astype(np.float64)",
        STATISTICS,
    ),
}

# Those of the everyday run compile little: two parts of Python, and a metric.
QUICK = {"Sharpe ratio"}


def changed_values(project: Path, module: str, found: dict[str, Any]) -> list[str]:
    """Names of the golden values that a module's values differ from."""
    file = project / module.replace(".", "/")
    before = json.loads(file.with_suffix(".json").read_text())
    if module == ROWS:
        return golden_rows.changes(before["rows"], found["rows"])
    if module == ESTIMATES:
        return list(golden_estimates.changed_cases(before, found))
    if module == STATISTICS:
        return golden_statistics.changed(before, found)
    return [name for name in before if before[name] != found[name]]


def values_of_copy(folder: Path, module: str, *scenarios: str) -> dict[str, Any]:
    """What a golden module prints in a process that finds `engine` in `folder`."""
    command = [sys.executable, "-m", module, "--print", *scenarios]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def files_with(engine: Path, line: str) -> list[Path]:
    """Files that hold a line, one entry for each time that they do."""
    texts = {file: file.read_text() for file in sorted(engine.rglob("*.py"))}
    return [file for file, text in texts.items() for _ in range(text.count(line))]


def changed_copy(project: Path, folder: Path, mutation: Mutation) -> None:
    """Copy the project's code with one line changed."""
    without_cache = shutil.ignore_patterns("__pycache__")
    for part in ("engine", "tests/engine", "data/sample"):
        shutil.copytree(project / part, folder / part, ignore=without_cache)
    (file,) = files_with(folder / "engine", mutation.line)
    file.write_text(file.read_text().replace(mutation.line, mutation.instead))


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_line_to_change_is_there_once_and_its_scenario_too(name, project):
    mutation = MUTATIONS[name]
    files = files_with(project / "engine", mutation.line)
    assert len(files) == 1, f"{mutation.line!r} is in {[file.name for file in files]}"
    if mutation.noticed_by == ROWS:
        assert any(scenario.startswith(mutation.scenarios) for scenario in golden_rows.scenarios())


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MUTATIONS],
)
def test_a_changed_line_changes_golden_values(name, project, tmp_path):
    mutation = MUTATIONS[name]
    changed_copy(project, tmp_path, mutation)
    found = values_of_copy(tmp_path, mutation.noticed_by, mutation.scenarios)
    assert changed_values(project, mutation.noticed_by, found)


@pytest.mark.slow
@pytest.mark.parametrize("module", [ROWS, PATHS, ESTIMATES, STATISTICS])
def test_an_unchanged_copy_has_the_golden_values(module, project, tmp_path):
    changed_copy(project, tmp_path, Mutation("0x9E3779B9", "0x9E3779B9"))
    assert changed_values(project, module, values_of_copy(tmp_path, module)) == []

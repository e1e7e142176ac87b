"""The look-ahead audit passes honest strategies and catches planted cheats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.strategies import (
    Choice,
    Int,
    Strategy,
    StrategyError,
    get_strategy,
    load_user_strategies,
    strategy_names,
)
from engine.strategies.audit import audit_strategy

CHEAT = """
from engine.strategies import Int, Strategy


class Clairvoyant(Strategy):
    ahead = Int(1, low=1, high=5)

    def signals(self, bars, target):
        last = len(target) - 1
        for t in range(len(target)):
            later = min(t + self.ahead, last)
            target[t] = 1.0 if bars.close[later] > bars.close[t] else 0.0
"""


class Honest(Strategy):
    lag = Int(3)

    def signals(self, bars, target):
        for t in range(len(target)):
            back = t - self.lag
            target[t] = 1.0 if back >= 0 and bars.close[t] > bars.close[back] else 0.0


# Futures replaced on each of four paths: most that look ahead do so at nearly every bar. All 499 of
# each path find one that does so at a single bar.
SOME = 60

# Those that hold options are legs as data: no hook of theirs could read ahead.
HOOKED = [name for name in strategy_names() if get_strategy(name).engine is None]


@pytest.mark.parametrize("cuts", [SOME, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", HOOKED)
def test_every_built_in_passes(name: str, cuts: int) -> None:
    report = audit_strategy(name, cuts=cuts)
    assert report.findings == ()
    assert report.passed


class VectorCheats(Strategy):
    """Signals that use the future, each in its way."""

    how = Choice(
        "shift",
        ["shift", "centred", "whole_mean", "whole_deviation", "whole_range", "last", "smoothed"],
    )

    def signals(self, bars, target):
        close = bars.close
        count = len(close)
        total, low, high = 0.0, close[0], close[0]
        for price in close:
            total += price
            low, high = min(low, price), max(high, price)
        squares, later = 0.0, close[-1]
        for price in close:
            squares += (price - total / count) ** 2
        for t in range(count - 1, -1, -1):
            later = 0.5 * close[t] + 0.5 * later
            up = close[t] < later
            if self.how == "shift":
                up = t + 1 < count and close[t + 1] > close[t]
            elif self.how == "centred":
                up = 0 < t < count - 1 and close[t] < (close[t - 1] + close[t + 1]) / 2.0
            elif self.how == "whole_mean":
                up = close[t] < total / count
            elif self.how == "whole_deviation":
                up = t >= 20 and close[t] - close[t - 20] > 0.3 * (squares / count) ** 0.5
            elif self.how == "whole_range":
                up = (close[t] - low) / (high - low) < 0.5
            elif self.how == "last":
                up = close[t] < close[-1]
            target[t] = 1.0 if up else 0.0


QUICK = ("shift", "whole_mean", "smoothed")


@pytest.mark.parametrize(
    "how",
    [
        how if how in QUICK else pytest.param(how, marks=pytest.mark.slow)
        for how in VectorCheats.how.choices
    ],
)
def test_signals_that_use_the_future_are_caught_with_bar_and_order(how: str) -> None:
    report = audit_strategy(VectorCheats, parameters={"how": how}, cuts=SOME)
    assert not report.passed
    assert report.findings
    for finding in report.findings:
        assert 0 <= finding.bar <= finding.cut
        assert f"at bar {finding.bar}, order {finding.order}" in str(finding)


class CheatsOnce(Strategy):
    """Knows the future at a single bar."""

    at = Int(100)

    def signals(self, bars, target):
        close = bars.close
        for t in range(1, len(close)):
            target[t] = 1.0 if close[t] > close[t - 1] else 0.0
        target[self.at] = 1.0 if close[self.at + 1] > close[self.at] else 0.0


@pytest.mark.parametrize(
    "at", [333, *(pytest.param(at, marks=pytest.mark.slow) for at in (1, 100, 498))]
)
def test_a_single_look_ahead_is_caught_at_its_bar(at: int) -> None:
    findings = audit_strategy(CheatsOnce, parameters={"at": at}).findings
    assert findings
    assert {finding.bar for finding in findings} == {at}


PRICES = np.linspace(100.0, 120.0, 500)
SIGNS = "ud" * 250
SHORT_TABLE = np.array([0.5, 1.0, 0.5])


def remembered(t: int, prices: tuple[float, ...] = tuple(PRICES)) -> float:
    return prices[t % 500]


class Remembers(Strategy):
    """Decides by what it brought along."""

    how = Choice("table", ["table", "text", "default", "later", "short"])

    def on_bar(self, bar, order):
        t = min(bar.index + 1, 499)
        up = bar.close > bar.open
        if self.how == "table":
            up = PRICES[t] > bar.close
        elif self.how == "text":
            up = SIGNS[t] == "u"
        elif self.how == "default":
            up = remembered(t) > bar.close
        elif self.how == "later" and bar.index == 7:
            up = bar.close[bar.index - 8] > bar.close
        order.target_percent(SHORT_TABLE[0] if up else 0.0)


def test_a_bar_index_into_the_future_is_caught_with_bar_and_order() -> None:
    report = audit_strategy(Remembers, parameters={"how": "later"}, cuts=1)
    assert not report.passed
    assert len(report.reads_ahead) == report.paths
    assert "at bar 7 the strategy asked for a later bar and placed order 8" in report.reads_ahead[0]


def test_tables_that_may_hold_a_path_are_named() -> None:
    report = audit_strategy(Remembers, cuts=1)
    assert not report.passed
    assert [text.split(",")[0] for text in sorted(report.tables)] == [
        "Remembers.on_bar reads PRICES",
        "Remembers.on_bar reads SIGNS",
        "remembered reads the default of prices",
    ]


def test_tables_in_comprehensions_and_modules_beside_are_named_too(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tables_beside.py").write_text("import numpy as np\nROW = np.ones(500)\n")
    path = tmp_path / "reads_beside.py"
    path.write_text(
        "import tables_beside\nfrom engine.strategies import Strategy\n"
        "OWN = tables_beside.ROW * 2\n"
        "class Reads(Strategy):\n    def on_bar(self, bar, order):\n"
        "        order.market(tables_beside.ROW[bar.index] + sum([OWN[i] for i in range(2)]))\n"
    )
    (name,) = load_user_strategies(path)
    tables = audit_strategy(name, cuts=1).tables
    assert [text.split(",")[0] for text in sorted(tables)] == [
        "Reads.on_bar reads OWN",
        "Reads.on_bar reads tables_beside.ROW",
    ]


class Drawn(Strategy):
    """Would be refused by its text: the audit is asked alone."""

    def on_bar(self, bar, order):
        order.target_percent(np.random.random())  # noqa: NPY002


def test_chance_and_company_are_caught_where_the_text_hides_them(monkeypatch) -> None:
    monkeypatch.setattr("engine.strategies.rewriting.check_purity", lambda hook: None)
    report = audit_strategy(Drawn, cuts=SOME)
    assert report.repeat_differs
    assert report.alone_differs
    assert report.findings
    assert "the orders on a path differ when it is run again" in report.reasons


class Scribbles(Strategy):
    """Changes the bars that the next parameter set reads."""

    def signals(self, bars, target):
        close = bars.close
        close[0] = 1.0
        target[:] = 1.0


def test_signals_cannot_change_the_bars() -> None:
    with pytest.raises(StrategyError, match="shared by all simulations, not changed"):
        audit_strategy(Scribbles)


def test_an_honest_vector_strategy_passes() -> None:
    assert audit_strategy(Honest, cuts=SOME).passed


def test_the_command_fails_on_a_cheat_in_a_users_file(tmp_path: Path) -> None:
    import typer

    from mc_assets.cli.audit import audit

    file = tmp_path / "cheat.py"
    file.write_text(CHEAT)
    app = typer.Typer()
    app.command()(audit)
    some = ["--cuts", str(SOME)]
    result = CliRunner().invoke(app, ["clairvoyant", "--file", str(file), *some])
    assert result.exit_code == 1
    assert "clairvoyant: FAILED" in result.output
    assert "order" in result.output
    assert CliRunner().invoke(app, ["buy_and_hold", *some]).exit_code == 0


PAIR = """
from engine.strategies import Strategy


class PairOfTwo(Strategy):
    def on_bar(self, bar, order):
        side = 0.4 if bar[0].close > bar[1].close else -0.4
        order[0].target_percent(-side)
        order[1].target_percent(side)


class PairAhead(Strategy):
    def signals(self, bars, target):
        target[1, :-1] = bars[0].close[1:] > bars[0].close[:-1]
"""


@pytest.mark.slow
def test_the_command_audits_a_strategy_of_several_symbols(tmp_path: Path) -> None:
    import typer

    from mc_assets.cli.audit import audit

    file = tmp_path / "pair.py"
    file.write_text(PAIR)
    app = typer.Typer()
    app.command()(audit)
    options = ["--file", str(file), "--symbols", "2"]
    honest = CliRunner().invoke(app, ["pair_of_two", *options])
    assert honest.exit_code == 0, honest.output
    cheat = CliRunner().invoke(app, ["pair_ahead", *options])
    assert cheat.exit_code == 1
    assert "pair_ahead: FAILED" in cheat.output

"""The page of a judgement: verdict, history, worlds, panel, and what the search cost."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Final

import polars as pl

from engine.plots import Chart, page, section
from engine.plots.history import equity_and_benchmark, monthly_returns
from engine.plots.page import table, verdict_box
from engine.plots.sets import intervals

if TYPE_CHECKING:
    from engine.judging import Judgement, Panel
    from engine.strategies.backtest import Backtest

__all__ = ["judgement_page"]

_WORDS: Final = {
    "edge": ("good", "An edge"),
    "no edge": ("bad", "No edge that matters"),
    "not to be told": ("open", "Not to be told from these data"),
}
_METRICS: Final = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "net_pnl")


def judgement_page(found: Judgement, panel: Panel | None, course: Backtest) -> str:
    """Return a judgement as one page of HTML that needs no network.

    Parameters
    ----------
    found : Judgement
        The verdict.
    panel : Panel, optional
        One grid of sets in every world of the same history.
    course : Backtest
        The best set on the history.
    """
    kind, word = _WORDS[found.verdict]
    if found.verdict == "edge" and found.edge.low <= 0.0:
        word = "An edge, of unsure size"
    parts = [
        verdict_box(kind, word, found.sentence, _facts(found), *_cautions(found)),
        section("The best set on the history", *_history(found, course)),
        section("The same set over a year in simulated worlds", *_worlds(found)),
    ]
    if panel is not None:
        parts.append(section("Which set is best depends on the world", *_panel(panel)))
    parts.append(section("What the search cost", _cost(found)))
    parts.append(section("Where these numbers come from", _made_of(found)))
    lead = f"{found.first} to {found.last}, {found.edge.years:.1f} years"
    return page(f"{found.strategy} on {found.symbol}", *parts, lead=lead)


def _facts(found: Judgement) -> dict[str, str | tuple[str, str]]:
    edge = found.edge
    if math.isnan(edge.sharpe):
        return {"sets tried": f"{edge.trials:,}"}
    worst = found.worst_world
    facts: dict[str, str | tuple[str, str]] = {
        "Sharpe beyond the market, as it looks": f"{edge.sharpe:.2f}",
        "chance alone would show": f"{edge.by_chance:.2f}",
        "corrected for the pick": (
            f"{edge.corrected:.2f}",
            f"{edge.low:.2f} to {edge.high:.2f}",
        ),
        "p-value": f"{edge.p_value:.3f}",
        "sets tried": f"{edge.trials:,}",
    }
    if worst is not None:
        facts["worst world, mean year"] = (f"{100 * worst['mean_return']:.1f} %", worst["world"])
    return facts


def _cautions(found: Judgement) -> list[str]:
    return [f"Caution: {text}." for text in found.cautions]


def _history(found: Judgement, course: Backtest) -> list[str | Chart]:
    own = course.bars.filter(pl.col("bar") >= 0)
    times, closes = own["timestamp"], own["close"].to_numpy()
    values = ", ".join(f"{name} {_number(value)}" for name, value in found.parameters.items())
    shown = {
        name.replace("_", " "): _metric(name, found.history.get(name))
        for name in _METRICS
        if name in found.history
    }
    return [
        f'<p class="note">{values or "No parameters"}.</p>',
        table(pl.DataFrame([shown])),
        Chart(
            "equity of the best set beside buying and holding",
            equity_and_benchmark(times, course.equity, course.start, closes),
            "One course, the one that the search was made on: it flatters what was picked on it.",
            id="history",
        ),
        "<h3>Monthly returns, %</h3>",
        Chart("months", monthly_returns(times, course.equity, course.start), id="monthly"),
    ]


def _worlds(found: Judgement) -> list[str | Chart]:
    known = found.worlds.filter(pl.col("mean_return").is_not_null())
    parts: list[str | Chart] = []
    if not known.is_empty():
        drawn = known.select("world", "ci_low", "ci_high", estimate="mean_return")
        figure = intervals(drawn, "world", "mean return of a year", percent=True)
        note = "95 % Monte Carlo intervals. A model without predictability has no edge to find."
        parts.append(Chart("mean year by world", figure, note, id="worlds"))
    shown = found.worlds.select(
        "world",
        "kind",
        "paths",
        *(
            (100.0 * pl.col(name)).round(1).alias(title)
            for name, title in (
                ("mean_return", "mean year, %"),
                ("profit_probability", "in profit, %"),
                ("drawdown_q05", "drawdown of 1 in 20, %"),
            )
        ),
        "status",
    )
    return [*parts, table(shown, text=("world", "kind", "status"))]


def _panel(panel: Panel) -> list[str | Chart]:
    chart = panel.plot()
    return [
        f"<p>{panel.sentence}</p>",
        Chart(chart.title, chart.figure, chart.note, id="panel"),
    ]


def _cost(found: Judgement) -> str:
    edge = found.edge
    if math.isnan(edge.sharpe):
        return f"<p>{edge.trials:,} sets were tried, and none traded.</p>"
    more = edge.needed_years
    needed = "no length of it" if math.isinf(more) else f"{more:,.0f} years"
    rows = {
        "parameter sets tried": f"{edge.trials:,}",
        "best Sharpe ratio beyond the market, as it looks": f"{edge.sharpe:.3f}",
        "its standard error, by resampling the history": f"{edge.std_error:.3f}",
        "what the best of as many without skill shows": f"{edge.by_chance:.3f}",
        "corrected for the pick, with its interval": (
            f"{edge.corrected:.3f} ({edge.low:.3f} to {edge.high:.3f})"
        ),
        "chance of a best as good, if no set has an edge": f"{edge.p_value:.4f}",
        "history there is": f"{edge.years:.1f} years",
        "history that would tell": needed,
    }
    frame = pl.DataFrame({"": list(rows), "value": list(rows.values())})
    return table(frame, text=("",))


def _made_of(found: Judgement) -> str:
    written = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    rows = {
        "strategy": found.strategy,
        "series": found.symbol,
        "history": f"{found.first} to {found.last}",
        "page written": written,
        "seconds": f"{found.seconds:.1f}",
    }
    cells = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f'<table class="lineage">{cells}</table>'


def _metric(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in ("total_return", "cagr", "max_drawdown"):
        return f"{100.0 * value:.1f} %"
    return f"{value:,.0f}" if name in ("trades", "net_pnl") else f"{value:.2f}"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""The short table of a study: one row per parameter set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mc_assets.estimate_text import estimate_text, interval_text
from mc_assets.headlines import (
    ADVICE,
    ENDINGS,
    ERROR_KINDS,
    HEADLINE_NAMES,
    HEADLINES,
    Headline,
    headlines_in,
    saved_sentence,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "LEGEND",
    "MOST_SETS",
    "VIEWS",
    "headline_columns",
    "headline_table",
    "print_headlines",
    "print_rare_events",
    "print_warnings",
    "print_what_to_run",
]

LEGEND = "estimates over n paths with 95 % intervals; error: its largest part"

#: Parameter sets that a command prints after it ran; a grid may have hundreds.
MOST_SETS = 20

_FIRST = ("mean_net_pnl", "sharpe")

#: Statistics that are shown, and those shown with their interval, from a wide terminal to a narrow.
VIEWS = ((HEADLINE_NAMES, HEADLINE_NAMES), (HEADLINE_NAMES, _FIRST), (_FIRST, _FIRST))


def print_headlines(
    statistics: pl.DataFrame,
    *,
    title: str | None = None,
    limit: int = 100,
    shown_by: str = "--limit",
) -> None:
    """Print the headline statistics; on a narrow terminal fewer of them, or of their intervals."""
    from mc_assets.cli.tables import print_frame

    sets = _headline_sets(statistics)
    shown = sets.head(limit)
    print_frame(
        *(_headline_view(shown, statistics, *view) for view in VIEWS),
        title=f"{title}  {LEGEND}" if title else LEGEND,
        limit=limit,
        total=sets.height,
        shown_by=shown_by,
    )
    print_what_to_run(sets)
    if saved := saved_sentence(statistics):
        typer.echo(saved)
    if "float32" in statistics["precision"]:
        typer.echo("metrics are stored in float32: each is rounded to 6e-8 of itself")


def print_what_to_run(sets: pl.DataFrame) -> None:
    """Say what would narrow the intervals, or tell an error that is not told.

    `sets` has a row per parameter set, with ``dominant`` and ``what_to_run``.
    """
    for words, kind in dict(sets.select("what_to_run", "dominant").iter_rows()).items():
        if words is not None:
            mostly = "" if kind == "none" else "mostly "
            typer.echo(f"error, {mostly}{ERROR_KINDS[kind]}: {words}")


def print_warnings(warnings: pl.DataFrame) -> None:
    """Print the sentences of a table of warnings, of each kind the first few."""
    from mc_assets.warning_sentences import warning_sentences

    for sentence in warning_sentences(warnings):
        typer.secho(f"warning: {sentence}", fg="yellow")


def print_rare_events(rare: pl.DataFrame, limit: int) -> None:
    """Print the probabilities of rare events, and the plain paths that would tell as much."""
    keys = ("parameter_set", "event", "probability", "ci_low", "ci_high", "plain_paths")
    for number, event, share, low, high, plain in rare.head(limit).select(keys).iter_rows():
        interval = "no interval" if low is None else f"{low:.2g} to {high:.2g}"
        saved = "" if plain is None else f", as {plain:,.0f} plain paths tell it"
        typer.echo(f"rare event, set {number}: {event}: {share:.3g} ({interval}){saved}")


def headline_table(
    statistics: pl.DataFrame,
    shown: Sequence[str] = HEADLINE_NAMES,
    with_interval: Sequence[str] = HEADLINE_NAMES,
) -> pl.DataFrame:
    """Parameters and headline statistics, each with its interval or why there is none.

    Parameters
    ----------
    statistics : polars.DataFrame
        One row per parameter set and statistic, the headlines among them
        (`mc_assets.headlines.with_all_errors`).
    shown, with_interval : sequence of str
        The statistics that are shown, and those of them whose intervals are.

    Returns
    -------
    polars.DataFrame
        ``set``, the parameters, and the columns of `headline_columns`.
    """
    return _headline_view(_headline_sets(statistics), statistics, shown, with_interval)


def interval_table(statistics: pl.DataFrame) -> pl.DataFrame:
    """Keys and estimates with their intervals in one column, for a narrow terminal.

    `statistics` is any table of statistics (`engine.results.statistics.COLUMNS` behind its keys).
    """
    import polars as pl

    cells = [
        interval_text(value, error, low, high, "ratio", why_none=why or "")
        for value, error, low, high, why in statistics.select(*ENDINGS).iter_rows()
    ]
    idle = [_idle_text(share) for share in statistics["idle_share"]]
    left_out = {*ENDINGS, "n", "idle_share", "supported", "precision", *ADVICE}
    return statistics.select(
        *(name for name in statistics.columns if name not in left_out),
        pl.Series("estimate (95 % interval)", cells, dtype=pl.String),
        "n",
        pl.Series("idle", idle, dtype=pl.String),
    )


def headline_columns(
    sets: pl.DataFrame,
    shown: Sequence[str],
    with_interval: Sequence[str],
    headlines: Sequence[Headline] = HEADLINES,
) -> list[pl.Series]:
    """Text of the headline statistics, n, the share of idle paths, the largest part of the error.

    `sets` has a row per parameter set, with the columns of ``parameter_sets`` for `headlines`; of
    these the statistics `shown` are, or all where none of them is.
    """
    import polars as pl

    columns = []
    none_shown = not any(headline.statistic in shown for headline in headlines)
    for headline in headlines:
        name = headline.statistic
        if name not in shown and not none_shown:
            continue
        own = sets.select(f"{name}{ending}" for ending in ENDINGS.values())
        cells = []
        for value, error, low, high, why in own.iter_rows():
            if name in with_interval or none_shown:
                text = interval_text(value, error, low, high, headline.unit, why_none=why or "")
            else:
                text = estimate_text(value, error, headline.unit, show_error=False)
            cells.append(text)
        columns.append(pl.Series(headline.title, cells, dtype=pl.String))
    idle = [_idle_text(share) for share in sets["idle_share"]]
    error = [ERROR_KINDS.get(kind, "") for kind in sets["dominant"]]
    return [
        *columns,
        sets["n"],
        pl.Series("idle", idle, dtype=pl.String),
        pl.Series("error", error, dtype=pl.String),
    ]


def _headline_sets(statistics: pl.DataFrame) -> pl.DataFrame:
    """Return a row per parameter set, the headlines in columns as ``parameter_sets`` has them."""
    shown = [headline.statistic for headline in headlines_in(statistics)]
    own = {
        name: rows
        for (name,), rows in statistics.partition_by(
            "statistic", as_dict=True, maintain_order=True
        ).items()
        if name in shown
    }
    if not own:
        return statistics.clear()
    return own[shown[0]].with_columns(
        rows[column].alias(f"{name}{ending}")
        for name, rows in own.items()
        for column, ending in ENDINGS.items()
    )


def _headline_view(
    sets: pl.DataFrame,
    statistics: pl.DataFrame,
    shown: Sequence[str],
    with_interval: Sequence[str],
) -> pl.DataFrame:
    named = statistics.columns
    parameters = named[named.index("set_id") + 1 : named.index("statistic")]
    # What is not set is a value of its own; elsewhere a dash says that nothing is known.
    unset = [name for name in parameters if sets[name].null_count()]
    return sets.select(
        sets["parameter_set"].alias("set"),
        *(_with_none(sets[name]) if name in unset else sets[name] for name in parameters),
        *headline_columns(sets, shown, with_interval, headlines_in(statistics)),
    )


def _with_none(values: pl.Series) -> pl.Series:
    import polars as pl

    from mc_assets.cli.tables import format_value

    text = ["none" if value is None else format_value(value) for value in values]
    return pl.Series(values.name, text)


def _idle_text(share: float | None) -> str:
    """Write the share of idle paths; a small one is not none, and some rows do not tell."""
    if share is None:
        return "–"
    if not share:
        return "0 %"
    return f"{100.0 * share:.0f} %" if share >= 0.005 else "< 1 %"

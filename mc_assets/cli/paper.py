"""``mc paper``: a study on a paper account, its stop, and its journal."""

from __future__ import annotations

from typing import Any

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json

_STUDY = typer.Argument(..., help="Name of a study, or its file.", autocompletion=study_names)
_SET = typer.Option(
    None, "--set", help="The parameter set: its number, its id, or NAME=VALUE; repeat it."
)


def paper_run(
    study: str = _STUDY,
    chosen: list[str] = _SET,
    once: bool = typer.Option(False, "--once", help="Look at the market once, and end."),
    every: float = typer.Option(60.0, "--every", min=1.0, help="Seconds between two looks."),
    ingest: bool = typer.Option(True, help="Fetch the newest bars before each look."),
    loss: float = typer.Option(
        0.2, "--loss-limit", help="Largest loss, as a share of the starting cash."
    ),
    stale: float = typer.Option(3.0, "--stale-bars", help="Bars that may be missing."),
    skew: float = typer.Option(30.0, "--clock-skew", help="Seconds from the broker's clock."),
    rejections: int = typer.Option(5, "--rejections", min=1, help="Refused orders that stop it."),
    flatten: bool = typer.Option(
        False, "--flatten", help="Close positions, too, when a limit stops it."
    ),
    symbol: list[str] = typer.Option(
        None, "--symbol", help="OLD=NEW: what the broker calls a symbol now; repeat it."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on with a session that was stopped."),
    live: bool = typer.Option(
        False, "--live", help="Real money; needs MC_LIVE_TRADING=yes in the environment, too."
    ),
    base_url: str = typer.Option(None, "--base-url", help="Another server of the broker."),
    as_json: bool = typer.Option(False, "--json", help="Print each look as JSON."),
) -> None:
    """Trade a parameter set of a study on a paper account: `mc paper STUDY --set NUMBER`."""
    import time

    from mc_assets.answers.paper import open_session
    from mc_assets.answers.paper_settings import paper_limits, renamed_symbols
    from mc_assets.project import Project

    session = open_session(
        Project.from_environment(),
        study,
        chosen or (),
        live=live,
        renamed=renamed_symbols(symbol or ()),
        limits=paper_limits(
            loss=loss, stale_bars=stale, clock_skew=skew, rejections=rejections, flatten=flatten
        ),
        resume=resume,
        base_url=base_url,
    )
    while True:
        try:
            step = session.look(ingest=ingest)
        except OSError as error:  # no answer, or a full disk: what was written down stands
            if once:
                raise
            typer.echo(f"{session.session}: {error}; the next look goes on from there", err=True)
            time.sleep(every)
            continue
        _print(session.session, step, as_json=as_json)
        if once or step.stopped:
            break
        time.sleep(every)
    if step.stopped:
        raise typer.Exit(1)


def paper_stop(
    study: str = _STUDY,
    chosen: list[str] = _SET,
    flatten: bool = typer.Option(False, "--flatten", help="Close its positions, too."),
    only_ask: bool = typer.Option(
        False, "--only-ask", help="Leave it to the session that is trading, at its next look."
    ),
    base_url: str = typer.Option(None, "--base-url", help="Another server of the broker."),
    live: bool = typer.Option(False, "--live", help="Of a session with real money."),
) -> None:
    """Stop a paper session: cancel its orders and, if asked, close its positions."""
    from mc_assets.answers.paper import open_session, request_stop
    from mc_assets.project import Project

    project = Project.from_environment()
    name = request_stop(project, study, chosen or (), flatten=flatten)
    if only_ask:
        typer.echo(f"{name}: asked to stop")
        return
    session = open_session(project, study, chosen or (), base_url=base_url, live=live)
    step = session.stop(flatten=flatten)
    orders = "1 order" if step.cancelled == 1 else f"{step.cancelled} orders"
    typer.echo(f"{name}: stopped; {orders} cancelled, {step.sent} closing")


def paper_journal(
    session: str = typer.Argument(None, help="Name of one session, as `mc paper` prints it."),
    limit: int = typer.Option(30, min=1, help="How many rows are listed, the newest."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """List what paper sessions decided, sent, filled and refused, the newest last."""
    from mc_assets.answers.paper import paper_journal as journal_of
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = journal_of(Project.from_environment(), session)
    if as_json:
        print_json(found)
        return
    if found.is_empty():
        typer.echo("no paper session")
        return
    columns = ("at", "event", "bar", "symbol", "order", "kind", "units", "price", "text")
    print_frame(found.tail(limit).select("session", *columns), found.tail(limit).select(*columns))


def paper_compare(
    study: str = _STUDY,
    chosen: list[str] = _SET,
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Measure what paper fills cost, and print it as cost settings for studies."""
    from mc_assets.answers.paper import compare_paper
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = compare_paper(Project.from_environment(), study, chosen or ())
    if as_json:
        print_json({"rows": found.table, "yaml": found.yaml, "drifted": found.drifted()})
        return
    print_frame(found.table, found.table.drop("session"))
    for sentence in found.drifted():
        typer.echo(sentence)
    typer.echo(found.yaml or "too few fills for cost settings")


def _print(session: str, step: Any, *, as_json: bool) -> None:
    from mc_assets.answers.json_values import plain

    if as_json:
        print_json(plain({"session": session, **vars(step)}))
        return
    what = "decided" if step.decided else "nothing new"
    said = f"{session}: bar {step.bar}, {what}; {step.sent} sent, {step.cancelled} cancelled, "
    typer.echo(
        said + (f"stopped: {step.stopped}" if step.stopped else f"equity {step.equity:,.2f}")
    )

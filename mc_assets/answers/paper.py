"""Trading a study on paper: one look at the market, stopping it, what the journal holds."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mc_assets.paper.stale_bars import StaleBars
from mc_assets.project import Project

if TYPE_CHECKING:
    import polars as pl

    from engine.bars import Bars
    from engine.paper import Broker, Limits, PaperComparison, Step, Terms, Trader

__all__ = [
    "PaperSession",
    "SessionsLook",
    "compare_paper",
    "look_at_sessions",
    "open_session",
    "paper_comparisons",
    "paper_journal",
    "request_stop",
]


class PaperSession:
    """A study's parameter set on a paper account, one look at the market after the other.

    Parameters
    ----------
    project : Project
        Where study, bars and journal lie.
    study : str
        Its name, or its file.
    chosen : sequence of str
        The parameter set, as of `open_session`.
    trader : Trader
        Trades it.
    """

    def __init__(self, project: Project, study: str, chosen: Sequence[str], trader: Trader) -> None:
        self._project = project
        self._study = study
        self._chosen = tuple(chosen)
        self.trader = trader

    @property
    def session(self) -> str:
        """Name of the session, which is that of its folder."""
        return self.trader.terms.session

    def look(self, *, ingest: bool) -> Step:
        """Bring the bars up to date and do what they ask for.

        Parameters
        ----------
        ingest : bool
            Whether bars are fetched first.

        Raises
        ------
        Refusal
            If the session cannot go on; says why.
        PipelineError
            If bars cannot be fetched.
        StaleBars
            If a provider has newer bars than are stored.
        """
        bars = self._bars(ingest=ingest)
        stale = self._behind(bars)
        if stale and ingest:
            bars = self._bars(ingest=True)  # one that has closed meanwhile
            stale = self._behind(bars)
        if stale:
            raise StaleBars(f"{'; '.join(stale)}; `mc ingest {' '.join(self._series())}` stores it")
        return self.trader.step(bars)

    def _bars(self, *, ingest: bool) -> tuple[Bars, ...]:
        if ingest:
            from mc_assets.answers.bars import ingest_bars

            ingest_bars(self._project, self._series())
        return _study_bars(self._project, self._study, self._chosen)[1]

    def _behind(self, bars: Sequence[Bars]) -> list[str]:
        from mc_assets.paper.stale_bars import stale_bars

        return stale_bars(self._project, bars, datetime.datetime.now(datetime.UTC))

    def stop(self, *, flatten: bool) -> Step:
        """Cancel its orders and, if asked, close its positions."""
        return self.trader.stop("asked to", flatten)

    def _series(self) -> list[str]:
        timeframe = _definition(self._project, self._study).source.timeframe
        return [f"{symbol}@{timeframe}" for symbol in self.trader.terms.symbols]


def open_session(
    project: Project,
    study: str,
    chosen: Sequence[str] = (),
    *,
    live: bool = False,
    renamed: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    resume: bool = False,
    broker: Broker | None = None,
    base_url: str | None = None,
) -> PaperSession:
    """Begin a session, or go on with one.

    Parameters
    ----------
    project : Project
        Where study, bars and journal lie.
    study : str
        Its name, or its file.
    chosen : sequence of str
        The parameter set: its number, its id, or values as ``NAME=VALUE``; nothing where the study
        has one.
    live : bool
        Trade with real money, which the environment has to allow, too.
    renamed : mapping of str to str, optional
        The broker's name of symbols that it calls otherwise than the study.
    limits : Limits, optional
        What stops it.
    resume : bool
        Let a session that was stopped trade again.
    broker : Broker, optional
        The account; by default Alpaca's, by the keys of the environment.
    base_url : str, optional
        Alpaca's server, where it is another one.

    Raises
    ------
    Refusal
        If the study cannot be traded, has no such set, or its bars are not stored: before
        anything is sent.
    """
    from engine.files import LocalFiles
    from engine.paper import Trader

    terms, _ = _study_bars(project, study, chosen)
    if broker is None:
        from mc_assets.paper.alpaca_broker import AlpacaBroker, trading_address

        names = {symbol: (renamed or {}).get(symbol, symbol) for symbol in terms.symbols}
        broker = AlpacaBroker(base_url or trading_address(live=live), names)
    # An order that was sent and not written down would be nobody's after a failure of power.
    files = LocalFiles(project.data, durable=True)
    trader = Trader(terms, broker, files, limits=limits)
    if resume:
        trader.resume()
    return PaperSession(project, study, chosen, trader)


def request_stop(
    project: Project, study: str, chosen: Sequence[str] = (), *, flatten: bool = False
) -> str:
    """Ask a session that is trading to stop, by a file that it looks for; return its name.

    Parameters
    ----------
    project : Project
        Where the journal lies.
    study : str
        Name of the study, or its file.
    chosen : sequence of str
        The parameter set, as of `open_session`.
    flatten : bool
        Whether it closes its positions, too.
    """
    from engine.files import LocalFiles
    from engine.paper import Limits

    terms, _ = _study_bars(project, study, chosen)
    key = Limits.flatten_key(terms) if flatten else Limits.stop_key(terms)
    LocalFiles(project.data).put_new(key, b"asked to stop\n")
    return terms.session


@dataclass(frozen=True)
class SessionsLook:
    """What a look at the market of every session came to.

    Parameters
    ----------
    sentences : list of str
        One per session that trades.
    failures : list of str
        Why a session could not look, or was stopped.
    drifted : list of str
        What costs otherwise than a study assumes.
    yaml : str
        Cost settings as measured, by session.
    """

    sentences: list[str]
    failures: list[str]
    drifted: list[str]
    yaml: str


def look_at_sessions(
    project: Project, open_one: Callable[..., PaperSession] | None = None
) -> SessionsLook:
    """Let every session that was begun and not stopped look at the market, and compare it.

    Parameters
    ----------
    project : Project
        Where studies, bars and journals lie.
    open_one : callable, optional
        Opens a session, as `open_session` does, by default that.
    """
    from engine.files import LocalFiles
    from engine.paper import Journal, Unanswered
    from engine.paper.books import Books

    found = SessionsLook([], [], [], "")
    texts = []
    folder = project.data / "paper"
    for name in sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []:
        study, _, set_id = name.rpartition("-")
        try:
            if Books.of(Journal(LocalFiles(project.data), name).rows).stopped:
                continue
            step = (open_one or open_session)(project, study, [set_id]).look(ingest=False)
            compared = compare_paper(project, study, [set_id])
        except (ValueError, OSError, Unanswered) as error:
            found.failures.append(f"{name}: {error}")
            continue
        if step.stopped:
            found.failures.append(f"{name}: stopped, {step.stopped}")
        said = f"bar {step.bar}, {step.sent} sent, {step.cancelled} cancelled"
        found.sentences.append(f"{name}: {said}, equity {step.equity:,.2f}")
        found.drifted.extend(f"{name}: {sentence}" for sentence in compared.drifted())
        if compared.yaml:
            texts.append(f"# {name}\n{compared.yaml}")
    return replace(found, yaml="".join(texts))


def compare_paper(project: Project, study: str, chosen: Sequence[str] = ()) -> PaperComparison:
    """Measure slippage, fill rate and commission of a session beside what its study assumes.

    What was measured is kept, in the table ``paper_comparison``.

    Parameters
    ----------
    project : Project
        Where the journal lies.
    study : str
        Name of the study, or its file.
    chosen : sequence of str
        The parameter set, as of `open_session`.

    Raises
    ------
    Refusal
        If there is no such session, or it has decided nothing.
    """
    from engine.errors import Refusal
    from engine.files import LocalFiles
    from engine.paper import Journal, compare_with_simulation
    from engine.paper.books import Books
    from mc_assets.paper.comparison_files import keep_comparison

    terms, bars = _study_bars(project, study, chosen)
    books = Books.of(Journal(LocalFiles(project.data), terms.session).rows)
    if books.decided < 0:
        raise Refusal(
            f"paper {terms.session}", "nothing was decided yet", hint=f"`mc paper run {study}`"
        )
    found = compare_with_simulation(terms, bars, books)
    keep_comparison(project.data, found, books.decided)
    return found


def paper_comparisons(project: Project) -> pl.DataFrame:
    """Return what paper sessions measured beside their simulations, the oldest bar first.

    Parameters
    ----------
    project : Project
        Where it is kept.

    Returns
    -------
    polars.DataFrame
        Columns of the table ``paper_comparison``.
    """
    from mc_assets.paper.comparison_files import kept_comparisons

    return kept_comparisons(project.data)


def paper_journal(project: Project, session: str | None = None) -> pl.DataFrame:
    """Return the journals of the paper sessions, oldest row first.

    Parameters
    ----------
    project : Project
        Where they lie.
    session : str, optional
        One alone.

    Returns
    -------
    polars.DataFrame
        Columns of the table ``paper_journal``.

    Raises
    ------
    Refusal
        If there is no such session.
    """
    import polars as pl

    from engine.errors import Refusal
    from engine.files import LocalFiles
    from engine.paper import JOURNAL_SCHEMA, Journal

    folder = project.data / "paper"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if session is not None and session not in names:
        raise Refusal("session", repr(session), ", ".join(names) or "none: there is no session")
    rows = [
        row
        for name in names
        if session in (None, name)
        for row in Journal(LocalFiles(project.data), name).rows
    ]
    return pl.DataFrame(rows, schema=dict(JOURNAL_SCHEMA))


def _definition(project: Project, study: str) -> Any:
    from engine.studies import load_definition

    return load_definition(project.study_file(study))


def _study_bars(
    project: Project, study: str, chosen: Sequence[str] = ()
) -> tuple[Terms, tuple[Bars, ...]]:
    """Resolve a study on the bars that are stored now."""
    from engine.paper import terms_of
    from engine.studies import load_study
    from mc_assets.answers.strategy_on_bars import parameter_values
    from mc_assets.stored_market_data import StoredMarketData

    job = load_study(project.study_file(study)).resolve(StoredMarketData(project))
    wanted: Any = None
    if len(chosen) == 1 and "=" not in chosen[0]:
        wanted = chosen[0]
    elif chosen:
        wanted = parameter_values(chosen)
    source: Any = job.world.source
    terms = terms_of(job, wanted)
    return terms, tuple(source.bars)

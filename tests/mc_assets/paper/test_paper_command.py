"""``mc paper``: from a study file to orders in an account, and back."""

from __future__ import annotations

import datetime
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from mc_assets.answers.paper import (
    look_at_sessions,
    open_session,
    paper_comparisons,
    paper_journal,
)
from mc_assets.answers.tables import ask_tables
from mc_assets.cli import app
from mc_assets.market_data import ingest_raw, load_series, normalise_year
from mc_assets.project import Project
from mc_assets.providers.network import KEY_HOSTS
from tests.mc_assets.mc_here import mc_here
from tests.mc_assets.paper.fake_alpaca import FakeAlpaca, serving

STUDY = """
name: {name}
source: {source}
strategy: {{name: {strategy}, parameters: {parameters}}}
execution: {execution}
seeds: {{count: 1}}
"""
GOOD = {
    "name": "held",
    "source": "{model: historical, symbol: X, warm_up: 2}",
    "strategy": "buy_and_hold",
    "parameters": "{}",
    "execution": "{cash: 1000}",
}
LONGER = "{model: historical, symbol: X, warm_up: 4}"
BARS = """Date,Open,High,Low,Close,Volume
2019-12-30,99,101,98,100,900
2019-12-31,100,101,99,100,950
2020-01-02,100,101,99,100.5,1000
2020-01-03,100.5,102,100,101.5,1100
2020-01-06,101.5,103,101,102.5,1200
2020-01-07,102.5,103,101,102.5,1200
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder: Path = tmp_path_factory.mktemp("paper")
    (folder / "studies").mkdir()
    (folder / "X.csv").write_text(BARS)
    (folder / "series.yaml").write_text(
        "series:\n  - {symbol: X, provider: csv, start: 2019-01-01, end: 2020-12-31, "
        "options: {path: X.csv}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, place in (("DATA", "data"), ("STUDIES", "studies"), ("SERIES", "series.yaml")):
            patch.setenv(f"MC_{name}", str(folder / place))
        patch.setenv("MC_HOME", str(folder))
        patch.setenv("APCA_API_KEY_ID", "PKPLANTED0123456789")
        patch.setenv("APCA_API_SECRET_KEY", "planted-Secret-456789")
        patch.setenv(KEY_HOSTS, "127.0.0.1")
        project = Project.from_environment()
        config = load_series(project.series)
        for year in (2019, 2020):
            ingest_raw(config, "X@1d", year, project.data)
            normalise_year(config, "X@1d", year, project.data)
        yield project


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    account = FakeAlpaca()
    account.broker.now = datetime.datetime.now(datetime.UTC)
    with serving(account) as server:
        yield server


def study_of(home: Project, **changed: str) -> str:
    fields = GOOD | changed
    (home.studies / f"{fields['name']}.yaml").write_text(STUDY.format(**fields))
    return fields["name"]


TICK_STUDY = """
name: ticked
ticks: {path: q.csv, symbol: X, tick: 0.1, lot: 0.01}
strategy: {name: ofi}
seeds: 1
"""
QUOTES = """timestamp,bid,ask,bid_size,ask_size
2024-01-02T14:30:00,100,101,1,1
2024-01-02T14:30:01,100,101,2,1
"""


def test_a_study_of_ticks_cannot_be_traded(home: Project, fake: FakeAlpaca) -> None:
    (home.studies / "ticked.yaml").write_text(TICK_STUDY)
    (home.studies / "q.csv").write_text(QUOTES)
    with pytest.raises(ValueError, match="strategy: found 'ofi', which trades quote ticks"):
        open_session(home, "ticked", base_url=fake.url)


def test_a_broker_that_is_not_there_and_a_limit_that_cannot_be_are_named(home: Project) -> None:
    study = study_of(home, name="nobody")
    for arguments, said in (
        (("--base-url", "http://127.0.0.1:9"), "alpaca: connection failed"),
        (("--loss-limit", "-1"), "loss_limit: found -1.0, allowed greater than 0"),
    ):
        done = mc(study, "--once", "--no-ingest", *arguments)
        assert done.exit_code != 0
        assert said in str(done.exception)


def mc(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["paper", *arguments])


def test_a_study_is_traded_stopped_and_told_from_the_command_line(
    home: Project, fake: FakeAlpaca
) -> None:
    study = study_of(home)
    there = ("--base-url", fake.url)
    first = mc(study, "--set", "0", "--once", "--no-ingest", "--json", *there)
    assert first.exit_code == 0, first.output
    said = json.loads(first.output)
    assert (said["bar"], said["decided"], said["sent"]) == (0, True, 1)
    (ticket,) = fake.broker.accepted
    assert (ticket.symbol, ticket.units, ticket.kind) == ("X", 9.0, "market")
    again = mc(study, "--once", "--no-ingest", "--json", *there)
    assert json.loads(again.output)["sent"] == 0
    fake.broker.fill(ticket.client_order_id, 9.0, 101.0)
    stopped = mc("stop", study, "--flatten", *there)
    assert "stopped; 0 orders cancelled, 1 closing" in stopped.output
    assert fake.broker.accepted[1].units == -9.0
    refused = mc(study, "--once", "--no-ingest", *there)
    assert "it was stopped: asked to; `--resume` lets it trade again" in str(refused.exception)
    fake.broker.fill(fake.broker.accepted[1].client_order_id, -9.0, 101.5)
    resumed = mc(study, "--once", "--no-ingest", "--resume", "--json", *there)
    assert json.loads(resumed.output)["stopped"] == ""
    assert "session: found 'nobody', allowed " in str(mc("journal", "nobody").exception)
    rows = json.loads(mc("journal", "--json").output)
    events = [row["event"] for row in rows]
    assert events[:3] == ["opened", "decided", "close"]
    assert {"intended", "accepted", "filled", "stopped", "resumed"} <= set(events)
    assert "PKPLANTED" not in json.dumps(rows)


def test_a_file_that_asks_for_a_stop_is_obeyed(home: Project, fake: FakeAlpaca) -> None:
    study = study_of(home, name="asked")
    there = ("--base-url", fake.url)
    assert mc(study, "--once", "--no-ingest", *there).exit_code == 0
    assert "asked to stop" in mc("stop", study, "--only-ask").output
    found = mc(study, "--once", "--no-ingest", *there)
    assert (found.exit_code, "stopped: asked to" in found.output) == (1, True)
    ticket = fake.broker.accepted[0].client_order_id
    assert fake.broker.order(ticket).status == "cancelled"  # type: ignore[union-attr]


def test_every_session_that_was_not_stopped_looks_once_and_is_compared(
    home: Project, fake: FakeAlpaca
) -> None:
    study = study_of(home, name="every-night")
    session = open_session(home, study, base_url=fake.url)
    session.look(ingest=False)

    def open_there(project: Project, name: str, chosen: list[str]) -> Any:
        return open_session(project, name, chosen, base_url=fake.url)

    found = look_at_sessions(home, open_there)
    said = [line for line in found.sentences if line.startswith(session.session)]
    assert said == [f"{session.session}: bar 0, 0 sent, 0 cancelled, equity 1,000.00"]
    assert not [line for line in found.sentences if line.startswith("asked-")]  # it was stopped
    # What it measured is a table; measured again at the same bar it is there once.
    compared = mc("compare", study, "--json")
    assert compared.exit_code == 0, compared.output
    kept = paper_comparisons(home).filter(pl.col("session") == session.session)
    assert kept.select("bar", "statistic").rows() == [
        (0, name)
        for name in ("slippage_bps", "commission_rate", "limit_fill_rate", "net_pnl_difference")
    ]
    question = f"SELECT statistic FROM paper_comparison WHERE session = '{session.session}'"
    asked = ask_tables(home, question)
    assert sorted(asked["statistic"]) == sorted(kept["statistic"])


def test_a_stop_that_cancels_one_order_says_so_in_the_singular(
    home: Project, fake: FakeAlpaca
) -> None:
    study = study_of(home, name="single")
    there = ("--base-url", fake.url)
    assert mc(study, "--once", "--no-ingest", *there).exit_code == 0
    assert "stopped; 1 order cancelled, 0 closing" in mc("stop", study, *there).output


def test_a_journal_of_no_session_is_one_sentence_and_exit_code_2(home: Project) -> None:
    done = mc_here("paper", "journal", "NOSUCH", places={}, folder=home.root)
    assert done.returncode == 2
    assert done.stderr.startswith("mc: session: found 'NOSUCH', allowed ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("done_before", [True, False])
def test_a_process_that_is_killed_at_any_request_leaves_the_same_order(
    home: Project, fake: FakeAlpaca, done_before: bool
) -> None:
    """SIGKILL from the broker's side, as a request arrives: once what it asks is done, or not."""
    arrived, at, process = 0, 0, None

    def fault() -> str:
        nonlocal arrived
        arrived += 1
        fake.broker.now = datetime.datetime.now(datetime.UTC)
        if arrived != at:
            return "ok"
        assert process is not None
        process.kill()
        return "drop after" if done_before else "drop"

    fake.fault = fault  # type: ignore[method-assign]
    calls, taken = 0, 0
    while at <= calls:
        study, arrived = study_of(home, name=f"killed-{done_before}-{at}"), 0
        process = look_in_a_process(study, fake.url)
        ended = process.wait(timeout=120)
        if at == 0:
            calls = arrived  # of an undisturbed look
        else:
            assert ended == -signal.SIGKILL, at
            at, arrived, now = -1, 0, at
            assert look_in_a_process(study, fake.url).wait(timeout=120) == 0, now
            at = now
        taken += 1
        assert len(fake.broker.accepted) == taken, at
        assert (fake.broker.repeated, fake.broker.accepted[-1].units) == (0, 9.0)
        fake.broker.end(fake.broker.accepted[-1].client_order_id, "cancelled")
        at += 1
    assert calls >= 6


def look_in_a_process(study: str, url: str) -> subprocess.Popen[bytes]:
    code = "from mc_assets.cli import main; main()"
    asked = ("paper", study, "--once", "--no-ingest", "--base-url", url)
    return subprocess.Popen([sys.executable, "-c", code, *asked], stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"source": "{model: gbm, parameters: {mu: 0.0, sigma: 0.2}, steps: 20}"},
            r"source.model: found 'gbm', whose bars nobody can trade, allowed 'historical'",
        ),
        (
            {"source": "{model: gbm, parameters: {mu: 0.0, sigma: 0.2}, steps: 20, sub_bars: 4}"},
            "source.model: found 'gbm'",
        ),
        (
            {
                "strategy": "short_strangle",
                "parameters": "{put_otm: 1.0}",
                "execution": "{}",
                "source": "{model: gbm, parameters: {mu: 0.0, sigma: 0.3}, steps: 64}",
            },
            "strategy: found 'short_strangle', which trades options, allowed one of bars",
        ),
        ({"execution": "{fill: same_close}"}, "execution.fill: found 'same_close'"),
        ({"execution": "{flat_at: close}"}, "execution.flat_at: found 'close'"),
        (
            {"execution": "{instrument: ES}"},
            "execution.instrument: found a contract of 50 a point for X, allowed stocks and crypto",
        ),
        (
            {
                "strategy": "sma_crossover",
                "parameters": "{fast: [2, 3], slow: 4}",
                "source": LONGER,
            },
            "set: found none, which 2 sets fit, allowed one of its 2 parameter sets",
        ),
    ],
)
def test_a_study_that_cannot_be_traded_is_one_sentence_before_anything_is_sent(
    home: Project, fake: FakeAlpaca, changed: dict[str, str], sentence: str
) -> None:
    study = study_of(home, name="untradable", **changed)
    with pytest.raises(ValueError, match=sentence):
        open_session(home, study, base_url=fake.url)
    assert fake.requests == []


def test_a_symbol_that_the_broker_lacks_is_refused_before_anything_is_sent(
    home: Project, fake: FakeAlpaca
) -> None:
    study = study_of(home, name="lacking")
    fake.assets = {}
    session = open_session(home, study, base_url=fake.url)
    with pytest.raises(ValueError, match="instrument X: the broker has none of the name; after a"):
        session.look(ingest=False)
    assert not [request for request in fake.requests if request.startswith("POST")]
    fake.assets = {"NEW": {}}
    renamed = open_session(home, study, base_url=fake.url, renamed={"X": "NEW"})
    assert renamed.look(ingest=False).sent == 1
    assert fake.broker.accepted[0].symbol == "NEW"
    assert paper_journal(home, session.session)["symbol"].drop_nulls().unique().to_list() == ["X"]

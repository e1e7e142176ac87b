"""Alpaca's account over HTTP, against a server that fails as a script says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import Refusal
from engine.files import LocalFiles
from engine.paper import Busy, Doubtful, Journal, Rejected, Ticket
from mc_assets.paper.alpaca_broker import LIVE, AlpacaBroker, trading_address
from mc_assets.providers.network import KEY_HOSTS, NetworkOptions
from tests.engine.paper.rehearsal import WARM, Rehearsal, close_of, scripted_bars
from tests.mc_assets.paper.fake_alpaca import FAULTS, FakeAlpaca, serving

KEYS = {"APCA_API_KEY_ID": "PKPLANTED0123456789", "APCA_API_SECRET_KEY": "planted-Secret-456789"}
QUICK = NetworkOptions(timeout=0.15, deadline=0.3)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(KEY_HOSTS, "127.0.0.1")


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with serving(FakeAlpaca(), hang=0.4) as server:
        yield server


def broker_of(fake: FakeAlpaca, **names: str) -> AlpacaBroker:
    return AlpacaBroker(fake.url, names or {"X": "X"}, QUICK)


class OverHttp(Rehearsal):
    """A session whose account is behind the server; the bars reach it as they reach a market."""

    def __init__(self, fake: FakeAlpaca, bars: Any, **options: Any) -> None:
        self.account = broker_of(fake)
        super().__init__(bars, fake.broker, **options)

    def fresh(self) -> Any:
        trader = super().fresh()
        object.__setattr__(trader.desk, "broker", self.account)
        trader.broker = self.account
        return trader


def test_an_order_goes_there_and_comes_back_with_its_exits(fake: FakeAlpaca) -> None:
    broker = broker_of(fake)
    sent = broker.submit(Ticket("mc-1", "X", -3.0, "limit", 10.5, None, "gtc", 9.0, 11.25))
    assert (sent.units, sent.status) == (-3.0, "open")
    assert fake.broker.accepted == [
        Ticket("mc-1", "X", -3.0, "limit", 10.5, take_profit=9.0, stop_loss=11.25)
    ]
    fake.broker.fill("mc-1", -3.0, 10.625)
    found = broker.order("mc-1")
    assert found is not None
    assert (found.status, found.filled, found.average_price) == ("filled", -3.0, 10.625)
    assert [leg.client_order_id for leg in found.legs] == ["mc-1:take_profit", "mc-1:stop_loss"]
    assert broker.positions() == {"X": -3.0}
    broker.cancel("mc-1:stop_loss")
    again = broker.order("mc-1")
    assert again is not None
    assert [leg.status for leg in again.legs] == ["open", "cancelled"]
    assert broker.order("mc-2") is None
    broker.cancel("mc-2")


@pytest.mark.parametrize(
    ("fault", "kind", "there"),
    [
        ("429", Busy, False),
        ("504", Doubtful, False),
        ("504 after", Doubtful, True),
        ("hang", Doubtful, False),
        ("drop", Doubtful, False),
        ("drop after", Doubtful, True),
        ("html", Doubtful, False),
    ],
)
def test_what_says_nothing_is_doubtful_and_the_order_is_sent_once(
    fault: str, kind: type[Exception], there: bool
) -> None:
    with serving(FakeAlpaca([fault]), hang=0.4) as fake:
        broker = broker_of(fake)
        began = time.monotonic()
        with pytest.raises(kind):
            broker.submit(Ticket("mc-1", "X", 1.0))
        assert time.monotonic() - began < 2.0
        assert fake.requests == ["POST /v2/orders"]
        assert (broker.order("mc-1") is not None) is there


def test_an_id_that_is_known_is_doubtful_and_a_refusal_is_one(fake: FakeAlpaca) -> None:
    broker = broker_of(fake)
    broker.submit(Ticket("mc-1", "X", 1.0))
    with pytest.raises(Doubtful, match="must be unique"):
        broker.submit(Ticket("mc-1", "X", 1.0))
    with pytest.raises(Rejected, match="status 403, 'insufficient buying power '"):
        broker.submit(Ticket("mc-2", "POOR", 1.0))


def test_clock_instruments_and_other_names_are_the_brokers(fake: FakeAlpaca) -> None:
    fake.assets = {"META": {"fractionable": False}, "OLD": {"status": "inactive"}}
    broker = broker_of(fake, FB="META", OLD="OLD", GONE="GONE")
    assert broker.time() == fake.broker.now
    assert broker.is_market_open() is False
    found = broker.instrument("FB")
    assert found is not None
    assert (found.tradable, found.fractional) == (True, False)
    assert broker.instrument("OLD").tradable is False  # type: ignore[union-attr]
    assert broker.instrument("GONE") is None
    fake.broker.submit(Ticket("mc-1", "META", 2.0))
    fake.broker.fill("mc-1", 2.0, 5.0)
    assert broker.positions() == {"FB": 2.0}


def test_a_fill_without_its_price_is_doubtful(
    fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_of(fake)
    broker.submit(Ticket("mc-1", "X", 1.0))
    fake.broker.fill("mc-1", 1.0, 5.0)
    shown = fake._shown
    monkeypatch.setattr(fake, "_shown", lambda order: shown(order) | {"filled_avg_price": None})
    with pytest.raises(Doubtful, match="without its price"):
        broker.order("mc-1")


@pytest.mark.parametrize("pause", ["nan", "soon", "-1", "inf"])
def test_a_busy_server_may_ask_for_a_pause_that_is_no_number(pause: str) -> None:
    with serving(FakeAlpaca(["429"]), pause=pause) as fake:
        with pytest.raises(Busy) as busy:
            broker_of(fake).submit(Ticket("mc-1", "X", 1.0))
        assert 0.0 <= busy.value.seconds <= QUICK.longest_wait


def test_an_entry_of_somebody_else_with_exits_is_among_the_open_orders(fake: FakeAlpaca) -> None:
    theirs = broker_of(fake)
    theirs.submit(Ticket("by hand", "X", 1.0, take_profit=9.0, stop_loss=5.0))
    theirs.submit(Ticket("mine too", "X", 1.0, stop_loss=5.0))
    found = [order.client_order_id for order in broker_of(fake).open_orders()]
    assert found == ["by hand", "mine too"]


def test_what_is_crypto_is_told_by_the_brokers_name(fake: FakeAlpaca) -> None:
    broker = broker_of(fake, BTC="BTC/USD")
    assert broker.is_market_open()
    sent = broker._request(Ticket("mc-1", "BTC", 0.5, "market", None, None, "day", 9.0, 5.0))
    fields = sent.to_request_fields()
    assert (fields["symbol"], fields["time_in_force"]) == ("BTC/USD", "gtc")
    assert "order_class" not in fields


@pytest.mark.parametrize("seed", range(4))
def test_no_order_is_lost_or_doubled_over_http(seed: int) -> None:
    rng = np.random.default_rng(seed)
    odds = [0.86, *[0.02] * len(FAULTS)]
    faults = rng.choice(["ok", *FAULTS], 120, p=np.array(odds) / sum(odds)).tolist()
    with serving(FakeAlpaca(faults), hang=0.2) as fake:
        session = OverHttp(fake, scripted_bars(seed, 9))
        for index in range(WARM, 9):
            if index > WARM:
                session.trade(index)
            session.at(index)
            session.step(looks=20)
        assert fake.broker.repeated == 0
        books = session.trader.books
        assert fake.broker.positions().get("X", 0.0) == books.position("X")
        orders = [books.sent[ticket.client_order_id].order for ticket in fake.broker.accepted]
        assert len(orders) == len(set(orders))
        assert not [sent for sent in books.live() if sent.state == "intended"]


CHILD = """
import datetime, sys
from engine.files import LocalFiles
from pathlib import Path
from tests.engine.paper.rehearsal import close_of, scripted_bars, terms_on
from mc_assets.paper.alpaca_broker import AlpacaBroker
from engine.paper import Limits, Trader
url, folder, index = sys.argv[1], sys.argv[2], int(sys.argv[3])
bars = scripted_bars(5, 8, actions=(1, 2, 3))
now = close_of(bars, index)
trader = Trader(terms_on(), AlpacaBroker(url, {"X": "X"}), LocalFiles(Path(folder)),
                limits=Limits(loss=1.0, stale_bars=50), clock=lambda: now, sleep=lambda _: None)
print("ready", flush=True)
trader.step([bars])
print("done", flush=True)
"""


def session_of_processes(folder: Path, delays: dict[int, float]) -> list[Ticket]:
    """Run a session of one process per bar; some are killed after a while and begun again."""
    bars = scripted_bars(5, 8, actions=(1, 2, 3))
    with serving(FakeAlpaca()) as fake:
        driver = Rehearsal(bars, fake.broker)
        for index in range(WARM, 8):
            if index > WARM:
                driver.trade(index)
            fake.broker.now = close_of(bars, index)
            delay = delays.get(index)
            while True:
                command = [sys.executable, "-c", CHILD, fake.url, str(folder), str(index)]
                child = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ, text=True)
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                if delay is not None:
                    time.sleep(delay)
                    child.send_signal(signal.SIGKILL)
                    delay = None
                    child.communicate()
                    continue
                assert child.communicate()[0] == "done\n"
                break
        return fake.broker.accepted


@pytest.mark.slow
def test_processes_that_are_killed_send_the_same_orders(tmp_path: Path) -> None:
    whole = session_of_processes(tmp_path / "whole", {})
    assert len(whole) >= 4
    rng = np.random.default_rng(3)
    for trial in range(2):
        delays = {index: float(rng.exponential(0.4)) for index in range(WARM, 8, 2)}
        assert session_of_processes(tmp_path / f"killed-{trial}", delays) == whole


def test_a_key_is_in_no_error_and_no_journal(tmp_path: Path) -> None:
    faults = ["ok", "429", "ok", "504", "ok", "504 after", "ok", "ok", "429"] * 40
    fake = FakeAlpaca(faults)
    fake.echo = " ".join(KEYS.values())
    with serving(fake, hang=0.2):
        session = OverHttp(fake, scripted_bars(2, 8, actions=(1, 2)), files=LocalFiles(tmp_path))
        said = []
        for index in range(WARM, 8):
            session.at(index)
            try:
                session.step(looks=5)
            except Exception as error:
                said.append(f"{error} {error!r} {error.__cause__!r}")
        rows = Journal(session.files, session.terms.session).rows
        text = json.dumps([said, rows], default=str) + repr(session.account._client)
        text += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*.parquet"))
    assert "doubtful" in text
    for key in KEYS.values():
        assert key not in text
        assert key[:8] not in text


def test_the_live_account_needs_two_words_and_keys_go_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert trading_address(live=False) == "https://paper-api.alpaca.markets"
    monkeypatch.delenv(LIVE, raising=False)
    with pytest.raises(Refusal, match="live: found asked for without the environment variable"):
        trading_address(live=True)
    monkeypatch.setenv(LIVE, "yes")
    assert trading_address(live=True) == "https://api.alpaca.markets"
    with pytest.raises(ValueError, match="a key is sent nowhere else"):
        AlpacaBroker("https://evil.example.com")
    monkeypatch.delenv("APCA_API_KEY_ID")
    monkeypatch.delenv("ALPACA_API_KEY", raising=False)
    with pytest.raises(ValueError, match="no key in the environment, allowed one in APCA_API_KEY"):
        AlpacaBroker(trading_address(live=False))

"""Dagster is killed in the middle of a backfill: runs end, it finishes, with the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mc_assets.ui_home import UiHome, free_port, wait_until

# Runs of `mc ingest`.
INGESTED = 1
SHELL = """
import sys, duckdb
with duckdb.connect(sys.argv[1]) as open_one:
    for _ in range(2):
        print(open_one.sql("select count(*) from simulations").fetchall(), flush=True)
        sys.stdin.readline()
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Iterator[UiHome]:
    made = UiHome(tmp_path / "home")
    try:
        made.mc("ingest")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    other = UiHome(tmp_path_factory.mktemp("undisturbed") / "home")
    other.mc("ingest")
    other.mc("backfill", "calibrations", "--from", "2016-01-01", "--to", "2016-12-31")
    return other.calibrations()


def test_a_backfill_whose_worker_is_killed_finishes_with_the_same_bytes(
    home: UiHome, undisturbed: dict[str, bytes]
) -> None:
    home.open_ui(free_port())
    home.launch()
    home.kill(home.worker())
    # The dead run ends failed, and the daemon begins it once again.
    wait_until(lambda: "FAILURE" in home.statuses(), 120, home.statuses)
    _goes_on(home, undisturbed)


@pytest.mark.parametrize("words", ["dagster._daemon run", "dagster dev"])
def test_a_backfill_goes_on_after_a_part_of_dagster_was_killed(
    words: str, home: UiHome, undisturbed: dict[str, bytes]
) -> None:
    home.open_ui(free_port())
    home.launch()
    home.kill(home.process_of(words))
    # `mc ui` says so and ends; no webserver or worker is left that nobody can stop.
    assert home.opened[-1].wait(200) == 1
    assert "Dagster ended by itself; `mc ui` starts it again" in home.said()
    assert not home.processes()
    home.open_ui(free_port())
    assert "FAILURE" in home.statuses()
    _goes_on(home, undisturbed)


def test_a_backfill_goes_on_after_every_process_was_killed_at_once(
    home: UiHome, undisturbed: dict[str, bytes]
) -> None:
    home.open_ui(free_port())
    home.launch()
    home.kill(*home.processes())
    wait_until(lambda: not home.processes(), 60, home.processes)
    home.opened[-1].wait(10)
    home.open_ui(free_port())
    # No run is STARTED for ever; what it held of pools is free for the next one.
    assert "FAILURE" in home.statuses()
    _goes_on(home, undisturbed)


def test_one_ctrl_c_ends_everything_without_a_traceback_and_fails_the_run_under_way(
    home: UiHome,
) -> None:
    home.open_ui(free_port())
    home.launch()
    home.opened[-1].send_signal(signal.SIGINT)
    assert home.opened[-1].wait(200) == 0
    assert "Traceback" not in home.said()
    assert not home.processes()
    home.open_ui(free_port())
    assert "FAILURE" in home.statuses()


def test_of_two_uis_of_a_home_one_has_the_daemon_and_the_other_follows_it(home: UiHome) -> None:
    port = free_port()
    first = home.open_ui(port)
    assert f"http://127.0.0.1:{port} " in first
    second = home.open_ui(port)
    assert f"port {port} is not free" in second
    assert "another `mc ui` is open on this home" in second
    assert home.statuses() == ["SUCCESS"] * INGESTED
    home.process_of("dagster._daemon run")
    # The second lives on when the first is closed, and runs what is launched from then on.
    home.opened[0].send_signal(signal.SIGINT)
    assert home.opened[0].wait(200) == 0
    wait_until(lambda: "this one runs what is launched" in home.said(), 30, home.said)
    home.process_of("dagster._daemon run")
    home.launch()
    wait_until(lambda: "COMPLETED" in home.backfill(), 500, home.backfill)


def test_the_warehouse_is_published_while_a_shell_of_duckdb_has_it_open(home: UiHome) -> None:
    home.mc("run", "quick")
    home.mc("sql", "select 1")
    shell = subprocess.Popen(
        [sys.executable, "-c", SHELL, str(home.folder / "data" / "warehouse" / "mc.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    try:
        before = shell.stdout.readline()
        home.mc("run")
        assert "calibrations" in home.mc("sql", "select count(*) as calibrations from calibrations")
        shell.stdin.write("\n")
        shell.stdin.flush()
        # What the shell has open stays what it was.
        assert shell.stdout.readline() == before
    finally:
        shell.stdin.close()
        assert shell.wait(30) == 0
        shell.stdout.close()


def _goes_on(home: UiHome, undisturbed: dict[str, bytes]) -> None:
    """A backfill of which one run failed ends, by one more run, with the bytes it should have."""
    wait_until(lambda: home.statuses().count("SUCCESS") > INGESTED, 500, home.statuses)
    wait_until(lambda: "COMPLETED" in home.backfill(), 200, home.backfill)
    assert sorted(home.statuses()) == ["FAILURE", "SUCCESS"] + ["SUCCESS"] * INGESTED
    assert home.taken_slots() == 0
    assert home.calibrations() == undisturbed

"""The processes of the Dagster UI: one home has one daemon, and all of them end together."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from engine.home import shipped
from mc_assets.home_process import fail_runs_elsewhere
from mc_assets.project import Project

__all__ = ["UiProcesses"]

# Seconds in which servers may end by themselves once they are asked to.
_PATIENCE: Final = 10.0
_ASKED_TO_END: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class UiProcesses:
    """Dagster's webserver, and its daemon where no other UI of the home has one.

    Two daemons on one home would each launch what is queued. So the second UI is a webserver alone,
    whose launches go through the daemon of the first; when that one ends, it starts a daemon.

    All processes are one group, apart from that of the terminal. However the UI ends, the group is
    killed and the runs in it are failed: a webserver or daemon that outlives `dagster dev` has no
    code server any more, and nobody would see the end of a run.

    Parameters
    ----------
    project : Project
        Its Dagster home is prepared.
    host, port : str, int
        Where the webserver listens.
    environment : mapping of str to str
        Of the processes.
    lock : int
        Descriptor by which a process is a user of the home (`mc_assets.home_lock`).
    """

    def __init__(
        self,
        project: Project,
        host: str,
        port: int,
        environment: Mapping[str, str],
        lock: int,
    ) -> None:
        home = project.dagster_home
        self._project = project
        self._environment = dict(environment)
        self._daemon_lock = os.open(home / ".daemon", os.O_RDWR | os.O_CREAT, 0o644)
        self._inherited = (lock, self._daemon_lock)
        self._listening = ("-h", host, "-p", str(port))
        self._workspace = ("-w", str(shipped("mc_assets", "workspace.yaml")))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._asked = False
        #: Whether this UI runs the daemon.
        self.has_daemon = self._may_have_daemon()

    @contextmanager
    def started(self) -> Iterator[None]:
        """Start them; at the end none is left, however it comes."""
        # Before there is a process that could outlive this one. A shell makes its background jobs
        # ignore Ctrl-C, which Dagster would inherit; what is caught here it does not ignore.
        for one in _ASKED_TO_END:
            signal.signal(one, self._end)
        first = ("dagster", "dev") if self.has_daemon else ("dagster_webserver",)
        level = "--log-level" if self.has_daemon else "--dagster-log-level"
        quiet = (level, "error", "--code-server-log-level", "warning")
        try:
            if self.has_daemon:
                fail_runs_elsewhere(self._project)
            if not self._asked:
                self._start((*first, *self._workspace, *self._listening, *quiet))
            yield
        finally:
            for one in _ASKED_TO_END:
                signal.signal(one, signal.SIG_IGN)
            self._kill_what_is_left()
            if self.has_daemon:
                fail_runs_elsewhere(self._project)
            os.close(self._daemon_lock)

    def are_alive(self) -> bool:
        """Whether all that were started still run."""
        running = [process.poll() is None for process in self._processes]
        return bool(running) and all(running)

    def wait(self, takes_over: Callable[[], None]) -> bool:
        """Wait until one of them has ended; return whether that was asked for.

        Parameters
        ----------
        takes_over : callable
            Called when this UI starts a daemon because the one that had it is gone.
        """
        while self.are_alive():
            if not self.has_daemon and self._may_have_daemon():
                self.has_daemon = True
                fail_runs_elsewhere(self._project)
                self._start(("dagster._daemon", "run", *self._workspace, "--log-level", "error"))
                takes_over()
            time.sleep(0.5)
        return self._asked

    def _may_have_daemon(self) -> bool:
        try:
            fcntl.flock(self._daemon_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _start(self, module: Sequence[str]) -> None:
        started = subprocess.Popen(
            [sys.executable, "-m", *module],
            # Not the project: Dagster warns about the settings template there.
            cwd=self._project.dagster_home,
            env=self._environment,
            pass_fds=self._inherited,
            process_group=self._processes[0].pid if self._processes else 0,
        )
        self._processes.append(started)
        if self._asked:  # while it was being started
            started.send_signal(signal.SIGINT)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked = True
        for process in self._processes:
            process.send_signal(signal.SIGINT)

    def _kill_what_is_left(self) -> None:
        deadline = time.monotonic() + (_PATIENCE if self._asked else 0.0)
        while any(one.poll() is None for one in self._processes) and time.monotonic() < deadline:
            time.sleep(0.2)
        self._signal(signal.SIGKILL)
        # Of a killed process nothing is left to wait for but that its parent has seen it.
        deadline = time.monotonic() + _PATIENCE
        while self._is_there() and time.monotonic() < deadline:
            time.sleep(0.2)

    def _is_there(self) -> bool:
        """Whether a process of the group is left, seeing first which of ours have ended."""
        for process in self._processes:
            process.poll()
        return self._signal(0)

    def _signal(self, number: int) -> bool:
        """Send a signal to the whole group; return whether there is one."""
        with suppress(ProcessLookupError, IndexError):
            os.killpg(self._processes[0].pid, number)
            return True
        return False

"""What `mc ui` does to a Dagster home, in processes that end.

Dagster takes 80 MB and two seconds to load, and `mc ui` itself only waits for the processes of the
UI, which load it too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mc_assets.dagster_home import prepare_dagster_home
from mc_assets.history_errors import history_errors
from mc_assets.home_lock import adopt, descriptor, release, share, take
from mc_assets.project import Project

__all__ = ["fail_runs_elsewhere", "holding_dagster_home"]

_ALONE: Final = "alone"
_BESIDE: Final = "beside"
_FAIL: Final = "fail"
_REFUSED: Final = 2


@contextmanager
def holding_dagster_home(project: Project) -> Iterator[int]:
    """Hold DAGSTER_HOME as `mc_assets.instance.using_dagster_home` does, without Dagster here.

    Yields
    ------
    int
        Descriptor of the lock file, for child processes.

    Raises
    ------
    OSError
        If Dagster's database cannot be written: one sentence.
    """
    home = project.dagster_home
    with history_errors(home):
        prepare_dagster_home(project)
    alone = take(home)
    try:
        _run(project, _ALONE if alone else _BESIDE)
        if alone:
            share(home)
        yield descriptor(home)
    finally:
        release(home)


def fail_runs_elsewhere(project: Project) -> None:
    """Mark the unfinished runs of a UI as failed (`mc_assets.instance.fail_runs_of_ui`).

    Raises
    ------
    OSError
        If Dagster's database cannot be written.
    """
    _run(project, _FAIL)


def _run(project: Project, what: str) -> None:
    lock = descriptor(project.dagster_home)
    places = {
        "MC_HOME": project.root,
        "MC_DATA": project.data,
        "MC_STUDIES": project.studies,
        "MC_SERIES": project.series,
    }
    done = subprocess.run(
        [sys.executable, "-m", "mc_assets.home_process", what, str(lock)],
        env=os.environ | {name: str(place) for name, place in places.items()},
        pass_fds=(lock,),
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for `mc ui`, which ends what it has begun.
        process_group=0,
    )
    if done.returncode == _REFUSED:
        raise OSError(done.stdout.strip())
    done.check_returncode()


def _main(what: str, lock: int) -> None:
    from mc_assets.instance import fail_runs_of_ui, prepare_home

    project = Project.from_environment()
    adopt(project.dagster_home, lock)
    try:
        with history_errors(project.dagster_home):
            if what == _FAIL:
                fail_runs_of_ui(project)
            else:
                prepare_home(project, alone=what == _ALONE)
    except (ValueError, OSError) as error:
        print(error)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))

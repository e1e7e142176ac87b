"""What shows that a step lives reaches the terminal while the step's output is captured."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
import threading
from functools import cache

# A step as Dagster runs it: a file in place of descriptor 1, lines printed into it.
STEP = """
import os, sys
from mc_assets.answers.steps import StepProgress
from mc_assets.cli.steps import StepLines
from mc_assets.step_progress import counted, counting
from mc_assets.steps import Step

step = Step("bars of X@1d", ["bars"])
with StepLines() as lines:
    lines(StepProgress(step))
    kept, file = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(file, 1)
    with counting(lambda count: lines(StepProgress(step, count=count))):
        for year in counted(range(1999, 2019), "years"):
            print("captured", year, flush=True)
    os.dup2(kept, 1)
    lines(StepProgress(step, {"row_count": 5031.0}, 1.5))
"""


@cache
def on_a_terminal(code: str, columns: int = 80) -> str:
    """Run Python on a terminal of its own; return all that it was sent but colours and
    moves of the cursor."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (25, columns))
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=inner, stderr=inner, stdin=inner, env=environment
    )
    os.close(inner)
    sent: list[bytes] = []

    def read() -> None:
        while True:
            try:
                some = os.read(outer, 65_536)
            except OSError:  # the other end is closed
                return
            if not some:
                return
            sent.append(some)

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(timeout=300) == 0, b"".join(sent)
    reader.join(timeout=60)
    os.close(outer)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(sent).decode())


def test_every_count_of_a_step_is_painted_while_its_output_is_captured() -> None:
    sent = on_a_terminal(STEP)
    painted = [int(done) for done in re.findall(r"(\d+) of 20 years", sent)]
    assert sorted(set(painted)) == list(range(21))
    assert painted == sorted(painted)
    assert "captured" not in sent
    assert "✓ bars of X@1d 5,031 rows, 1.5 s" in sent


def test_a_bar_and_its_counts_fit_eighty_columns() -> None:
    sent = on_a_terminal(STEP)
    lines = re.split(r"[\r\n]", sent)
    frames = [line for line in lines if "of 20 years" in line]
    assert frames
    assert all("bars of X@1d" in line and len(line) <= 80 for line in frames)
    assert any("━━━━" in line for line in frames)


STUDY = """
from engine.jobs.progress import Progress
from mc_assets.cli.progress_line import ProgressLine

with ProgressLine(quiet=False) as line:
    for done in (0, 3_456, 10_000):
        line(Progress(done, 10_000, 0, 0, 0.5))
"""


def test_a_study_shows_a_bar_its_counts_and_the_time_left() -> None:
    frames = [line.rstrip() for line in on_a_terminal(STUDY).split("\r") if line.strip()]
    assert frames == [
        "╌" * 16 + " 0 / 10,000 simulations",
        "━" * 6 + "╌" * 10 + " 3,456 / 10,000 simulations, 6,912/s, 0.9 s left",
        "━" * 16 + " 10,000 / 10,000 simulations, 20,000/s",
    ]


def test_a_bar_that_would_wrap_the_line_is_left_out() -> None:
    sent = on_a_terminal(STUDY, columns=60)
    frames = [line.rstrip() for line in sent.split("\r") if line.strip()]
    assert frames[1] == "3,456 / 10,000 simulations, 6,912/s, 0.9 s left"

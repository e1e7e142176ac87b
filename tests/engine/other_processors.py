"""What a module prints on another processor than this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["printed_on_a_generic_cpu"]


def printed_on_a_generic_cpu(project: Path, module: str) -> str:
    """Run a module of the project for a CPU without vectors; every kernel is compiled anew."""
    # Without features of its own, a CPU name would keep those of the machine.
    settings = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_LOOP_VECTORIZE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=project,
        env=dict(os.environ, PYTHONPATH=str(project), **settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()

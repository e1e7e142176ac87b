"""Margins, strikes and smiles have the same bits everywhere; a change is meant, or a fault."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.engine.options.golden_margins import digest

# Printed by `python -m tests.engine.options.golden_margins`.
GOLDEN = "dbef7b1b1e889f1fd043153d38765742"


def test_margins_strikes_and_smiles_have_the_golden_bits() -> None:
    assert digest() == GOLDEN


def test_a_generic_cpu_without_vectors_gives_the_same_bits(project: Path) -> None:
    settings = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_LOOP_VECTORIZE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.options.golden_margins"],
        cwd=project,
        env=dict(os.environ, PYTHONPATH=str(project), **settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == GOLDEN

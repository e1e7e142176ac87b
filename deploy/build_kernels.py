"""Compile the kernels that a wheel carries: `make wheel` runs this before it builds.

They are those of a new project's first run and of the studies in ``studies/``, for processors of
level x86-64-v3 and the Python that runs this. They land in ``engine/compiled/kernels``, which git
ignores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.compiled.shipped import CPU, FOLDER, collect_kernels

_CHECKOUT = Path(__file__).resolve().parents[1]
_MC = "from mc_assets.cli import main; main()"
_WARM = "from mc_assets.warm import warm_paths, warm_strategies; warm_strategies(); warm_paths()"


def main() -> None:
    """Compile into a cache of its own, and collect what is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = {key: value for key, value in os.environ.items() if not key.startswith("MC_")}
        environment = own | {
            "NUMBA_CPU_NAME": CPU,
            "NUMBA_CPU_FEATURES": "",
            "NUMBA_CACHE_DIR": str(folder / "cache"),
            "PYTHONPATH": str(_CHECKOUT),
        }

        def python(code: str, *arguments: str, where: Path, **more: str) -> None:
            subprocess.run(
                [sys.executable, "-c", code, *arguments],
                cwd=where,
                env=environment | more,
                check=True,
                stdout=subprocess.DEVNULL,
            )

        python(_MC, "init", "home", where=folder)
        python(_MC, "run", where=folder / "home")
        studies = str(_CHECKOUT / "studies")
        python(_WARM, where=folder / "home", MC_STUDIES=studies)
        count = collect_kernels(folder / "cache", FOLDER)
    size = sum(file.stat().st_size for file in FOLDER.iterdir())
    print(f"{count} kernels, {size / 1e6:.1f} MB, in {FOLDER}")


if __name__ == "__main__":
    main()

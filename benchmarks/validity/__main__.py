"""Print the tables: ``python -m benchmarks.validity [TABLE ...] [--worlds N]``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.validity import (
    budget,
    calibrations,
    comparisons,
    coverage,
    histories,
    ledger,
    overfitting,
    picture,
    selection,
    sequential,
    share_coverage,
    speed,
    verdicts,
)

_TABLES: dict[str, Callable[[int], None]] = {
    "coverage": coverage.print_tables,
    "ratios": coverage.print_ratios,
    "comparisons": comparisons.print_tables,
    "sequential": sequential.print_tables,
    "selection": selection.print_tables,
    "overfitting": overfitting.print_tables,
    "budget": budget.print_tables,
    "histories": histories.print_tables,
    "ledger": ledger.print_tables,
    "verdicts": verdicts.print_tables,
    "calibrations": calibrations.print_tables,
}

_WITHOUT_WORLDS: dict[str, Callable[[], None]] = {
    "shares": share_coverage.print_tables,
    "speed": speed.print_tables,
    "picture": picture.print_tables,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validity", description=__doc__)
    parser.add_argument(
        "tables", nargs="*", choices=[[], *_TABLES, *_WITHOUT_WORLDS], metavar="TABLE"
    )
    parser.add_argument("--worlds", type=int, default=1000)
    chosen = parser.parse_args()
    for name in chosen.tables or [*_TABLES, "shares", "speed"]:
        print(f"### {name}\n", flush=True)
        if name in _WITHOUT_WORLDS:
            _WITHOUT_WORLDS[name]()
        else:
            _TABLES[name](chosen.worlds)
        print(flush=True)


if __name__ == "__main__":
    main()

"""Market data of a bucket: each machine has a copy, and none overwrites what another made."""

from __future__ import annotations

from pathlib import Path

import pytest
from obstore.store import MemoryStore

from engine.files import ObjectFiles
from mc_assets.bucket_copy import BucketCopy

BARS = "bars/1d/SP500/2020.parquet"
OTHERS = "bars/1d/SP500/2021.parquet"


class Machine:
    """A copy of the bucket that all machines share."""

    def __init__(self, files: ObjectFiles, folder: Path) -> None:
        self.folder = folder
        self.copy = BucketCopy(files, folder)

    def make(self, key: str, content: bytes) -> None:
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / key).write_bytes(content)

    def content(self) -> dict[str, bytes]:
        paths = list(self.folder.rglob("*.parquet"))
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def files() -> ObjectFiles:
    return ObjectFiles(store=MemoryStore())


@pytest.fixture
def machines(files: ObjectFiles, tmp_path: Path) -> tuple[Machine, Machine]:
    one, other = (Machine(files, tmp_path / name) for name in ("one", "other"))
    one.make(BARS, b"a year of bars")
    assert one.copy.publish() == 1
    assert other.copy.fetch() == 1
    return one, other


def test_what_one_machine_made_is_on_another_and_only_what_changed_travels(
    machines: tuple[Machine, Machine],
) -> None:
    one, other = machines
    assert one.content() == other.content() == {BARS: b"a year of bars"}
    assert (one.copy.fetch(), one.copy.publish(), other.copy.fetch()) == (0, 0, 0)
    other.make(OTHERS, b"the next year")
    other.make(BARS, b"a restated year")
    assert other.copy.publish() == 2
    assert one.copy.fetch() == 2
    assert one.content() == other.content()


def test_of_two_machines_that_made_other_bars_one_is_told_so_and_goes_on_from_the_others(
    machines: tuple[Machine, Machine],
) -> None:
    one, other = machines
    one.make(BARS, b"what one provider sent")
    other.make(BARS, b"what another one sent")
    other.make(OTHERS, b"the next year")
    assert one.copy.publish() == 1
    with pytest.raises(OSError, match=f"^{BARS}: somebody else has published it meanwhile, and 1 "):
        other.copy.publish()
    assert other.copy.fetch() == 1
    assert other.content() == {BARS: b"what one provider sent", OTHERS: b"the next year"}
    assert (one.copy.fetch(), other.copy.publish()) == (1, 0)


def test_machines_that_made_the_same_bars_do_not_stand_in_each_others_way(
    machines: tuple[Machine, Machine],
) -> None:
    one, other = machines
    for machine in machines:
        machine.make(OTHERS, b"the next year")
        machine.make(BARS, b"a restated year")
        assert machine.copy.publish() == 2
    assert (one.copy.fetch(), other.copy.fetch()) == (0, 0)


def test_a_file_that_went_on_one_machine_goes_on_the_others(
    machines: tuple[Machine, Machine],
) -> None:
    one, other = machines
    (one.folder / BARS).unlink()
    one.make(OTHERS, b"the next year")
    one.copy.publish()
    other.copy.fetch()
    assert other.content() == {OTHERS: b"the next year"}


def test_what_a_killed_machine_could_not_publish_goes_with_the_next_time(
    files: ObjectFiles, machines: tuple[Machine, Machine]
) -> None:
    one, _ = machines
    one.make(OTHERS, b"the next year")
    # Killed after the put and before its note, or before the put.
    files.put_new(OTHERS, b"the next year")
    one.make("calibrations/1d/SP500.parquet", b"estimates")
    assert one.copy.fetch() == 1
    assert one.copy.publish() == 1
    assert files.get("calibrations/1d/SP500.parquet") == b"estimates"

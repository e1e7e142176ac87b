"""A data root in an object store: single puts, manifest last, and no outage taken for a loss."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from obstore.exceptions import AlreadyExistsError
from obstore.store import MemoryStore, S3Store

from engine.errors import Refusal
from engine.files import ObjectFiles, UnreachableStore, as_files
from engine.files.documents import damages_of, path_of, read_json_document
from engine.files.writing import json_bytes
from engine.home import data_folder
from engine.jobs import StorageError
from engine.jobs.executors import shared_root
from engine.jobs.store import ParquetStore
from engine.studies import Study, load_results

Make = Callable[..., Study]


class Observed(MemoryStore):  # type: ignore[misc]
    """Remembers what it is asked; says of some puts that they failed though they did not."""

    forget = ""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[tuple[str, str]] = []
        self.read: list[str] = []

    def put(self, path: str, file: bytes, **options: Any) -> Any:
        self.puts.append((path, str(options["mode"])))
        done = super().put(path, file, **options)
        if path == self.forget:
            raise AlreadyExistsError(f"Object at location {path} already exists")
        return done

    def get(self, path: str, *, options: Any = None) -> Any:
        if options is None:
            self.read.append(path)
        return super().get(path, options=options)


@pytest.fixture
def unanswered() -> ObjectFiles:
    """A bucket on a port that nobody listens at."""
    return ObjectFiles(
        "s3://lab/data",
        S3Store(
            "lab",
            endpoint="http://127.0.0.1:9",
            region="us-east-1",
            skip_signature=True,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        ),
    )


def test_each_file_is_one_put_under_a_condition_and_a_manifest_comes_last(
    make_study: Make,
) -> None:
    store = Observed()
    make_study(record={"equity": 4, "trades": True}).run(root=ObjectFiles(store=store))
    order = [key for key, _ in store.puts]
    manifests = [key for key in order if key.startswith("manifests/")]
    assert len(manifests) == len(set(manifests)) == 16
    for manifest in manifests:
        part = manifest.removeprefix("manifests/").removesuffix(".json")
        own = [f"{table}/{part}.parquet" for table in ("simulations", "equity", "trades", "ledger")]
        assert all(order.count(key) == 1 for key in own)
        assert max(order.index(key) for key in own) < order.index(manifest)
    # Only the record of a run, which changes while it runs, is put in place of another.
    assert {key.split("/")[0] for key, mode in store.puts if mode != "create"} == {"jobs"}


def test_a_finished_study_is_recognised_without_reading_its_rows(make_study: Make) -> None:
    store = Observed()
    files = ObjectFiles(store=store)
    made = make_study().run(root=files)
    store.puts.clear()
    store.read.clear()
    assert make_study().run(root=files).frame.equals(made.frame)
    assert not [key for key, _ in store.puts if key.startswith(("simulations", "manifests"))]
    rows = [key for key in store.read if key.startswith("simulations/")]
    assert len(rows) == 16, "once each, for the frame"


def test_a_part_takes_three_puts_and_two_looks_at_its_manifest(make_study: Make) -> None:
    store = Observed()
    make_study().run(root=ObjectFiles(store=store))
    puts = [key.split("/")[0] for key, _ in store.puts]
    assert [puts.count(name) for name in ("simulations", "ledger", "manifests")] == [16, 16, 16]
    assert [key.split("/")[0] for key in store.read].count("manifests") == 2 * 16


def test_what_another_program_put_is_read_for_its_checksum() -> None:
    store = MemoryStore()
    files = ObjectFiles(store=store)
    store.put("x", b"content")
    found = files.digest("x")
    files.put_new("y", b"content")
    assert found == files.digest("y")
    store.put("y", b"Content")
    assert damages_of(files, [("x", found), ("y", found), ("z", found)]) == [
        None,
        "is damaged: it does not match its checksum",
        "is missing",
    ]


def test_a_put_whose_answer_was_lost_is_told_that_it_wrote() -> None:
    store = Observed()
    store.forget = "x"
    files = ObjectFiles(store=store)
    assert files.put_new("x", b"mine")
    assert files.put_new("y", b"mine")
    assert not files.put_new("y", b"another's")


def test_an_address_names_bucket_and_folder(make_study: Make) -> None:
    files = as_files("s3://lab-data/studies/2026/")
    assert isinstance(files, ObjectFiles)
    assert files.address == "s3://lab-data/studies/2026"
    assert str(path_of(files, "a/b.json")) == "s3://lab-data/studies/2026/a/b.json"
    assert pickle.loads(pickle.dumps(files)).address == files.address
    # Not a folder of this machine of that name.
    assert shared_root(ParquetStore(files), "processes") == "s3://lab-data/studies/2026"


@pytest.mark.parametrize(
    "address",
    ["gs://lab/data", "s3://", "s3:///data", "s3://LAB/x", "s3://lab/../x", "s3://lab/*", "s3://a"],
)
def test_another_address_is_one_sentence(make_study: Make, address: str) -> None:
    for ask in (as_files, lambda root: make_study().run(root=root)):
        with pytest.raises(Refusal) as refused:
            ask(address)
        assert str(refused.value) == (
            f"root: found {address!r}, allowed a folder, or a bucket and folder of plain letters "
            "such as 's3://lab/data'"
        )


def test_without_its_client_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(Refusal, match=r"`pip install 'mc-lab\[storage\]'` brings one"):
        as_files("s3://lab/data")


def test_the_data_folder_of_a_project_is_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_DATA", "s3://lab/data")
    with pytest.raises(Refusal, match=r"MC_DATA: found 's3://lab/data', allowed a folder$"):
        data_folder()


def test_a_store_that_does_not_answer_is_neither_empty_nor_damaged(
    make_study: Make, unanswered: ObjectFiles
) -> None:
    with pytest.raises(StorageError, match=r"^cannot write s3://lab/data/results/.*; parts f"):
        make_study().run(root=unanswered)
    asked: list[Callable[[], object]] = [
        lambda: load_results(unanswered, "small"),
        lambda: read_json_document(unanswered, "a.json"),
        lambda: damages_of(unanswered, [("a", None)]),
        lambda: ParquetStore(unanswered).manifests("world"),
        lambda: unanswered.read_range("a", 0, 1),
        lambda: unanswered.delete("a"),
        lambda: unanswered.state("a"),
        lambda: unanswered.digest("a"),
    ]
    for ask in asked:
        with pytest.raises(UnreachableStore, match=r"^s3://lab/data cannot be reached: .*") as said:
            ask()
        assert "\n" not in str(said.value)


def test_sizes_and_ages_are_known_of_a_bucket() -> None:
    files = ObjectFiles(store=MemoryStore())
    files.put_new("x", json_bytes({"a": 1}))
    size, age = files.state("x")
    assert size == len(json_bytes({"a": 1}))
    assert 0 <= age < 60
    with pytest.raises(FileNotFoundError):
        files.state("y")

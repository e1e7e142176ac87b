"""Answers that are kept: made once, whoever asks, and gone where there is no room."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mc_assets.answers.runs import run_study
from mc_assets.answers.studies import StudyState, study_state
from mc_assets.project import Project
from mc_assets.service.kept_answers import KeptAnswer, KeptAnswers
from mc_assets.service.tables import AskedTable
from tests.mc_assets.service.conftest import client_of


def answer(text: str) -> KeptAnswer:
    return KeptAnswer(text.encode(), "text/plain")


def test_of_those_who_ask_at_once_one_makes_the_answer() -> None:
    answers, begun, go = KeptAnswers(), threading.Event(), threading.Event()
    made: list[int] = []

    def make() -> KeptAnswer:
        made.append(1)
        begun.set()
        assert go.wait(30)
        return answer("a")

    async def everybody() -> list[KeptAnswer]:
        asked = [asyncio.create_task(answers.of("tag", make)) for _ in range(20)]
        await asyncio.to_thread(begun.wait, 30)
        asked[3].cancel()  # who goes away ends nothing for the others
        go.set()
        return [await one for one in asked if one is not asked[3]]

    found = asyncio.run(everybody())
    assert [one.content for one in found] == [b"a"] * 19
    assert len(made) == 1


def test_an_answer_is_made_though_who_asked_first_went_away_before_it_began() -> None:
    answers, go = KeptAnswers(), threading.Event()

    async def everybody() -> KeptAnswer:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(max_workers=1) as threads:
            loop.set_default_executor(threads)
            loop.run_in_executor(None, go.wait, 30)
            first = asyncio.create_task(answers.of("tag", lambda: answer("a")))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait([first])
            go.set()
            async with asyncio.timeout(5):
                return await answers.of("tag", lambda: answer("b"))

    assert asyncio.run(everybody()).content == b"a"


def test_an_answer_that_could_not_be_made_is_tried_again() -> None:
    answers = KeptAnswers()

    def fail() -> KeptAnswer:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        asyncio.run(answers.of("tag", fail))
    assert asyncio.run(answers.of("tag", lambda: answer("b"))).content == b"b"


def test_those_asked_least_recently_make_room() -> None:
    answers = KeptAnswers(most_bytes=40)

    def ask(tag: str, size: int = 10) -> bool:
        """Whether an answer had to be made."""
        made: list[str] = []

        def make() -> KeptAnswer:
            made.append(tag)
            return answer("x" * size)

        asyncio.run(answers.of(tag, make))
        return bool(made)

    assert [ask(tag) for tag in "abcd"] == [True] * 4
    assert not ask("a")
    assert ask("e")  # the fifth: "b" goes
    assert [ask("a"), ask("c"), ask("d"), ask("b")] == [False, False, False, True]
    assert ask("long", size=11)  # more than a quarter of the room: not kept
    assert ask("long", size=11)


def test_a_page_asked_again_reads_no_results_and_no_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(project)
    url = "/v1/studies/quick/simulations?limit=7"
    first = client.get(url)

    def refused(*_: Any) -> Any:
        raise AssertionError("read again")

    monkeypatch.setattr("engine.results.read_results", refused)
    monkeypatch.setattr(AskedTable, "page", refused)
    again = client.get(url)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get("/v1/studies/quick/trades?limit=7").status_code == 500


def test_how_far_studies_are_is_counted_once_and_anew_after_a_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, counted = client_of(project), []

    def counting(of: Project, study: str) -> StudyState:
        counted.append(study)
        return study_state(of, study)

    monkeypatch.setattr("mc_assets.answers.studies.study_state", counting)
    first = client.get("/v1/studies").json()
    assert sorted(counted) == ["dearer", "quick"]
    assert client.get("/v1/studies").json() == first
    assert len(counted) == 2
    run_study(project, "dearer", seeds="21")
    again = {one["name"]: one["done"] for one in client.get("/v1/studies").json()["studies"]}
    assert again == {"dearer": 42, "quick": 40}
    run_study(project, "dearer")

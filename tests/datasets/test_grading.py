"""Many samples through one grader, as the batch face, the command line and evals use it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from grader_service.datasets.grading import grading
from grader_service.graders import GRADER
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Result
from grader_service.settings import Settings
from tests.definitions import ITEM, PYTHON, STRING_CHECK
from tests.fakes.sandbox import Gate, ScriptedSandbox
from tests.opening import opening


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    async with opening()(Settings(sandbox="off"), lambda _event: None) as engines:
        yield engines


class Source:
    """Samples that each count when they are taken; a number in their place is handed on, an error raised."""

    def __init__(self, engines: Engines, *given: Any) -> None:
        self.taken = 0
        self._engines = engines
        self._given = given

    async def __aiter__(self) -> AsyncIterator[tuple[int, Context | int]]:
        for place, given in enumerate(self._given):
            self.taken += 1
            if isinstance(given, Exception):
                raise given
            sample = {"output_text": given}
            yield (
                place,
                given if isinstance(given, int) else Context(ITEM, sample, self._engines),
            )


def graders(engines: Engines, *steps: Any) -> dict[str, tuple[Any, Engines]]:
    """One that never waits, and one that may."""
    scripted = replace(engines, sandbox=ScriptedSandbox(steps))
    return {
        "string_check": (GRADER.validate_python(STRING_CHECK), engines),
        "python": (GRADER.validate_python(PYTHON), scripted),
    }


@pytest.mark.parametrize("kind", ["string_check", "python"])
async def test_what_is_no_sample_stays_in_the_stream(engines: Engines, kind: str) -> None:
    grader, used = graders(engines, 1.0, 1.0)[kind]
    async with grading(grader, Source(used, "Paris", 7, "Paris"), 4) as results:
        found = {place: done async for place, done in results}
    assert found[1] == 7
    assert [found[place].reward for place in (0, 2)] == [1.0, 1.0]


@pytest.mark.parametrize("kind", ["string_check", "python"])
async def test_what_the_source_raises_reaches_the_taker(engines: Engines, kind: str) -> None:
    grader, used = graders(engines, 1.0)[kind]
    seen = []

    async def take() -> None:
        async with grading(grader, Source(used, "Paris", LookupError()), 1) as results:
            async for place, _ in results:
                seen.append(place)

    with pytest.raises(LookupError):
        await take()
    assert seen == [0]


@pytest.mark.parametrize("kind", ["string_check", "python"])
async def test_nothing_is_read_far_ahead_of_a_taker_that_pauses(
    engines: Engines, kind: str
) -> None:
    grader, used = graders(engines, *[1.0] * 100)[kind]
    source = Source(used, *["Paris"] * 100)
    async with grading(grader, source, 4) as results:
        await anext(results)
        for _ in range(100):
            await asyncio.sleep(0)
        assert source.taken <= 2 * 4 + 1


async def test_leaving_ends_the_grades_under_way(engines: Engines) -> None:
    gate = Gate()
    grader, used = graders(engines, 1.0, gate, gate)["python"]
    before = asyncio.all_tasks()
    async with grading(grader, Source(used, *["Paris"] * 3), 2) as results:
        place, first = await anext(results)
        assert place == 0
        assert isinstance(first, Result)
    assert asyncio.all_tasks() == before
    gate.open()


async def test_a_grader_that_never_waits_gives_others_their_turn(engines: Engines) -> None:
    grader, used = graders(engines)["string_check"]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async with grading(grader, Source(used, *["Paris"] * 20_000), 1) as results:
        assert len([place async for place, _ in results]) == 20_000
    task.cancel()
    assert turns > 1

"""The engine with its real data and workers: same digits wherever it computes, and an event loop that goes on."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from grader_service.errors import CannotStart, TextTooLarge, TextTooSlow, WorkersUnavailable
from grader_service.settings import MEBIBYTE, Settings
from grader_service.similarity import metrics
from grader_service.similarity.base import Similarity
from grader_service.similarity.costs import COSTS
from grader_service.similarity.engine import INLINE_SECONDS, open_similarity
from grader_service.similarity.resources import Resources
from grader_service.workers import open_workers

Pairs = list[tuple[str, str]]


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[Similarity]:
    async with (
        open_workers(settings.workers, settings.worker_memory_mebibytes * MEBIBYTE) as workers,
        open_similarity(settings, workers) as engine,
    ):
        yield engine


def _prose(characters: int, seed: int) -> str:
    choose = random.Random(seed)
    words = (
        "".join(choose.choices("etaoinshrdlu", k=choose.randint(2, 9)))
        for _ in range(characters // 6)
    )
    return " ".join(word + choose.choice(["", "", "", ".", ","]) for word in words)


@pytest.mark.parametrize("metric", metrics.METRICS)
async def test_long_and_short_texts_have_the_digits_of_the_table(
    nltk_data: Path, loaded: Resources, metric: str, pairs: Pairs
) -> None:
    long = (_prose(20_000, 1), _prose(20_000, 2))
    chosen = [*pairs[:30], long, (long[0] + "é", long[0])]
    async with _engine(Settings(nltk_data=nltk_data, similarity_timeout_seconds=60)) as engine:
        scores = await asyncio.gather(*(engine.compare(metric, *pair) for pair in chosen))
    assert scores == [metrics.compare(loaded, metric, *pair) for pair in chosen]


async def test_too_large_is_named(nltk_data: Path) -> None:
    async with _engine(Settings(nltk_data=nltk_data, similarity_max_characters=1000)) as engine:
        assert await engine.compare("rouge_1", "a" * 1000, "b") == 0.0
        with pytest.raises(
            TextTooLarge, match=r"1,001 characters.*1,000.*GRADER_SIMILARITY_MAX_CHARACTERS"
        ):
            await engine.compare("rouge_1", "a", "b" * 1001)


async def test_too_slow_is_named_and_the_next_comparison_works(nltk_data: Path) -> None:
    slow = "ab" * 400_000, "ba" * 400_000 + "c"
    async with _engine(
        Settings(nltk_data=nltk_data, similarity_timeout_seconds=2, workers=1)
    ) as engine:
        with pytest.raises(
            TextTooSlow, match=r"800,000 and 800,001 characters.*2 s.*GRADER_SIMILARITY_TIMEOUT"
        ):
            await engine.compare("fuzzy_match", *slow)
        assert await engine.compare("rouge_1", "a " * 20_000, "a " * 20_000) == 1.0


async def test_a_metric_that_runs_out_of_memory_is_named(nltk_data: Path) -> None:
    settings = Settings(
        nltk_data=nltk_data, worker_memory_mebibytes=150, similarity_timeout_seconds=60
    )
    async with _engine(settings) as engine:
        with pytest.raises(TextTooLarge, match="GRADER_WORKER_MEMORY_MEBIBYTES"):
            await engine.compare("meteor", "a " * 500_000, "a " * 500_000)
        assert await engine.compare("rouge_1", "a " * 20_000, "a " * 20_000) == 1.0


async def test_stopped_workers_are_not_the_samples_fault(nltk_data: Path) -> None:
    settings = Settings(nltk_data=nltk_data)
    async with open_workers(1, 1024 * MEBIBYTE) as workers:
        pass
    async with open_similarity(settings, workers) as engine:
        assert await engine.compare("rouge_1", "short", "short") == 1.0
        with pytest.raises(WorkersUnavailable):
            await engine.compare("rouge_1", "a " * 20_000, "a " * 20_000)


async def test_without_data_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="make install"):
        async with _engine(Settings(nltk_data=tmp_path / "none")):
            pytest.fail("it started")


class Stalls:
    """Watches the running loop: `longest` is the most seconds of computing in this process between two turns.

    Seconds of the clock alone would blame the loop for what other processes do to the machine.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            clock, computed = time.monotonic(), time.process_time()
            await asyncio.sleep(0.001)
            stall = min(time.monotonic() - clock, time.process_time() - computed)
            self.longest = max(self.longest, stall)


@asynccontextmanager
async def _watched() -> AsyncIterator[Stalls]:
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0)
    try:
        yield stalls
        await asyncio.sleep(0.01)  # or a stall up to here would go unseen
    finally:
        watching.cancel()


async def test_the_watch_sees_a_stall() -> None:
    async with _watched() as stalls:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
    assert stalls.longest > 0.1


@pytest.fixture(scope="module")
def megabytes() -> tuple[str, str]:
    return _prose(1_000_000, 3), _prose(1_000_000, 4)


@pytest.mark.parametrize("metric", metrics.METRICS)
async def test_two_texts_of_a_megabyte_leave_the_loop_alone(
    nltk_data: Path, metric: str, megabytes: tuple[str, str]
) -> None:
    settings = Settings(nltk_data=nltk_data, similarity_timeout_seconds=2)
    async with _engine(settings) as engine, _watched() as stalls:
        results = await asyncio.gather(
            engine.compare(metric, *megabytes),
            engine.compare(metric, *megabytes[::-1]),
            return_exceptions=True,
        )
    assert stalls.longest < 0.05
    assert all(isinstance(result, float | TextTooSlow) for result in results), results


@pytest.mark.parametrize("metric", metrics.METRICS)
async def test_many_comparisons_at_once_take_turns(nltk_data: Path, metric: str) -> None:
    """Each is as long as may run here; a multi may ask for a hundred in one turn of the loop."""
    sentence = "One sentence follows another sentence, always. "
    count = 1
    while COSTS[metric]("WRatio", sentence * (count + 1), sentence * (count + 1)) <= INLINE_SECONDS:
        count += 1
    pairs = [(sentence * count, (sentence * count)[number:]) for number in range(100)]
    async with _engine(Settings(nltk_data=nltk_data)) as engine, _watched() as stalls:
        await asyncio.gather(*(engine.compare(metric, *pair) for pair in pairs))
    assert stalls.longest < 0.05

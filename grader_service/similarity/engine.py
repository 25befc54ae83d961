"""Comparing texts without holding up the event loop: short ones here and now, long ones in worker processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from grader_service.errors import TextTooLarge, TextTooSlow
from grader_service.settings import FuzzyFunction, Settings
from grader_service.similarity import data, metrics, resources
from grader_service.similarity.costs import COSTS
from grader_service.workers import Workers

INLINE_SECONDS = 0.005
"""What is foretold to take longer goes to a worker process, which costs 0.3 ms."""

INSTANT_SECONDS = 0.0001
"""What is foretold to take less does not even wait for its turn."""


class InProcess:
    """`Similarity` with data in memory, and workers for what takes long. Made by `open_similarity`."""

    def __init__(self, settings: Settings, workers: Workers, loaded: resources.Resources) -> None:
        self._settings = settings
        self._folder = settings.nltk_data.resolve()
        self._workers = workers
        self._resources = loaded
        self._turn = asyncio.Lock()

    async def compare(self, metric: str, hypothesis: str, reference: str) -> float:
        """See `Similarity.compare`."""
        self._check_size(hypothesis, reference)
        seconds = COSTS[metric](self._settings.fuzzy_function, hypothesis, reference)
        if seconds <= INSTANT_SECONDS:
            return metrics.compare(self._resources, metric, hypothesis, reference)
        if seconds <= INLINE_SECONDS:
            async with self._turn:  # one each turn of the loop: a hundred at once would add up
                score = metrics.compare(self._resources, metric, hypothesis, reference)
                await asyncio.sleep(0)
                return score
        return await self._compare_in_worker(metric, hypothesis, reference)

    def _check_size(self, hypothesis: str, reference: str) -> None:
        longest, limit = (
            max(len(hypothesis), len(reference)),
            self._settings.similarity_max_characters,
        )
        if longest > limit:
            raise TextTooLarge(
                f"a text of {longest:,} characters is longer than the {limit:,} that text_similarity takes "
                "(GRADER_SIMILARITY_MAX_CHARACTERS)"
            )

    async def _compare_in_worker(self, metric: str, hypothesis: str, reference: str) -> float:
        limit = self._settings.similarity_timeout_seconds
        sizes = f"texts of {len(hypothesis):,} and {len(reference):,} characters"
        try:
            return await self._workers.call(
                compare_texts,
                *(self._folder, self._settings.fuzzy_function, metric, hypothesis, reference),
                timeout_seconds=limit,
            )
        except TimeoutError as error:
            raise TextTooSlow(
                f"{metric} of {sizes} did not end within {limit:g} s (GRADER_SIMILARITY_TIMEOUT_SECONDS)"
            ) from error
        except MemoryError as error:
            raise TextTooLarge(
                f"{metric} of {sizes} needs more memory than a worker process may take (GRADER_WORKER_MEMORY_MEBIBYTES)"
            ) from error


@asynccontextmanager
async def open_similarity(settings: Settings, workers: Workers) -> AsyncIterator[InProcess]:
    """The engine with its data loaded, so that no grade pays for it (0.4 s, about 15 MB).

    Raises:
        CannotStart: the data are not there, or not whole; says what to do.
    """
    data.check(settings.nltk_data)
    loaded = await asyncio.to_thread(resources.load, settings.nltk_data, settings.fuzzy_function)
    try:
        yield InProcess(settings, workers, loaded)
    finally:
        loaded.wordnet.close()


def compare_texts(
    folder: Path, function: FuzzyFunction, metric: str, hypothesis: str, reference: str
) -> float:
    """What a worker process runs; it loads the data once."""
    return metrics.compare(_loaded(folder, function), metric, hypothesis, reference)


@cache
def _loaded(folder: Path, function: FuzzyFunction) -> resources.Resources:
    return resources.load(folder, function)

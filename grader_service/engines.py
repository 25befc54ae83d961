"""Opens what graders use of the outside world, in the order in which one needs the other."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from grader_service.endpoints.open import open_endpoints
from grader_service.events import Observe
from grader_service.graders.context import Engines
from grader_service.graders.source import Sources
from grader_service.judge.open import open_llm
from grader_service.sandbox.open import open_sandbox
from grader_service.settings import MEBIBYTE, Settings
from grader_service.similarity.base import Similarity
from grader_service.similarity.engine import open_similarity
from grader_service.similarity.off import NoSimilarity
from grader_service.workers import Workers, open_workers


def _similarity(
    settings: Settings, workers: Workers, compares: bool
) -> AbstractAsyncContextManager[Similarity]:
    return open_similarity(settings, workers) if compares else nullcontext(NoSimilarity())


@asynccontextmanager
async def open_engines(
    settings: Settings, observe: Observe, *, compares: bool = True
) -> AsyncIterator[Engines]:
    """Engines for as long as the server, or one command, lives.

    `compares=False` is for graders that compare no texts: then the data of text_similarity need not be there.

    Raises:
        CannotStart: something that the settings name is not there.
    """
    async with (
        open_workers(settings.workers, settings.worker_memory_mebibytes * MEBIBYTE) as workers,
        _similarity(settings, workers, compares) as similarity,
        open_llm(settings, observe) as llm,
        open_endpoints(settings) as endpoints,
        open_sandbox(settings, observe) as sandbox,
    ):
        yield Engines(
            similarity=similarity,
            sandbox=sandbox,
            judge=llm.judge,
            sampler=llm.sampler,
            endpoints=endpoints,
            sources=Sources(workers),
            observe=observe,
        )

"""Grades the samples of a dataset on a Ray cluster; needs the extra `ray`.

One actor for each CPU of the cluster, each with engines of its own. They get the settings of this
process: what a setting names (a sandbox, a folder, a judge's address) must be there on every node.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from grader_service import jsontext
from grader_service.datasets.grading import working
from grader_service.datasets.in_process import graded_here
from grader_service.datasets.pieces import Piece
from grader_service.datasets.records import Record
from grader_service.engines import open_engines
from grader_service.errors import CannotStart
from grader_service.graders import GRADER
from grader_service.graders.base import Grader
from grader_service.graders.context import Engines
from grader_service.settings import Settings

AHEAD: Final = 2
"""Chunks that an actor has at once: one that is graded, one that waits."""

CHUNK: Final = 256
"""Samples of a chunk for graders that never wait; for others it is as many as are graded at once."""

SANDBOX_WORKERS: Final = 8
"""Of each actor, where the settings leave it to the number of CPUs."""


class ChunkGrader:
    """What runs in the cluster. The grader comes as its JSON: it is parsed where it works."""

    def __init__(self, spelled: dict[str, Any], settings: Settings, concurrency: int) -> None:
        self._grader = GRADER.validate_python(spelled)
        self._settings = settings
        self._concurrency = concurrency
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._engines: Engines | None = None

    async def grade(self, pieces: Sequence[Piece]) -> list[Record]:
        """Records as they were done, with places in the chunk for indices; item and sample are at home."""
        async with self._opening:
            if self._engines is None:
                engines = await self._stack.enter_async_context(
                    open_engines(self._settings, lambda _event: None)
                )
                await self._grader.check(engines)
                self._engines = engines
        async with graded_here(
            self._grader, self._engines, _each(pieces), self._concurrency
        ) as records:
            return [{**record, "item": None, "sample": None} async for record in records]

    async def close(self) -> None:
        await self._stack.aclose()


async def _each(pieces: Sequence[Piece]) -> AsyncIterator[Piece]:
    for place, piece in enumerate(pieces):
        yield replace(piece, index=place, usage={})


@asynccontextmanager
async def graded_on_ray(
    grader: Grader, settings: Settings, pieces: AsyncIterable[Piece], concurrency: int
) -> AsyncIterator[AsyncIterator[Record]]:
    """Records with item and sample, as their chunks are done; `concurrency` samples at once in each actor.

    The cluster is the one that RAY_ADDRESS names, or one that begins and ends with this.

    Raises (from the records, too):
        CannotStart: Ray is not installed or not there, or an actor could not begin.
    """
    ray = _ray()
    size = concurrency if grader.waits else CHUNK
    try:
        with _connected(ray):
            actors = _Actors(ray, _started(ray, grader, settings, concurrency))
            async with working(actors.grade, _chunks(pieces, size), actors.places) as done:
                yield _records(done)
            await actors.close()
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        first = str(cause).strip().partition("\n")[0]
        raise CannotStart(
            f"the Ray cluster could not grade ({type(cause).__name__}: {first}); run the same command again to go on"
        ) from None


class _Actors:
    """Gives each chunk to an actor that has room. What an actor that died had goes to another."""

    def __init__(self, ray: Any, actors: Sequence[Any]) -> None:
        self._died: type[Exception] = ray.exceptions.RayActorError
        self._living = list(actors)
        self._free = asyncio.Queue[Any]()
        self.places = AHEAD * len(actors)
        for actor in [*actors] * AHEAD:
            self._free.put_nowait(actor)

    async def grade(self, chunk: Sequence[Piece]) -> list[Record]:
        """Raises a RayError when the last actor died."""
        while True:
            actor = await self._free.get()
            try:
                records = await asyncio.wrap_future(actor.grade.remote(chunk).future())
            except self._died:
                if actor in self._living:
                    self._living.remove(actor)
                if not self._living:
                    raise
            else:
                self._free.put_nowait(actor)
                return [chunk[record["index"]].record(record) for record in records]

    async def close(self) -> None:
        """End the actors' engines; one that dies meanwhile has ended, too."""
        closing = [asyncio.wrap_future(actor.close.remote().future()) for actor in self._living]
        await asyncio.gather(*closing, return_exceptions=True)


def _ray() -> Any:
    """The library, told to report nothing about its use."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: PLC0415 - heavy, and an extra
    except ImportError:
        raise CannotStart(
            "--engine ray needs Ray: pip install 'grader-service[ray]'; or leave it out"
        ) from None
    return ray


@contextmanager
def _connected(ray: Any) -> Iterator[None]:
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise CannotStart(
            f"the Ray cluster of RAY_ADDRESS cannot be reached: {str(error).splitlines()[0]}"
        ) from None
    with redirect_stdout(sys.stderr):  # Ray tells of lost nodes where a command's answer goes
        try:
            yield
        finally:
            ray.shutdown()


def _started(ray: Any, grader: Grader, settings: Settings, concurrency: int) -> list[Any]:
    places = int(ray.cluster_resources().get("CPU", 0))
    if not places:
        raise CannotStart("the Ray cluster has no CPU to grade with")
    remote = ray.remote(num_cpus=1, max_concurrency=AHEAD)(ChunkGrader)
    spelled = jsontext.loads(jsontext.dumps(grader.spelled))
    shared = _for_nodes(settings)
    return [remote.remote(spelled, shared, concurrency) for _ in range(places)]


def _for_nodes(settings: Settings) -> Settings:
    """Folders as absolute paths, for an actor works elsewhere; and no actor takes the whole node for its sandbox."""
    update = {name: value.absolute() for name, value in settings if isinstance(value, Path)}
    return settings.model_copy(
        update=update | {"sandbox_workers": settings.sandbox_workers or SANDBOX_WORKERS}
    )


async def _chunks(
    pieces: AsyncIterable[Piece], size: int
) -> AsyncIterator[tuple[None, Sequence[Piece]]]:
    chunk: list[Piece] = []
    async for piece in pieces:
        chunk.append(piece)
        if len(chunk) == size:
            yield None, chunk
            chunk = []
    if chunk:
        yield None, chunk


async def _records(done: AsyncIterator[tuple[None, list[Record]]]) -> AsyncIterator[Record]:
    async for _, records in done:
        for record in records:
            yield record

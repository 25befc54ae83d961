"""What `grade` does: a grader, the place where it works, and the model that is asked first, if one is."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from grader_service import jsontext
from grader_service.cli.output import tell
from grader_service.datasets.drawing import drawing, missed_record
from grader_service.datasets.in_process import graded_here
from grader_service.datasets.ledger import Ledger
from grader_service.datasets.on_ray import graded_on_ray
from grader_service.datasets.on_server import Server, graded_there
from grader_service.datasets.pieces import Piece
from grader_service.datasets.records import Record
from grader_service.engines import open_engines
from grader_service.errors import CannotGrade, CannotStart, RequestRefused
from grader_service.events import Event
from grader_service.graders.base import Grader
from grader_service.graders.context import Engines
from grader_service.judge.open import open_llm
from grader_service.judge.sampler import Sampler
from grader_service.sampling.source import SampledSource, parse
from grader_service.settings import Settings

Engine = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class Job:
    """The grader, where it works, and the model whose outputs it grades, if they are not there yet."""

    grader: Grader
    config: Settings
    concurrency: int
    engine: Engine
    server: Server | None
    source: SampledSource | None

    @asynccontextmanager
    async def records(
        self, pieces: AsyncIterator[Piece], ledger: Ledger
    ) -> AsyncIterator[AsyncIterator[Record]]:
        """Those of samples that could not be drawn go to the ledger at once."""

        def missed(piece: Piece, error: CannotGrade) -> None:
            ledger.write(missed_record(self.grader, piece, error))

        async with AsyncExitStack() as stack:
            engines = None
            if self.server is None and self.engine == "local":
                engines = await stack.enter_async_context(open_engines(self.config, _ignore))
                await self.grader.check(engines)
            if self.source is not None:
                if engines is not None:
                    sampler = engines.sampler
                else:
                    llm = await stack.enter_async_context(open_llm(self.config, _ignore))
                    sampler = llm.sampler
                _check_source(self.source, sampler)
                pieces = await stack.enter_async_context(
                    drawing(self.source, sampler, pieces, self.concurrency, missed)
                )
            yield await stack.enter_async_context(self._graded(engines, pieces))

    def _graded(
        self, engines: Engines | None, pieces: AsyncIterator[Piece]
    ) -> AbstractAsyncContextManager[AsyncIterator[Record]]:
        if engines is not None:
            return graded_here(self.grader, engines, pieces, self.concurrency)
        if self.server is not None:
            return graded_there(self.server, self.grader, pieces, self.concurrency)
        return graded_on_ray(self.grader, self.config, pieces, self.concurrency)


def _ignore(_event: Event) -> None:
    """Nobody scrapes a command."""


def sampled_source(model: str, params: str) -> SampledSource:
    """What to ask this model with the conversation of each row.

    Raises:
        CannotStart: `params` are no sampling parameters, as JSON.
    """
    try:
        given = jsontext.loads(params)
    except jsontext.JsonError as error:
        raise CannotStart(f"--sampling-params is no valid JSON: {error}") from None
    try:
        return parse(
            {
                "type": "completions",
                "model": model,
                "input_messages": {"type": "item_reference", "item_reference": "item.messages"},
                "sampling_params": given,
            }
        )
    except RequestRefused as error:
        raise CannotStart(f"--model or --sampling-params: {error.message}") from None


def _check_source(source: SampledSource, sampler: Sampler) -> None:
    try:
        warnings = source.check(sampler)
    except RequestRefused as error:
        raise CannotStart(f"--model {source.model}: {error.message}") from None
    for warning in warnings:
        tell(f"warning: {warning}")

"""Asks a model for the samples of a dataset before they are graded."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from grader_service.datasets.grading import working
from grader_service.datasets.pieces import Piece
from grader_service.datasets.records import Record, record_of
from grader_service.errors import CannotGrade
from grader_service.graders.base import Grader
from grader_service.graders.result import Cause, Result
from grader_service.judge.sampler import Sampler
from grader_service.sampling.draw import draw
from grader_service.sampling.source import SampledSource


@asynccontextmanager
async def drawing(
    source: SampledSource,
    sampler: Sampler,
    pieces: AsyncIterable[Piece],
    concurrency: int,
    missed: Callable[[Piece, CannotGrade], None],
) -> AsyncIterator[AsyncIterator[Piece]]:
    """The pieces with their samples, as they are drawn; `missed` is told of those that have none."""

    async def ask(piece: Piece) -> Piece | None:
        try:
            drawn = await draw(source, piece.item, sampler, repeat=piece.n)
        except CannotGrade as error:
            missed(piece, error)
            return None
        return replace(piece, sample=drawn.sample, usage={drawn.model: drawn.usage})

    async with working(ask, _keyed(pieces), concurrency) as results:
        yield _drawn(results)


def missed_record(grader: Grader, piece: Piece, error: CannotGrade) -> Record:
    """A sample that was not to be had is not graded 0 in silence either: it fails, or is invalid, by its cause."""
    result = Result(
        name=grader.name,
        grader_type=grader.type,
        reward=grader.invalid_grade,
        seconds=0.0,
        causes=(Cause.of(error),),
        usage=error.spent,
    )
    return piece.record(record_of(piece.index, piece.n, result))


async def _keyed(pieces: AsyncIterable[Piece]) -> AsyncIterator[tuple[None, Piece]]:
    async for piece in pieces:
        yield None, piece


async def _drawn(results: AsyncIterator[tuple[None, Piece | None]]) -> AsyncIterator[Piece]:
    async for _, piece in results:
        if piece is not None:
            yield piece

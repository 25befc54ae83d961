"""Grades the samples of a dataset in this process."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from grader_service.datasets.grading import grading
from grader_service.datasets.pieces import Piece
from grader_service.datasets.records import Record, record_of
from grader_service.graders.base import Grader
from grader_service.graders.context import Context, Engines
from grader_service.graders.result import Result


@asynccontextmanager
async def graded_here(
    grader: Grader, engines: Engines, pieces: AsyncIterable[Piece], concurrency: int
) -> AsyncIterator[AsyncIterator[Record]]:
    """Records with item and sample, as they are done."""
    async with grading(grader, _contexts(pieces, engines), concurrency) as results:
        yield _records(results)


async def _contexts(
    pieces: AsyncIterable[Piece], engines: Engines
) -> AsyncIterator[tuple[Piece, Context]]:
    async for piece in pieces:
        assert piece.sample is not None
        yield piece, Context(piece.item, piece.sample, engines, of_batch=True)


async def _records(results: AsyncIterator[tuple[Piece, Result]]) -> AsyncIterator[Record]:
    async for piece, result in results:
        yield piece.record(record_of(piece.index, piece.n, result))

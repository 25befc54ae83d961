"""The lines of a dataset that lies in the store in pieces."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from grader_service.datasets.rows import BYTE_ORDER_MARK, RowFault

MAX_ROW_BYTES = 8 * 1024 * 1024
"""A larger row is refused: rows are graded many at once."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds a row: which row, from 0, on which line of the file, from 1."""

    index: int
    number: int
    text: bytes


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """All lines that are not blank, holding one chunk and one line at a time.

    Raises:
        RowFault: a line is larger than `MAX_ROW_BYTES`.
    """
    index = 0
    number = 0
    rest = b""
    async for chunk in _with_end(chunks):
        pieces = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
        rest = pieces.pop()
        if len(rest) > MAX_ROW_BYTES:
            raise too_large(number + 1)
        for text in pieces:
            number += 1
            row = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
            if row.strip():
                yield Line(index, number, row)
                index += 1


async def _with_end(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A last line need not be ended."""
    async for chunk in chunks:
        yield chunk
    yield b"\n"


def too_large(number: int) -> RowFault:
    return RowFault(number, f"the row is larger than {MAX_ROW_BYTES:,} bytes")

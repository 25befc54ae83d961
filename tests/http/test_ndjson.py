"""What is kept for clients that do not read: bounded for each, and for all of them together."""

import asyncio

from starlette.types import Message

from grader_service.http.ndjson import MAX_UNSENT, MAX_UNSENT_OF_ALL, Backlog, Outgoing, beside

LINE = b"x" * (MAX_UNSENT // 2 - 1) + b"\n"


def still() -> None:
    """Nobody asks whether something moved."""


async def never(_message: Message) -> None:
    """A client that does not read."""
    await asyncio.Event().wait()


async def at_once(_message: Message) -> None:
    """A client that reads."""


async def test_one_client_that_does_not_read_fills_its_own_room() -> None:
    outgoing = Outgoing(never, still, Backlog())
    async with beside(outgoing.pump()):
        for _ in range(2):
            outgoing.write(LINE)
            await asyncio.sleep(0)  # the first is being sent: it is kept all the same
            assert not outgoing.full
        outgoing.write(b"\n")
        assert outgoing.full


async def test_many_clients_that_do_not_read_fill_one_room() -> None:
    backlog = Backlog()
    silent = [Outgoing(never, still, backlog) for _ in range(MAX_UNSENT_OF_ALL // len(LINE))]
    reader = Outgoing(at_once, still, backlog)
    async with beside(*(each.pump() for each in [*silent, reader])):
        for each in silent:
            assert not each.full
            each.write(LINE)
        reader.write(b"\n")
        assert reader.full
        await reader.sent()
    for each in [*silent, reader]:
        each.close()
    assert backlog.bytes == 0
    assert not reader.full

"""A socket in front of a real Docker engine, that a test can take away and bring back."""

import asyncio
import contextlib
from pathlib import Path
from typing import Self


class EngineProxy:
    """Forwards bytes both ways. `stop` is an engine that is gone: no socket, every connection cut."""

    def __init__(self, socket: Path, engine: str) -> None:
        self.address = f"unix://{socket}"
        self._socket = socket
        self._engine = engine.removeprefix("unix://")
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self._socket.unlink(missing_ok=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        beyond, to_engine = await asyncio.open_unix_connection(self._engine)
        self._writers |= {writer, to_engine}
        try:
            await asyncio.gather(_forward(reader, to_engine), _forward(beyond, writer))
        finally:
            for each in (writer, to_engine):
                each.transport.abort()
                self._writers.discard(each)
            self._serving.discard(serving)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop says it the second way
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

"""Writing a file whose end is not known yet, in pieces that each are a transaction of their own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.store import files
from grader_service.store.database import Database


class Upload:
    """Holds at most one chunk, and what came with the last piece."""

    def __init__(self, database: Database, key: int) -> None:
        self._database = database
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._position = 0
        self.key = key
        self.bytes = 0
        self.complete = False

    async def write(self, data: bytes) -> None:
        """Add to the end."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self.bytes += len(data)
        if self._waiting_bytes >= files.CHUNK_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        content = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        async with self._database.writing() as connection:
            for start in range(0, len(content), files.CHUNK_BYTES):
                piece = content[start : start + files.CHUNK_BYTES]
                await files.add_chunk(connection, self.key, self._position, piece)
                self._position += 1

    async def finish(
        self, connection: AsyncConnection, state: files.State, **values: Any
    ) -> RowMapping:
        """Write the rest and show the file, in the caller's transaction."""
        if self._waiting:
            await files.add_chunk(connection, self.key, self._position, b"".join(self._waiting))
        row = await files.complete(connection, self.key, state, bytes=self.bytes, **values)
        self.complete = True
        return row


@asynccontextmanager
async def uploading(database: Database, values: Mapping[str, Any]) -> AsyncIterator[Upload]:
    """A new file, that is gone again where the block ends without `finish`."""
    async with database.writing() as connection:
        key = await files.begin(connection, values)
    upload = Upload(database, key)
    try:
        yield upload
    finally:
        if not upload.complete:
            async with database.writing() as connection:
                await files.drop(connection, key)

"""Copies files with their content."""

import time
from typing import Final

from sqlalchemy.exc import IntegrityError

from grader_service import jsontext
from grader_service.evals import ids
from grader_service.evals.migrate import told
from grader_service.evals.migrate.base import Interrupted, NotHandedOut, Source, Told
from grader_service.evals.migrate.ledger import Ledger
from grader_service.store import files, imports
from grader_service.store.database import Database
from grader_service.store.uploads import uploading

TRIES: Final = 4
"""Of a content whose connection breaks."""


class FileCopies:
    """Into one tenant's part of the store."""

    def __init__(self, source: Source, database: Database, tenant: str, ledger: Ledger) -> None:
        self._source = source
        self._database = database
        self._tenant = tenant
        self._ledger = ledger

    async def copy_all(self) -> None:
        """One after the other: each may be large."""
        with self._ledger.losing_only("file", "(their list)"):
            async for page in self._source.files():
                for each in page:
                    self._ledger.count("file", source=1)
                    with self._ledger.losing_only("file", each["id"]):
                        await self._copy(each)

    async def _copy(self, file_told: Told) -> None:
        file = told.read(told.ToldFile, file_told)
        self._ledger.files[file.id] = file.bytes
        if await files.find(self._database, self._tenant, file.id) is not None:
            self._ledger.count("file", here=1)
            return
        for attempt in range(1, TRIES + 1):
            try:
                await self._fetch(file)
                break
            except Interrupted:
                if attempt == TRIES:
                    raise
        self._ledger.count("file", here=1, new=1)

    async def _fetch(self, file: told.ToldFile) -> None:
        """It has an id of ours until it is whole, so that a copy that died is in nobody's way."""
        begun = {
            "tenant": self._tenant,
            "id": ids.new_file(),
            "created_at": int(time.time()),
            "purpose": file.purpose,
            "filename": jsontext.dumps(file.filename).decode(),
        }
        async with uploading(self._database, begun) as upload:
            async for piece in self._source.content(file.id):
                await upload.write(piece)
            if upload.bytes != file.bytes:
                raise NotHandedOut(
                    f"the source says it has {file.bytes:,} bytes, and gave {upload.bytes:,}"
                )
            kept = {"id": file.id, "created_at": file.created_at, "expires_at": file.expires_at}
            try:
                await imports.show_file(self._database, upload, kept)
            except IntegrityError:
                raise NotHandedOut("another migration brought it meanwhile") from None

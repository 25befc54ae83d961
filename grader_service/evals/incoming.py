"""The rows of a new run are looked at before it is accepted: those that come in the request, and those of a file."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service import jsontext
from grader_service.datasets.rows import RowFault, parse_row
from grader_service.errors import RequestRefused
from grader_service.evals import ids
from grader_service.evals.row_schema import RowSchema
from grader_service.evals.row_text import MAX_ROW_BYTES, lines_of
from grader_service.evals.run_body import RunBody
from grader_service.store import files
from grader_service.store.database import Database
from grader_service.store.uploads import Upload, uploading

SHOWN_BYTES: Final = 64 * 1024
"""So much of the rows that came in a request is shown in the run again."""

MAX_FAULTS: Final = 10
PAUSE_ROWS: Final = 256
CONTENT: Final = "data_source.source.content"


class IncomingRun:
    """A request that creates a run, while it arrives. Its rows go to the store at once."""

    def __init__(self, database: Database, tenant: str, created_at: int, schema: RowSchema) -> None:
        self.database = database
        self.created_at = created_at
        self.schema = schema
        self._values = {
            "tenant": tenant,
            "id": ids.new_file(),
            "created_at": created_at,
            "purpose": "",
            "filename": '""',
        }
        self._opened = AsyncExitStack()
        self._body = RunBody()
        self._upload: Upload | None = None
        self.total = 0
        self.shown: list[Any] = []
        self._shown_bytes = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opened.aclose()

    async def read(self, pieces: AsyncIterator[bytes]) -> Any:
        """The body, with an empty array in place of the rows.

        Raises:
            RequestRefused: 400 where it is no JSON, or one of the rows is no row.
        """
        try:
            async for piece in pieces:
                await self._keep(self._body.feed(piece))
            await self._keep(self._body.close())
        except jsontext.JsonError as error:
            raise RequestRefused(
                f"The body is no valid JSON: {error}", code="invalid_json"
            ) from None
        return self._body.rest

    async def _keep(self, rows: Iterator[bytes]) -> None:
        """Every row as a line of a file."""
        for text in rows:
            line = self._line(text)
            if self._upload is None:
                self._upload = await self._opened.enter_async_context(
                    uploading(self.database, self._values)
                )
            await self._upload.write(line)

    async def keep(self, connection: AsyncConnection) -> int | None:
        """Keep the rows for a run that is made in the same transaction; the key of their file."""
        if self._upload is None:
            return None
        row = await self._upload.finish(connection, "inline")
        return int(row["key"])

    def _line(self, text: bytes) -> bytes:
        row = _request_row(text, self.total)
        self.schema.look_at(self.total, row["item"])
        self.total += 1
        line = jsontext.dumps(row) + b"\n"
        self._shown_bytes += len(line)
        if self._shown_bytes <= SHOWN_BYTES:
            self.shown.append(row)
        return line


def _request_row(text: bytes, index: int) -> dict[str, Any]:
    """`item`, and `sample` where there is one; what else a row has is left out."""
    place = f"{CONTENT}[{index}]"
    if len(text) > MAX_ROW_BYTES:
        raise RequestRefused(
            f"{place!r} is larger than {MAX_ROW_BYTES:,} bytes, the most for one row.", param=place
        )
    try:
        row = jsontext.loads(text)
    except jsontext.JsonError as error:
        raise RequestRefused(
            f"The body is no valid JSON: {error} (in {place})", code="invalid_json"
        ) from None
    if not isinstance(row, dict):
        raise RequestRefused(
            f'Invalid type for {place!r}: expected an object as {{"item": {{…}}}}.', param=place
        )
    if "item" not in row:
        raise RequestRefused(
            f"Missing required parameter: '{place}.item'. Each row is an object as {{\"item\": {{…}}}}.",
            param=f"{place}.item",
        )
    for key, kinds in (("item", dict), ("sample", dict | str | None)):
        if not isinstance(row.get(key), kinds):
            expected = "an object" if key == "item" else "an object or a string"
            raise RequestRefused(
                f"Invalid type for '{place}.{key}': expected {expected}.", param=f"{place}.{key}"
            )
    return {key: row[key] for key in ("item", "sample") if row.get(key) is not None}


async def look_at_file(database: Database, key: int, name: str, schema: RowSchema) -> int:
    """The number of rows in a file.

    Raises:
        RequestRefused: 400 with the lines that are no rows, or where there is none.
    """
    total = 0
    faults: list[RowFault] = []
    try:
        async for line in lines_of(files.chunks(database, key)):
            total += 1
            try:
                schema.look_at(line.index, parse_row(line.text, line.index, line.number).item)
            except RowFault as fault:
                faults.append(fault)
                if len(faults) == MAX_FAULTS:
                    break
            if total % PAUSE_ROWS == 0:
                await asyncio.sleep(0)
    except RowFault as fault:
        faults.append(fault)
    except files.FileGone:
        raise RequestRefused(
            f"The file {name} was deleted just now.", param="data_source.source.id"
        ) from None
    if faults:
        told = "; ".join(f"line {fault.line}: {fault.message}" for fault in faults)
        raise RequestRefused(
            f"The file {name} is no JSONL with a row on each line: {told}",
            param="data_source.source.id",
            code="invalid_file",
        )
    return total

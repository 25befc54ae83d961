"""`client.files.*` of the official SDK (evals-api §3)."""

import time
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy import RowMapping
from starlette.responses import Response, StreamingResponse

from grader_service import jsontext
from grader_service.errors import RequestRefused
from grader_service.evals import ids
from grader_service.evals.answers import (
    FileAnswer,
    FileDeleted,
    FileList,
    file_answer,
    listed,
)
from grader_service.http import documented
from grader_service.http.caller import TENANT
from grader_service.http.errors import JsonAnswer
from grader_service.http.form import UploadForm
from grader_service.http.json_route import read_pieces, too_large
from grader_service.http.listing import page_of
from grader_service.http.prefixes import Operation, prefixed
from grader_service.store import files
from grader_service.store.database import Database
from grader_service.store.uploads import uploading

PURPOSES: Final = ("evals", "fine-tune", "user_data", "assistants", "batch", "vision")
MOST_LISTED: Final = 10_000
SHORTEST_SECONDS, LONGEST_SECONDS = 3600, 30 * 24 * 3600


async def create_file(request: Request) -> Response:
    """Upload a file; what is in it is looked at when a run uses it."""
    form = UploadForm(request.headers.get("content-type", ""))
    state = request.scope["state"]
    now = int(time.time())
    values = {
        "tenant": request.scope[TENANT],
        "id": ids.new_file(),
        "created_at": now,
        "purpose": "",
        "filename": '""',
    }
    async with uploading(state["database"], values) as upload:
        async for piece in read_pieces(request):
            for part in form.feed(piece):
                await upload.write(part)
            if upload.bytes > state["max_file_bytes"]:
                raise too_large(state["max_file_bytes"], "file", "GRADER_MAX_FILE_BYTES")
        form.close()
        told = {
            "purpose": _purpose(form),
            "filename": jsontext.dumps(form.filename).decode(),
            "expires_at": _expires_at(form, now),
        }
        async with state["database"].writing() as connection:
            row = await upload.finish(connection, "there", **told)
    return JsonAnswer(file_answer(row))


def _purpose(form: UploadForm) -> str:
    purpose = form.fields.get("purpose")
    if purpose is None:
        raise RequestRefused("Missing required parameter: 'purpose'.", param="purpose")
    if purpose not in PURPOSES:
        supported = ", ".join(repr(word) for word in PURPOSES)
        raise RequestRefused(
            f"Invalid value for 'purpose': {purpose[:40]!r}. Supported values are: {supported}.",
            param="purpose",
        )
    return purpose


def _expires_at(form: UploadForm, now: int) -> int | None:
    anchor = form.fields.get("expires_after[anchor]")
    seconds = form.fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise RequestRefused(
            "Invalid value for 'expires_after.anchor': only 'created_at' is supported.",
            param="expires_after.anchor",
        )
    if seconds is None or not (seconds.isascii() and seconds.isdigit() and len(seconds) < 9):
        raise RequestRefused(
            "Invalid type for 'expires_after.seconds': expected an integer.",
            param="expires_after.seconds",
        )
    if not SHORTEST_SECONDS <= int(seconds) <= LONGEST_SECONDS:
        raise RequestRefused(
            f"Invalid value for 'expires_after.seconds': between {SHORTEST_SECONDS} and {LONGEST_SECONDS} are possible.",
            param="expires_after.seconds",
        )
    return now + int(seconds)


async def list_files(request: Request) -> dict[str, Any]:
    """Files, the newest first."""
    page = page_of(request, order="desc", most=MOST_LISTED, default=MOST_LISTED)
    purpose = request.query_params.get("purpose")
    rows, more = await files.page_of(
        _database(request), request.scope[TENANT], _known(purpose), page
    )
    return listed([file_answer(row) for row in rows], more)


def _known(purpose: str | None) -> str | None:
    """No file has a purpose that cannot be given; a database is not asked for strange text."""
    return purpose if purpose is None or purpose in PURPOSES else ""


async def show_file(request: Request) -> FileAnswer:
    """One file, without its content."""
    return file_answer(await _file(request))


async def delete_file(request: Request) -> FileDeleted:
    """Delete a file; a run that still reads it fails."""
    row = await _file(request)
    if not await files.remove(_database(request), request.scope[TENANT], row["id"]):
        raise _missing(row["id"])
    return {"id": row["id"], "object": "file", "deleted": True}


async def show_content(request: Request) -> Response:
    """The bytes that were uploaded."""
    row = await _file(request)
    chunks: AsyncIterator[bytes] = files.chunks(_database(request), row["key"])
    return StreamingResponse(
        chunks,
        media_type="application/octet-stream",
        headers={"content-length": str(row["bytes"]), "x-content-type-options": "nosniff"},
    )


def _database(request: Request) -> Database:
    database: Database = request.scope["state"]["database"]
    return database


async def _file(request: Request) -> RowMapping:
    file_id = request.path_params["file_id"]
    row = None
    if ids.is_possible(file_id):
        row = await files.find(_database(request), request.scope[TENANT], file_id)
    if row is None:
        raise _missing(file_id)
    return row


def _missing(file_id: str) -> RequestRefused:
    return RequestRefused(f"No file has the id {file_id[:100]!r}.", status=404, param="file_id")


OPERATIONS: Final = (
    Operation(
        "files_create",
        "POST",
        "/files",
        create_file,
        FileAnswer,
        documented.new_file,
        also=(408, 413, 415, 429),
    ),
    Operation("files_list", "GET", "/files", list_files, FileList, documented.list_of_files),
    Operation(
        "files_show", "GET", "/files/{file_id}", show_file, FileAnswer, documented.of_file, (404,)
    ),
    Operation(
        "files_delete",
        "DELETE",
        "/files/{file_id}",
        delete_file,
        FileDeleted,
        documented.of_file,
        (404,),
    ),
    Operation(
        "files_content",
        "GET",
        "/files/{file_id}/content",
        show_content,
        None,
        documented.of_file,
        (404,),
    ),
)


def router() -> APIRouter:
    return prefixed("files", OPERATIONS)

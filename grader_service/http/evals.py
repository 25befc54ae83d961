"""`client.evals.*` of the official SDK: the eval itself (evals-api §1)."""

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy import RowMapping
from starlette.responses import Response

from grader_service import jsontext
from grader_service.errors import RequestRefused
from grader_service.evals import criteria, data_source_config, ids
from grader_service.evals.answers import (
    EvalAnswer,
    EvalDeleted,
    EvalList,
    eval_answer,
    listed,
)
from grader_service.evals.bodies import CreateEval, UpdateEval
from grader_service.http import documented
from grader_service.http.caller import TENANT
from grader_service.http.errors import JsonAnswer
from grader_service.http.listing import choice, page_of
from grader_service.http.prefixes import Operation, prefixed
from grader_service.store import evals


async def create_eval(body: CreateEval, request: Request) -> Response:
    """Say what data looks like and by what it is graded; every criterion is checked."""
    state = request.scope["state"]
    warnings = await criteria.check(body.testing_criteria, state["engines"])
    warnings += data_source_config.warnings(body.data_source_config, body.testing_criteria)
    now = int(time.time())
    row = await evals.add(
        state["database"],
        {
            "tenant": request.scope[TENANT],
            "id": ids.new_eval(),
            "created_at": now,
            "updated_at": now,
            "label": label(body.name, body.metadata),
            "config": _text(data_source_config.shown(body.data_source_config)),
            "criteria": criteria.kept(body.testing_criteria),
            "warnings": _text(warnings),
        },
    )
    return JsonAnswer(eval_answer(row), status_code=201)


async def list_evals(request: Request) -> dict[str, Any]:
    """Evals, the oldest first."""
    order_by = choice(request, "order_by", ("created_at", "updated_at"), "created_at")
    rows, more = await evals.page_of(
        request.scope["state"]["database"],
        request.scope[TENANT],
        order_by or "created_at",
        page_of(request),
    )
    return listed([eval_answer(row) for row in rows], more)


async def show_eval(request: Request) -> EvalAnswer:
    """One eval."""
    return eval_answer(await eval_of(request))


async def update_eval(body: UpdateEval, request: Request) -> EvalAnswer:
    """Change the name or the metadata, or both."""
    row = await eval_of(request)
    before = jsontext.kept(row["label"])
    name = before["name"] if body.name is None else body.name
    metadata = before["metadata"] if body.metadata is None else body.metadata
    changed = await evals.change(
        request.scope["state"]["database"],
        row["key"],
        _text({**before, "name": name, "metadata": metadata}),
        int(time.time()),
    )
    if changed is None:
        raise missing_eval(row["id"])
    return eval_answer(changed)


async def delete_eval(request: Request) -> EvalDeleted:
    """Delete an eval with its runs and their items."""
    eval_id = request.path_params["eval_id"]
    state = request.scope["state"]
    gone = ids.is_possible(eval_id) and await evals.remove(
        state["database"], request.scope[TENANT], eval_id
    )
    if not gone:
        raise missing_eval(eval_id)
    state["runner"].nudge()
    return {"object": "eval.deleted", "deleted": True, "eval_id": eval_id}


async def eval_of(request: Request) -> RowMapping:
    """The caller's eval that the path names.

    Raises:
        RequestRefused: 404.
    """
    eval_id = request.path_params["eval_id"]
    row = None
    if ids.is_possible(eval_id):
        row = await evals.find(request.scope["state"]["database"], request.scope[TENANT], eval_id)
    if row is None:
        raise missing_eval(eval_id)
    return row


def missing_eval(eval_id: str) -> RequestRefused:
    return RequestRefused(f"No eval has the id {eval_id[:100]!r}.", status=404, param="eval_id")


def label(name: str | None, metadata: Mapping[str, str] | None) -> str:
    """As it is stored."""
    return _text({"name": name or "", "metadata": metadata or {}})


def evals_url(request: Request) -> str:
    """Where this caller found the evals, as it spelled the host."""
    found = re.match(r".*?/evals", request.scope["path"])
    host = request.headers.get("host", "localhost")
    return f"{request.scope['scheme']}://{host}{found[0] if found else ''}"


def _text(value: Any) -> str:
    return jsontext.dumps(value).decode()


OPERATIONS: Final = (
    Operation(
        "evals_create",
        "POST",
        "/evals",
        create_eval,
        EvalAnswer,
        also=(408, 413, 415, 429),
        status=201,
    ),
    Operation("evals_list", "GET", "/evals", list_evals, EvalList, documented.list_of_evals),
    Operation(
        "evals_show", "GET", "/evals/{eval_id}", show_eval, EvalAnswer, documented.of_eval, (404,)
    ),
    Operation(
        "evals_update",
        "POST",
        "/evals/{eval_id}",
        update_eval,
        EvalAnswer,
        documented.of_eval,
        (404, 408, 413, 415, 429),
    ),
    Operation(
        "evals_delete",
        "DELETE",
        "/evals/{eval_id}",
        delete_eval,
        EvalDeleted,
        documented.of_eval,
        (404,),
    ),
)


def router() -> APIRouter:
    return prefixed("evals", OPERATIONS)

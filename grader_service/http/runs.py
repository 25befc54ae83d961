"""`client.evals.runs.*` of the official SDK: runs and their output items (evals-api §1)."""

import time
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import TypeAdapter
from sqlalchemy import RowMapping
from starlette.responses import Response

from grader_service import jsontext
from grader_service.errors import RequestRefused
from grader_service.evals import criteria, data_source_config, ids
from grader_service.evals.answers import (
    ItemAnswer,
    ItemList,
    RunAnswer,
    RunDeleted,
    RunList,
    item_answer,
    listed,
    run_answer,
)
from grader_service.evals.bodies import CreateRun
from grader_service.evals.incoming import IncomingRun
from grader_service.evals.new_run import accept
from grader_service.evals.row_schema import RowSchema
from grader_service.events import RunEnded
from grader_service.http import documented
from grader_service.http.caller import TENANT
from grader_service.http.errors import JsonAnswer
from grader_service.http.evals import eval_of, evals_url
from grader_service.http.json_route import check_content_type, checked, read_pieces
from grader_service.http.listing import choice, page_of
from grader_service.http.prefixes import Operation, prefixed
from grader_service.store import items, runs

RUN_STATUSES: Final = ("queued", "in_progress", "completed", "canceled", "failed")
ITEM_STATUSES: Final = ("pass", "fail", "error")

_CREATE_RUN: TypeAdapter[CreateRun] = TypeAdapter(CreateRun)


async def create_run(request: Request) -> Response:
    """Begin to grade the rows of a data source; what is wrong with a row is told now, with its place."""
    row = await eval_of(request)
    check_content_type(request)
    criteria.check_gradable(row["criteria"])
    state = request.scope["state"]
    schema = RowSchema(data_source_config.item_schema(jsontext.kept(row["config"])))
    async with IncomingRun(
        state["database"], request.scope[TENANT], int(time.time()), schema
    ) as incoming:
        data = await incoming.read(read_pieces(request))
        body = checked(_CREATE_RUN, data)
        sampler = state["engines"].sampler
        run = await accept(row, body, data["data_source"], incoming, sampler)
    state["runner"].nudge()
    return JsonAnswer(run_answer(run, row["id"], evals_url(request)), status_code=201)


async def list_runs(request: Request) -> dict[str, Any]:
    """Runs of an eval, the oldest first."""
    row = await eval_of(request)
    status = choice(request, "status", RUN_STATUSES, None)
    found, more = await runs.page_of(
        request.scope["state"]["database"], row["key"], status, page_of(request)
    )
    url = evals_url(request)
    return listed([run_answer(run, row["id"], url) for run in found], more)


async def show_run(request: Request) -> RunAnswer:
    """One run, with counts as they are now."""
    return run_answer(await _run(request), request.path_params["eval_id"], evals_url(request))


async def cancel_run(request: Request) -> RunAnswer:
    """End a run as it is; one that has ended stays as it is."""
    state = request.scope["state"]
    run = await _run(request)
    if await runs.cancel(state["database"], run["key"]):
        state["runner"].nudge()
        state["engines"].observe(RunEnded(run["id"], "canceled", 0.0))
    return await show_run(request)


async def delete_run(request: Request) -> RunDeleted:
    """Delete a run with its items."""
    state = request.scope["state"]
    run = await _run(request)
    await runs.remove(state["database"], run["key"])
    state["runner"].nudge()
    return {"object": "eval.run.deleted", "deleted": True, "run_id": run["id"]}


async def list_items(request: Request) -> dict[str, Any]:
    """Output items in the order of the rows, those that are there while the run is under way, too."""
    run = await _run(request)
    status = choice(request, "status", ITEM_STATUSES, None)
    found, more = await items.page_of(
        request.scope["state"]["database"], run["key"], status, page_of(request)
    )
    eval_id = request.path_params["eval_id"]
    return listed([item_answer(item, eval_id, run["id"]) for item in found], more)


async def show_item(request: Request) -> dict[str, Any]:
    """One output item."""
    run = await _run(request)
    item_id = request.path_params["output_item_id"]
    item = None
    if ids.is_possible(item_id):
        item = await items.find(request.scope["state"]["database"], run["key"], item_id)
    if item is None:
        raise RequestRefused(
            f"No output item of this run has the id {item_id[:100]!r}.",
            status=404,
            param="output_item_id",
        )
    return item_answer(item, request.path_params["eval_id"], run["id"])


async def _run(request: Request) -> RowMapping:
    eval_id, run_id = request.path_params["eval_id"], request.path_params["run_id"]
    run = None
    if ids.is_possible(eval_id) and ids.is_possible(run_id):
        run = await runs.find(
            request.scope["state"]["database"], request.scope[TENANT], eval_id, run_id
        )
    if run is None:
        raise RequestRefused(
            f"No run {run_id[:100]!r} of an eval {eval_id[:100]!r} is here.",
            status=404,
            param="run_id",
        )
    return run


_RUNS: Final = "/evals/{eval_id}/runs"
_RUN: Final = "/evals/{eval_id}/runs/{run_id}"

OPERATIONS: Final = (
    Operation(
        "runs_create",
        "POST",
        _RUNS,
        create_run,
        RunAnswer,
        documented.new_run,
        (404, 408, 413, 415, 429),
        201,
    ),
    Operation("runs_list", "GET", _RUNS, list_runs, RunList, documented.list_of_runs, (404,)),
    Operation("runs_show", "GET", _RUN, show_run, RunAnswer, documented.of_run, (404,)),
    Operation(
        "runs_cancel",
        "POST",
        f"{_RUN}/cancel",
        cancel_run,
        RunAnswer,
        documented.of_run,
        (404, 413, 429),
    ),
    Operation(
        "runs_cancel_short", "POST", _RUN, cancel_run, RunAnswer, documented.of_run, (404, 413, 429)
    ),
    Operation("runs_delete", "DELETE", _RUN, delete_run, RunDeleted, documented.of_run, (404,)),
    Operation(
        "items_list",
        "GET",
        f"{_RUN}/output_items",
        list_items,
        ItemList,
        documented.list_of_items,
        (404,),
    ),
    Operation(
        "items_show",
        "GET",
        f"{_RUN}/output_items/{{output_item_id}}",
        show_item,
        ItemAnswer,
        documented.of_item,
        (404,),
    ),
)


def router() -> APIRouter:
    return prefixed("evals", OPERATIONS)

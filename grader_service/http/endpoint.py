"""The face that training jobs call: graders of the catalogue by name, `{sample, item, trace_id}` in, `{"score"}` out."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from grader_service import jsontext
from grader_service.catalog import Catalogue, Entry
from grader_service.errors import RequestRefused
from grader_service.http.answers import Answers
from grader_service.http.auth import DOCUMENTED
from grader_service.http.caller import Caller, caller_of
from grader_service.http.failures import refuse_failed
from grader_service.http.json_route import BODY, JsonRoute
from grader_service.wire import ErrorAnswer, ScoreAnswer, ScoreRequest, masked, score_answer


class Listed(TypedDict):
    """One grader of the catalogue."""

    name: str
    type: str
    hash: str


class GraderList(TypedDict):
    graders: list[Listed]


class Shown(Listed):
    """A grader of the catalogue with its JSON, secrets masked."""

    grader: dict[str, object]


async def score(body: ScoreRequest, request: Request) -> Response:
    """Grade one sample. Not gradable through its own fault: 200, `valid` false. Through ours: 503, try again."""
    entry = _asked(request)
    caller = caller_of(request)
    give = partial(_score, entry, body, caller)
    if body.trace_id is None or not caller.use_cache:
        return _json(await give())
    answers: Answers = request.scope["state"]["answers"]
    question = (
        caller.tenant.encode(),
        entry.name.encode(),
        entry.hash.encode(),
        request.scope[BODY],
    )
    return _json(await answers.once(question, give))


def _json(answer: bytes) -> Response:
    return Response(answer, media_type="application/json")


async def _score(entry: Entry, body: ScoreRequest, caller: Caller) -> bytes:
    context = caller.context(body.item, body.sample, trace_id=body.trace_id, catalogue=entry.name)
    result = await entry.grader.grade(context)
    refuse_failed(result)
    answer: ScoreAnswer = score_answer(
        result, {"name": entry.name, "hash": entry.hash}, body.trace_id
    )
    return jsontext.dumps(answer)


async def list_graders(request: Request) -> GraderList:
    """The catalogue as it is served now."""
    return {"graders": [_listed(entry) for entry in _catalogue(request).entries.values()]}


async def show_grader(request: Request) -> Shown:
    """One grader with its JSON; header values of endpoint graders are masked."""
    entry = _asked(request)
    return {**_listed(entry), "grader": masked(entry.grader.spelled)}


def _listed(entry: Entry) -> Listed:
    return {"name": entry.name, "type": entry.grader.type, "hash": entry.hash}


def _catalogue(request: Request) -> Catalogue:
    catalogue: Catalogue = request.scope["state"]["catalogue"]
    return catalogue


def _asked(request: Request) -> Entry:
    return entry_of(_catalogue(request), request.path_params["name"], param="name")


def entry_of(catalogue: Catalogue, name: str, param: str) -> Entry:
    """The catalogue's grader of this name.

    Raises:
        RequestRefused: 404, there is none.
    """
    if name not in catalogue.entries:
        raise RequestRefused(
            f"The catalogue has no grader {name!r}; GET /graders lists what it has.",
            status=404,
            param=param,
        )
    return catalogue.entries[name]


NAME_PARAMETER: Mapping[str, object] = MappingProxyType(
    {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "Name in the catalogue.",
        "schema": {"type": "string"},
    }
)
"""As OpenAPI spells it; endpoints read it from the path."""


def router() -> APIRouter:
    routes = APIRouter(
        prefix="/graders",
        route_class=JsonRoute,
        tags=["catalogue"],
        dependencies=DOCUMENTED,
        responses={status: {"model": ErrorAnswer} for status in (401, 403)},
    )
    missing: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer}}
    named = {"parameters": [dict(NAME_PARAMETER)]}
    routes.add_api_route("", list_graders, response_model=GraderList, name="catalogue_list")
    routes.add_api_route(
        "/{name}",
        show_grader,
        response_model=Shown,
        responses=missing,
        name="catalogue_show",
        openapi_extra=named,
    )
    routes.add_api_route(
        "/{name}",
        score,
        methods=["POST"],
        response_model=ScoreAnswer,
        responses={
            status: {"model": ErrorAnswer} for status in (400, 404, 408, 413, 415, 429, 500, 503)
        },
        name="catalogue_score",
        openapi_extra=named,
    )
    return routes

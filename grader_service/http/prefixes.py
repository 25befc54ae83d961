"""The Evals and Files APIs under all that clients put before their paths: each answers the same (evals-api §0.6)."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from grader_service.http.auth import DOCUMENTED
from grader_service.http.json_route import JsonRoute
from grader_service.wire import ErrorAnswer

DOCUMENTED_PREFIX = "/v1"

PREFIXES = (
    DOCUMENTED_PREFIX,
    "",
    "/openai/v1",
    "/openai",
    "/openai/deployments",
    "/openai/deployments/{deployment}",
)
"""`OpenAI(base_url=…)` with and without /v1; `AzureOpenAI`, with and without a deployment."""

ANY_PREFIX = "|".join(re.sub(r"\{\w+\}", "[^/]+", prefix) for prefix in PREFIXES)
"""As a regular expression."""


BYTES: Final[dict[str, Any]] = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. `answer` is None for bytes; `documents` is a signature for the document; `also` are further statuses."""

    name: str
    method: str
    path: str
    endpoint: Callable[..., Awaitable[Any]]
    answer: type | None
    documents: Callable[..., None] | None = None
    also: tuple[int, ...] = ()
    status: int = 200


def prefixed(tag: str, operations: Sequence[Operation]) -> APIRouter:
    """A route for each operation and prefix, those of one prefix documented."""
    routes = APIRouter(route_class=JsonRoute, tags=[tag], dependencies=DOCUMENTED)
    for prefix in PREFIXES:
        for operation in operations:
            _add(routes, prefix, operation)
    return routes


def _add(routes: APIRouter, prefix: str, operation: Operation) -> None:
    """Only what is documented needs models: FastAPI makes validators of each, and keeps them."""
    if prefix != DOCUMENTED_PREFIX:
        routes.add_api_route(
            f"{prefix}{operation.path}",
            operation.endpoint,
            methods=[operation.method],
            response_model=None,
            name=operation.name,
            include_in_schema=False,
        )
        return
    documents = operation.documents
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorAnswer} for status in (400, 401, 403, 503, *operation.also)
    }
    plain: dict[str, Any] = {}
    if operation.answer is None:
        responses[200] = BYTES
        plain["response_class"] = Response  # of no media type, or errors would get it, too
    routes.add_api_route(
        f"{prefix}{operation.path}",
        operation.endpoint,
        methods=[operation.method],
        status_code=operation.status,
        response_model=operation.answer,
        responses=responses,
        dependencies=[] if documents is None else [Depends(documents)],
        name=operation.name,
        operation_id=operation.name,
        **plain,
    )

"""Who calls and with what: the part of the ASGI scope that the endpoints use."""

from dataclasses import dataclass

from fastapi import Request

from grader_service.graders.context import Engines

TENANT = "grader_service.tenant"
REQUEST_ID = "grader_service.request_id"
"""Keys of the ASGI scope, set by `auth.Auth` and `request_id.RequestId`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`tenant` is the name of the API key, "" where there are no keys."""

    engines: Engines
    deadline_seconds: float
    tenant: str
    request_id: str


def caller_of(request: Request) -> Caller:
    scope = request.scope
    state = scope["state"]
    return Caller(state["engines"], state["deadline_seconds"], scope[TENANT], scope[REQUEST_ID])

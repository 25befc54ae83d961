"""What people and machines that run the service look at: alive, ready, metrics."""

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response
from typing_extensions import TypedDict

from grader_service.http.json_route import JsonRoute
from grader_service.metrics import CONTENT_TYPE


class Alive(TypedDict):
    status: str


class SandboxState(TypedDict):
    """Which engine runs python graders, and why."""

    engine: str
    ready: bool
    reason: str


class CatalogueState(TypedDict):
    """Names served, and the faults ("file:line: message") of files that are not, or not in their newest form."""

    graders: int
    faults: list[str]


class KeysState(TypedDict):
    """How many API keys are valid, and what is wrong with the newest form of their file."""

    valid: int
    faults: list[str]


class Ready(TypedDict):
    """`status` is "ready", or "degraded" where something is served from an older state or not at all."""

    status: str
    sandbox: SandboxState
    catalogue: CatalogueState
    keys: KeysState


async def healthz(request: Request) -> Alive:
    """The process answers."""
    return {"status": "ok"}


async def readyz(request: Request) -> Ready:
    """The service can take work; what is degraded says so, but takes no replica out of rotation."""
    state = request.scope["state"]
    sandbox = state["engines"].sandbox.status()
    catalogue = state["catalogue"]
    keyring = state["keyring"]
    return {
        "status": "degraded" if catalogue.faults or keyring.faults else "ready",
        "sandbox": {"engine": sandbox.engine, "ready": sandbox.ready, "reason": sandbox.reason},
        "catalogue": {"graders": len(catalogue.entries), "faults": list(catalogue.faults)},
        "keys": {"valid": len(keyring), "faults": list(keyring.faults)},
    }


async def metrics(request: Request) -> Response:
    """Prometheus text."""
    return Response(request.scope["state"]["metrics"].exposition(), media_type=CONTENT_TYPE)


def router() -> APIRouter:
    routes = APIRouter(route_class=JsonRoute, tags=["operations"])
    routes.add_api_route("/healthz", healthz, response_model=Alive)
    routes.add_api_route("/readyz", readyz, response_model=Ready)
    routes.add_api_route("/metrics", metrics, response_class=PlainTextResponse)
    return routes

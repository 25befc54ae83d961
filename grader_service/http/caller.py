"""Who calls and with what: the part of the ASGI scope that the endpoints use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from grader_service.graders.context import Context, Engines

TENANT = "grader_service.tenant"
REQUEST_ID = "grader_service.request_id"
"""Keys of the ASGI scope, set by `auth.Auth` and `request_id.RequestId`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`tenant` is the name of the API key, "" where there are no keys.

    `use_cache` is False where the request said `cache-control: no-store`: no answer of the judge
    or of this server is taken from memory, or kept.
    """

    engines: Engines
    deadline_seconds: float
    tenant: str
    request_id: str
    use_cache: bool

    def context(
        self,
        item: Mapping[str, Any],
        sample: Mapping[str, Any],
        *,
        trace_id: str | None = None,
        catalogue: str | None = None,
        of_batch: bool = False,
    ) -> Context:
        """What a grader gets for this caller's sample."""
        return Context(
            item=item,
            sample=sample,
            engines=self.engines,
            tenant=self.tenant,
            trace_id=trace_id,
            catalogue=catalogue,
            request_id=self.request_id,
            deadline_seconds=self.deadline_seconds,
            use_cache=self.use_cache,
            of_batch=of_batch,
        )


def caller_of(request: Request) -> Caller:
    scope = request.scope
    state = scope["state"]
    return Caller(
        engines=state["engines"],
        deadline_seconds=state["deadline_seconds"],
        tenant=scope[TENANT],
        request_id=scope[REQUEST_ID],
        use_cache=not any(
            name == b"cache-control" and b"no-store" in value.lower()
            for name, value in scope["headers"]
        ),
    )

"""Endpoint graders where no host is allowed."""

from typing import Final

from grader_service.endpoints.base import Call
from grader_service.errors import EndpointOff

REASON: Final = "endpoint graders are off; allow the scorer's host in GRADER_ENDPOINT_HOSTS"


class NoEndpoints:
    """Implements `Endpoints` by refusing."""

    async def score(self, call: Call) -> float:
        raise EndpointOff(REASON)

    def check(self, url: str) -> list[str]:
        return [REASON]

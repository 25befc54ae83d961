"""Opens the calls to users' scorers that the settings allow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grader_service.endpoints.base import Endpoints
from grader_service.endpoints.off import NoEndpoints
from grader_service.settings import Settings


@asynccontextmanager
async def open_endpoints(settings: Settings) -> AsyncIterator[Endpoints]:
    """Raises CannotStart where GRADER_ENDPOINT_HOSTS holds something that is no host."""
    if not settings.endpoint_hosts:
        yield NoEndpoints()
        return
    from grader_service.endpoints.http import open_http  # noqa: PLC0415 - aiohttp costs memory, and is off by default

    async with open_http(
        settings.endpoint_hosts, settings.endpoint_timeout_seconds, settings.processes
    ) as endpoints:
        yield endpoints

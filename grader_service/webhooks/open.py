"""Opens the way to the webhooks that the settings allow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from grader_service.endpoints.allowed import Allowed
from grader_service.endpoints.posting import NoPosting, Posting
from grader_service.events import Observe
from grader_service.settings import Settings
from grader_service.store.database import Database
from grader_service.webhooks.sender import sending

OFF: Final = "webhooks are off; allow the receiver's host in GRADER_WEBHOOK_HOSTS"


@asynccontextmanager
async def open_webhooks(
    settings: Settings, database: Database, observe: Observe
) -> AsyncIterator[Posting]:
    """What waits in the store is sent while the block lasts.

    Raises:
        CannotStart: GRADER_WEBHOOK_HOSTS holds something that is no host.
    """
    if not settings.webhook_hosts:
        yield NoPosting(OFF)
        return
    from grader_service.endpoints.guarded import open_guarded  # noqa: PLC0415 - aiohttp costs memory, and is off by default

    allowed = Allowed("GRADER_WEBHOOK_HOSTS", settings.webhook_hosts)
    async with open_guarded(allowed, "the webhook") as guarded, sending(database, guarded, observe):
        yield guarded

"""Sends the events that wait in the store, again and again until they are taken or too old."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import RowMapping

from grader_service.endpoints.posting import AnswerTooLarge, NotPermitted, Posting, Unreachable
from grader_service.errors import StoreUnavailable
from grader_service.events import Observe, StoreFailed, WebhookOutcome, WebhookSent
from grader_service.store import deliveries
from grader_service.store.database import Database
from grader_service.webhooks import events

POLL_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 15.0
CLAIM_SECONDS: Final = TIMEOUT_SECONDS + 5
"""So long nobody else sends what a server has taken; after them it died."""
AT_ONCE: Final = 16
MAX_ANSWER_BYTES: Final = 65536
WAITS: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds before the second, third, … try; the last of them before all further ones."""
GIVE_UP_SECONDS: Final = 72 * 3600
"""After these an event is let go, as the hosted service does."""


class Sender:
    """At least once, by whichever server comes first; the receiver tells doubles by `webhook-id`."""

    def __init__(self, database: Database, posting: Posting, observe: Observe) -> None:
        self._database = database
        self._posting = posting
        self._observe = observe

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self._send_due():
                await asyncio.sleep(POLL_SECONDS)

    async def _send_due(self) -> bool:
        """Whether there was anything; a database that is away for a while ends nothing."""
        try:
            due = await deliveries.claim(self._database, AT_ONCE, CLAIM_SECONDS)
        except StoreUnavailable as error:
            self._observe(StoreFailed(str(error)))
            return False
        async with asyncio.TaskGroup() as group:
            for delivery in due:
                group.create_task(self._send(delivery))
        return bool(due)

    async def _send(self, delivery: RowMapping) -> None:
        """What cannot be written down is sent again when the claim ends."""
        try:
            await self._settle(delivery)
        except StoreUnavailable as error:
            self._observe(StoreFailed(str(error)))

    async def _settle(self, delivery: RowMapping) -> None:
        outcome = await self._outcome(delivery)
        if outcome == "failed":
            wait = WAITS[min(delivery["tries"], len(WAITS)) - 1]
            await deliveries.postpone(self._database, delivery["key"], wait)
        else:
            await deliveries.remove(self._database, delivery["key"])
        self._observe(WebhookSent(outcome, delivery["endpoint_id"], delivery["event_id"]))

    async def _outcome(self, delivery: RowMapping) -> WebhookOutcome:
        old = time.time() - delivery["created_at"] > GIVE_UP_SECONDS
        try:
            status = await post(self._posting, dict(delivery))
        except NotPermitted:
            return "given_up"
        except Unreachable:
            status = 0
        if 200 <= status < 300:
            return "delivered"
        return "given_up" if old or status == 410 else "failed"  # 410: gone for good


async def post(posting: Posting, delivery: Mapping[str, Any]) -> int:
    """Send one event once; returns the status of the answer.

    Raises:
        NotPermitted, Unreachable: see there.
    """
    content = events.body(
        delivery["event_id"], delivery["event_type"], delivery["subject"], delivery["created_at"]
    )
    now = time.time()
    keys = [delivery["secret"]]
    if delivery["old_secret"] is not None and delivery["old_secret_until"] > now:
        keys.append(delivery["old_secret"])
    headers = events.headers(delivery["event_id"], int(now), content, keys)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer = await posting.post(delivery["url"], content, headers, MAX_ANSWER_BYTES)
    except TimeoutError:
        raise Unreachable(f"no answer within {TIMEOUT_SECONDS:g} s") from None
    except AnswerTooLarge:
        return 200  # it was taken; what it says is of no interest
    return answer.status


@asynccontextmanager
async def sending(database: Database, posting: Posting, observe: Observe) -> AsyncIterator[None]:
    """Events are sent while the block lasts."""
    task = asyncio.create_task(Sender(database, posting, observe).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])

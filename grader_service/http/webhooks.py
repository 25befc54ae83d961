"""`client.webhooks.*` of the official SDK: a tenant says where events about its runs shall be sent."""

import time
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from sqlalchemy import RowMapping

from grader_service import jsontext
from grader_service.endpoints.posting import NotPermitted, Posting, Unreachable
from grader_service.errors import RequestRefused
from grader_service.evals import ids
from grader_service.evals.answers import listed
from grader_service.http import documented
from grader_service.http.caller import TENANT
from grader_service.http.listing import page_of
from grader_service.http.prefixes import Operation, prefixed
from grader_service.store import deliveries, webhooks
from grader_service.store.database import Database
from grader_service.webhooks import events, sender
from grader_service.webhooks.bodies import (
    CreateWebhook,
    EventTypeList,
    RotateSecret,
    TestWebhook,
    UpdateWebhook,
    WebhookAnswer,
    WebhookDeleted,
    WebhookList,
    WebhookTested,
    WebhookWithSecret,
    webhook_answer,
    with_secret,
)

MOST_ENDPOINTS: Final = 20
"""Of one tenant: each is one more request for every run that ends."""

OLD_SECRET_SECONDS: Final = 24 * 3600


async def create_webhook(body: CreateWebhook, request: Request) -> WebhookWithSecret:
    """Send events to one more address, from now on."""
    _permit(request, body.url)
    if await webhooks.count(_database(request), request.scope[TENANT]) >= MOST_ENDPOINTS:
        raise RequestRefused(
            f"There are {MOST_ENDPOINTS} webhook endpoints already; delete one first."
        )
    now = int(time.time())
    row = await webhooks.add(
        _database(request),
        {
            "tenant": request.scope[TENANT],
            "id": ids.new_webhook(),
            "created_at": now,
            "updated_at": now,
            "name": body.name,
            "url": body.url,
            "event_types": _kept(body.event_types),
            "secret": events.new_secret(),
        },
    )
    return with_secret(row)


async def list_webhooks(request: Request) -> dict[str, Any]:
    """Webhook endpoints, the oldest first."""
    rows, more = await webhooks.page_of(_database(request), request.scope[TENANT], page_of(request))
    return listed([webhook_answer(row) for row in rows], more)


async def show_webhook(request: Request) -> WebhookAnswer:
    """One webhook endpoint."""
    return webhook_answer(await _webhook(request))


async def update_webhook(body: UpdateWebhook, request: Request) -> WebhookAnswer:
    """Change the name, the address or the event types."""
    if body.url is not None:
        _permit(request, body.url)
    given: dict[str, Any] = body.model_dump(exclude_none=True)
    if body.event_types is not None:
        given["event_types"] = _kept(body.event_types)
    return webhook_answer(await _change(request, given))


async def delete_webhook(request: Request) -> WebhookDeleted:
    """Delete an endpoint; what still waits to be sent there is let go."""
    webhook_id = request.path_params["webhook_endpoint_id"]
    gone = ids.is_possible(webhook_id) and await webhooks.remove(
        _database(request), request.scope[TENANT], webhook_id
    )
    if not gone:
        raise _missing(webhook_id)
    return {"id": webhook_id, "object": "webhook_endpoint.deleted", "deleted": True}


async def rotate_secret(body: RotateSecret, request: Request) -> WebhookWithSecret:
    """Sign with a new secret, and for a day with the old one, too, if that is wanted."""
    row = await _webhook(request)
    keeps = body.keep_old_secret_active_for_24_hours
    return with_secret(
        await _change(
            request,
            {
                "secret": events.new_secret(),
                "old_secret": row["secret"] if keeps else None,
                "old_secret_until": time.time() + OLD_SECRET_SECONDS if keeps else None,
            },
        )
    )


async def test_webhook(body: TestWebhook, request: Request) -> WebhookTested:
    """Send a sample event at once, and tell how it was answered."""
    row = await _webhook(request)
    sample = {
        **row,
        "event_id": deliveries.new_event_id(),
        "event_type": body.event_type,
        "subject": ids.new_run(),
        "created_at": int(time.time()),
    }
    try:
        status = await sender.post(_posting(request), sample)
    except (NotPermitted, Unreachable) as error:
        raise RequestRefused(str(error), code="webhook_unreachable") from None
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": row["id"],
        "event_type": body.event_type,
        "status_code": status,
        "success": True,
    }


async def list_event_types(_request: Request) -> EventTypeList:
    """All that this service sends."""
    return {"object": "list", "data": list(get_args(deliveries.EventType))}


def _database(request: Request) -> Database:
    database: Database = request.scope["state"]["database"]
    return database


def _posting(request: Request) -> Posting:
    posting: Posting = request.scope["state"]["webhooks"]
    return posting


def _permit(request: Request, url: str) -> None:
    try:
        _posting(request).permit(url)
    except NotPermitted as error:
        raise RequestRefused(str(error), param="url") from None


def _kept(event_types: list[Any]) -> str:
    return jsontext.dumps(list(dict.fromkeys(event_types))).decode()


async def _webhook(request: Request) -> RowMapping:
    webhook_id = request.path_params["webhook_endpoint_id"]
    row = None
    if ids.is_possible(webhook_id):
        row = await webhooks.find(_database(request), request.scope[TENANT], webhook_id)
    if row is None:
        raise _missing(webhook_id)
    return row


async def _change(request: Request, given: dict[str, Any]) -> RowMapping:
    row = await _webhook(request)
    values = {**given, "updated_at": int(time.time())}
    changed = await webhooks.change(_database(request), row["key"], values) if given else row
    if changed is None:
        raise _missing(row["id"])
    return changed


def _missing(webhook_id: str) -> RequestRefused:
    return RequestRefused(
        f"No webhook endpoint has the id {webhook_id[:100]!r}.",
        status=404,
        param="webhook_endpoint_id",
    )


_ONE: Final = "/webhook_endpoints/{webhook_endpoint_id}"
_SENT: Final = (408, 413, 415, 429)

OPERATIONS: Final = (
    Operation(
        "webhooks_create",
        "POST",
        "/webhook_endpoints",
        create_webhook,
        WebhookWithSecret,
        also=_SENT,
    ),
    Operation(
        "webhooks_list",
        "GET",
        "/webhook_endpoints",
        list_webhooks,
        WebhookList,
        documented.list_of_webhooks,
    ),
    Operation(
        "webhooks_show", "GET", _ONE, show_webhook, WebhookAnswer, documented.of_webhook, (404,)
    ),
    Operation(
        "webhooks_update",
        "POST",
        _ONE,
        update_webhook,
        WebhookAnswer,
        documented.of_webhook,
        (404, *_SENT),
    ),
    Operation(
        "webhooks_delete",
        "DELETE",
        _ONE,
        delete_webhook,
        WebhookDeleted,
        documented.of_webhook,
        (404,),
    ),
    Operation(
        "webhooks_rotate_secret",
        "POST",
        f"{_ONE}/rotate_secret",
        rotate_secret,
        WebhookWithSecret,
        documented.of_webhook,
        (404, *_SENT),
    ),
    Operation(
        "webhooks_test",
        "POST",
        f"{_ONE}/test",
        test_webhook,
        WebhookTested,
        documented.of_webhook,
        (404, *_SENT),
    ),
    Operation(
        "webhooks_event_types", "GET", "/webhook_event_types", list_event_types, EventTypeList
    ),
)


def router() -> APIRouter:
    return prefixed("webhooks", OPERATIONS)

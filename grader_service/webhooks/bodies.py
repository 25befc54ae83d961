"""What the webhook routes are sent and answer, as the SDK's `client.webhooks` spells it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import RowMapping
from typing_extensions import TypedDict

from grader_service import jsontext
from grader_service.store.deliveries import EventType
from grader_service.webhooks.events import hint

_STRICT = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
"""PostgreSQL keeps no text with a NUL in it."""

Url = Annotated[str, Field(min_length=1, max_length=2048)]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=100)]


class CreateWebhook(BaseModel):
    """Where events shall be sent."""

    model_config = _STRICT

    name: Name
    url: Url
    event_types: EventTypes


class UpdateWebhook(BaseModel):
    """What shall be different; the rest stays."""

    model_config = _STRICT

    name: Name | None = None
    url: Url | None = None
    event_types: EventTypes | None = None


class RotateSecret(BaseModel):
    """Whether events are signed with the old secret, too, for a day."""

    model_config = _STRICT

    keep_old_secret_active_for_24_hours: bool = False


class TestWebhook(BaseModel):
    """The type of the event that is sent as a sample."""

    model_config = _STRICT

    event_type: EventType


class WebhookAnswer(TypedDict):
    """A webhook endpoint."""

    id: str
    object: str
    created_at: int
    updated_at: int
    name: str
    url: str
    event_types: list[str]
    signing_secret_hint: str


class WebhookWithSecret(WebhookAnswer):
    """With the secret, which is told when it is made and never again."""

    signing_secret: str


class WebhookList(TypedDict):
    object: str
    data: list[WebhookAnswer]
    first_id: str | None
    last_id: str | None
    has_more: bool


class WebhookDeleted(TypedDict):
    id: str
    object: str
    deleted: bool


class WebhookTested(TypedDict):
    """The status that the endpoint answered with."""

    object: str
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: bool


class EventTypeList(TypedDict):
    object: str
    data: list[str]


def webhook_answer(row: RowMapping) -> WebhookAnswer:
    return {
        "id": row["id"],
        "object": "webhook_endpoint",
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "name": row["name"],
        "url": row["url"],
        "event_types": jsontext.loads(row["event_types"]),
        "signing_secret_hint": hint(row["secret"]),
    }


def with_secret(row: RowMapping) -> WebhookWithSecret:
    return {**webhook_answer(row), "signing_secret": row["secret"]}

"""What a webhook is sent, and the signature by which its receiver knows the sender.

The form is that of Standard Webhooks, as `client.webhooks.unwrap` of the official SDK checks it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any, Final

from grader_service import jsontext

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Base64 behind a prefix, as the SDK decodes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def hint(secret: str) -> str:
    """Enough of a secret to tell it from another."""
    return f"{PREFIX}…{secret[-4:]}"


def body(event_id: str, event_type: str, subject: str, created_at: int) -> bytes:
    """The event about a run, the same bytes at every try."""
    event: dict[str, Any] = {
        "id": event_id,
        "object": "event",
        "created_at": created_at,
        "type": event_type,
        "data": {"id": subject},
    }
    return jsontext.dumps(event)


def headers(event_id: str, sent_at: int, content: bytes, keys: Iterable[str]) -> dict[str, str]:
    """A signature for each secret that is valid now; receivers take any of them."""
    signed = f"{event_id}.{sent_at}.".encode() + content
    signatures = (
        base64.b64encode(hmac.new(_decoded(key), signed, hashlib.sha256).digest()).decode()
        for key in keys
    )
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        "user-agent": "grader-service",
    }


def _decoded(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))

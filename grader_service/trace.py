"""Where traces hang: spans around work, and the header that tells another service which span asks it."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Final, Protocol

TRACEPARENT: Final[ContextVar[str]] = ContextVar("traceparent", default="")
"""The header's value for the span that is open in this task; "" without traces."""


class Trace(Protocol):
    """Opens spans; attributes hold no text of a sample, an item or a grader."""

    def span(self, name: str, **attributes: str) -> AbstractContextManager[object]:
        """A span around a block, inside the one that is open in this task."""
        ...


def outgoing() -> dict[str, str]:
    """Headers for a request that is sent to another service."""
    traceparent = TRACEPARENT.get()
    return {"traceparent": traceparent} if traceparent else {}

"""The seam between the endpoint grader and the scorers of users."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pydantic import SecretStr

MASK: Final = "**********"
"""What stands for a header's value wherever a grader is echoed (grader-api §9.4)."""

DEFAULT_RATE_LIMIT: Final = 50
"""Requests a second to one URL, as the hosted service has it (grader-api §9.2)."""


def masked(headers: Mapping[str, Any]) -> dict[str, str]:
    """The headers with their names alone."""
    return dict.fromkeys(headers, MASK)


@dataclass(frozen=True, slots=True)
class Call:
    """One sample for a scorer: `sample`, `item` and `trace_id` are the body, `rate_limit` is in requests a second."""

    url: str
    sample: Mapping[str, Any]
    item: Mapping[str, Any]
    trace_id: str
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    rate_limit: int = DEFAULT_RATE_LIMIT


class Endpoints(Protocol):
    """Calls scorers; safe to call concurrently. Its lifetime is an async context manager elsewhere."""

    async def score(self, call: Call) -> float:
        """The finite number that the scorer gives (retries are inside).

        Raises:
            EndpointOff: this URL is not allowed, by its host or by what the host resolves to.
            EndpointBodyTooLarge: the sample and the item are more than a scorer takes.
            EndpointUnavailable, EndpointAnswerInvalid: the scorer's side.
        """
        ...

    def check(self, url: str) -> list[str]:
        """Warnings about a URL; raises `InvalidGrader` where it can never be called."""
        ...

"""The seam to hosts that only an operator can open: posting, and what can come of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from grader_service.endpoints.allowed import Target


class NotPermitted(Exception):
    """This URL may not be called, by what it says or by what its name leads to; the text says why."""


class Unreachable(Exception):
    """No answer, or none that was whole; another try may have one. The text says why."""


class AnswerTooLarge(Exception):
    """The answer has more bytes than were allowed."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


class Posting(Protocol):
    """Posts JSON; redirects are answers, cookies are none."""

    def permit(self, url: str) -> Target:
        """By what the URL says; what its name leads to is looked at when it is connected to.

        Raises:
            NotPermitted: its host is not among the allowed.
        """
        ...

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], max_answer_bytes: int
    ) -> Answer:
        """Once. The answer's bytes are counted after decompression; what is above the limit is never read.

        Raises:
            NotPermitted, Unreachable, AnswerTooLarge: see there.
        """
        ...


class NoPosting:
    """Implements `Posting` where no host is allowed; `reason` says which setting would."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def permit(self, url: str) -> Target:
        raise NotPermitted(self._reason)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], max_answer_bytes: int
    ) -> Answer:
        raise NotPermitted(self._reason)

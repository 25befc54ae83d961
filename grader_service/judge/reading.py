"""What the readers of both APIs hand on: one output, in words that belong to neither."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Broken(ValueError):
    """An answer with status 200 that is not what was asked for; says what it lacks."""


class Unfinished(Exception):
    """The upstream answered that it failed. `again`: it may go better another time."""

    def __init__(self, details: str, *, again: bool) -> None:
        super().__init__(details)
        self.details = details
        self.again = again


@dataclass(frozen=True, slots=True)
class Output:
    """What the model said, called and thought; `calls` are tool calls in the chat form."""

    content: str | None
    refusal: str | None
    calls: Sequence[Mapping[str, Any]]
    finish_reason: str
    reasoning: str | None
    audio: Mapping[str, Any] | None = None
    hosted_calls: Sequence[Mapping[str, Any]] = field(default=())

    def message(self) -> dict[str, Any]:
        """The assistant's message in the chat form."""
        return {
            "role": "assistant",
            "content": self.content,
            "refusal": self.refusal,
            "tool_calls": list(self.calls),
            "audio": self.audio,
        }


def text_or_none(value: Any) -> str | None:
    """The string that has something in it, else None."""
    return value if isinstance(value, str) and value else None


def json_text(value: Any) -> str:
    """The arguments of a call: JSON as text on the wire, though some servers send the object."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

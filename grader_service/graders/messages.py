"""The messages of model graders, in every form that the wire has (grader-api §2), and how they become a prompt.

Every string leaf is a template: text, the address of an image, the data of a sound. What a template
brings in stays inside its leaf, so a sample can neither end a message nor add one.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from grader_service.graders.base import TemplateText

Render = Callable[[str], str]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class TextPart(_Part):
    """`output_text` is a text that an assistant wrote; a judge reads both the same."""

    type: Literal["input_text", "output_text"]
    text: TemplateText

    def chat(self, render: Render) -> dict[str, Any]:
        return {"type": "text", "text": render(self.text)}


class ImagePart(_Part):
    """An address or a `data:` URL; it is the upstream that fetches an address, never this service."""

    type: Literal["input_image"]
    image_url: TemplateText
    detail: Literal["auto", "low", "high", "original"] | None = None

    def chat(self, render: Render) -> dict[str, Any]:
        image = {"url": render(self.image_url)}
        if self.detail is not None:
            image["detail"] = self.detail
        return {"type": "image_url", "image_url": image}


class Audio(_Part):
    """Base64 in `data`."""

    data: TemplateText
    format: Literal["mp3", "wav"]


class AudioPart(_Part):
    """A sound, as bytes in the prompt."""

    type: Literal["input_audio"]
    input_audio: Audio

    def chat(self, render: Render) -> dict[str, Any]:
        audio = {"data": render(self.input_audio.data), "format": self.input_audio.format}
        return {"type": "input_audio", "input_audio": audio}


def _form(value: Any) -> str:
    """Which of the forms a piece of content has, so that errors speak of that form alone."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object"


def _check_piece(value: Any) -> Any:
    if not isinstance(value, str | dict | BaseModel):
        raise ValueError('write a string, or an object as {"type": "input_text", "text": "…"}')
    return value


def _check_content(value: Any) -> Any:
    return value if isinstance(value, list) else _check_piece(value)


Part = Annotated[TextPart | ImagePart | AudioPart, Field(discriminator="type")]

Piece = Annotated[
    Annotated[TemplateText, Tag("string")] | Annotated[Part, Tag("object")],
    Discriminator(_form),
    BeforeValidator(_check_piece),
]

Content = Annotated[
    Annotated[TemplateText, Tag("string")]
    | Annotated[list[Piece], Field(min_length=1), Tag("array")]
    | Annotated[Part, Tag("object")],
    Discriminator(_form),
    BeforeValidator(_check_content),
]


class Message(_Part):
    """One message of a grader's `input`."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    type: Literal["message"] | None = None

    def chat(self, render: Render) -> dict[str, Any]:
        """The message in the chat format: a string, or a single text object, stays a plain string."""
        return {"role": self.role, "content": chat_content(self.content, render)}


def chat_content(
    content: str | list[Any] | TextPart | ImagePart | AudioPart, render: Render
) -> Any:
    """Content in the chat format; `render` is called with each string leaf."""
    if isinstance(content, str):
        return render(content)
    if isinstance(content, TextPart):
        return render(content.text)
    pieces = content if isinstance(content, list) else [content]
    return [
        {"type": "text", "text": render(piece)} if isinstance(piece, str) else piece.chat(render)
        for piece in pieces
    ]


def _at_least_one(messages: list[Message]) -> list[Message]:
    if not messages:
        raise ValueError("a judge needs at least one message")
    return messages


Messages = Annotated[list[Message], AfterValidator(_at_least_one)]

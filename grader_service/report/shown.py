"""One sample as a reader of the page sees it: prompt, output, the row's other fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from grader_service import jsontext
from grader_service.datasets.records import Record
from grader_service.report.visible import line, visible

MOST_CHARACTERS: Final = 8_000
MOST_CHARACTERS_OF_FIELD: Final = 2_000
MOST_FIELDS: Final = 12
FOLDED_FROM: Final = 280

_PROMPTS: Final = ("messages", "prompt", "question", "problem", "input", "query")


@dataclass(frozen=True, slots=True)
class Text:
    """`left_out` characters of the end are not shown; `folded` has both ends of a long text, else ""."""

    label: str
    shown: str
    folded: str
    left_out: int


@dataclass(frozen=True, slots=True)
class Shown:
    """`output` comes first for a reader who compares; `causes` are lines."""

    index: int
    n: int
    reward: float
    state: str
    prompt: Text | None
    output: Text
    fields: tuple[Text, ...]
    more_fields: int
    parts: tuple[tuple[str, float], ...]
    causes: tuple[str, ...]


def shown(record: Record) -> Shown:
    item = record["item"] or {}
    prompt_key = next((key for key in _PROMPTS if _is_prompt(item.get(key))), None)
    others = [(key, value) for key, value in item.items() if key != prompt_key]
    return Shown(
        record["index"],
        record["n"],
        record["reward"],
        record["state"],
        None if prompt_key is None else _text(prompt_key, _prompt(item[prompt_key])),
        _text("output", output_of(record["sample"])),
        tuple(
            _text(line(key, 60), _plain(value), MOST_CHARACTERS_OF_FIELD)
            for key, value in others[:MOST_FIELDS]
        ),
        max(0, len(others) - MOST_FIELDS),
        tuple((line(name, 60), reward) for name, reward in record["parts"].items()),
        tuple(_causes(record)),
    )


def output_of(sample: Mapping[str, Any] | None) -> str:
    """The text, with the tools that were called behind it."""
    if sample is None:
        return "(not in the file)"
    parts = [sample.get("output_text"), sample.get("output_tools")]
    return "\n\n".join(_plain(part) for part in parts if part) or "(empty)"


def _is_prompt(value: Any) -> bool:
    return isinstance(value, str | list) and bool(value)


def _prompt(value: Any) -> str:
    """Messages as `role: content`, the last ones being what the model answered."""
    if isinstance(value, str):
        return value
    return "\n\n".join(_message(message) for message in value)


def _message(message: Any) -> str:
    if isinstance(message, dict) and "role" in message:
        return f"{_plain(message['role'])}: {_content(message.get('content'))}"
    return _plain(message)


def _content(content: Any) -> str:
    """Texts among the parts as they are."""
    if not isinstance(content, list):
        return _plain(content)
    return "\n".join(
        _plain(part.get("text", part) if isinstance(part, dict) else part) for part in content
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else jsontext.dumps(value).decode()


def _text(label: str, whole: str, most: int = MOST_CHARACTERS) -> Text:
    text = visible(whole[:most])
    long = len(text) > FOLDED_FROM or text.count("\n") > 6
    return Text(label, text, _ends(text) if long else "", max(0, len(whole) - most))


def _ends(text: str) -> str:
    """Rows of one dataset often differ only at the end."""
    return f"{line(text[:80], 80)} … {line(text[-80:], 80)}"


def _causes(record: Record) -> Iterator[str]:
    for cause in record["causes"]:
        where = f"{line(cause['where'], 60)}: " if cause["where"] else ""
        yield f"{where}{line(cause['kind'], 60)}: {line(cause['details'], 400)}"

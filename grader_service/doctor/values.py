"""Values of a row: which of them may be the reference, and what would be a wrong answer in its place."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from grader_service.doctor.outputs import Slot

MAX_OTHERS = 9
PROMPT_KEYS = frozenset(
    {
        "messages", "tools", "prompt", "question", "query", "instruction", "instructions", "input",
        "problem", "task", "context", "system", "id", "passage", "document", "source", "metadata",
    }
)  # fmt: skip
_OPTION = re.compile(r"^\s*(?:[-*]\s*)?\(?([A-H])[.):]\s+(\S.{0,120})$", re.MULTILINE)
_QUOTED = re.compile(r"[\"'“‘`]([^\"'“”‘’`\n]{1,60})[\"'”’`]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_PAIRS = (("yes", "no"), ("true", "false"), ("positive", "negative", "neutral"), ("pass", "fail"))
_WORDS = ("Reykjavik", "a blue heron", "magnesium", "Tuesday", "the left bank", "seventeen kites", "oak bark", "Ulan Bator", "copper wire")  # fmt: skip
_SENTENCES = (
    "Heavy rain delayed all ferries until the early evening.",
    "My uncle repairs old clocks in a cellar near the harbour.",
    "Nobody could explain why the garden gate stood open again.",
    "Seven kites were drifting over the frozen lake that morning.",
    "Copper roofs slowly turn green when sea air reaches them.",
    "She learned to juggle during a long train journey north.",
    "Bread made with rye keeps longer than most people think.",
    "Two goats had eaten half of the posters before the vote.",
    "An old map showed a well where now a cinema stands.",
)


def text_of(value: Any) -> str:
    """As templates render it."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def references(
    item: Mapping[str, Any], keys: Sequence[str], inner: Sequence[str] = ()
) -> dict[str, Any]:
    """The item's values that an answer may be compared with: those of `keys`, else all but the task's own texts.

    Of an object its own values too, where one of `inner` names them.
    """
    chosen = [key for key in keys if key in item and key not in PROMPT_KEYS]
    if not chosen:
        chosen = [key for key in item if key not in PROMPT_KEYS]
    found: dict[str, Any] = {}
    for key in chosen:
        value = item[key]
        found[key] = value
        if isinstance(value, Mapping):
            found |= {name: value[name] for name in value if name in (*keys, *inner)}
    return {key: value for key, value in found.items() if text_of(value).strip()}


def prompt_of(item: Mapping[str, Any]) -> str:
    """The last thing that the user says in the row, or what stands for it; "" where there is none."""
    messages = item.get("messages")
    if isinstance(messages, list):
        for message in reversed(messages):
            content = message.get("content") if isinstance(message, dict) else None
            if isinstance(content, str):
                return content
    texts = [item[key] for key in item if key in PROMPT_KEYS and isinstance(item[key], str)]
    return max(texts, key=len, default="")


def slot_of(value: Any, siblings: Iterable[Any], prompt: str) -> Slot:
    """The slot for a reference; `siblings` are the same field's values in other rows."""
    text = text_of(value)
    known = [*map(text_of, siblings), *_enumerated(text, prompt)]
    others = _wrong(text, [*known, *_invented(text)])
    return Slot(text, tuple(others[:MAX_OTHERS]), value)


def _wrong(text: str, candidates: Iterable[str]) -> list[str]:
    """Those that are wrong for certain: neither the value nor a text that contains it."""
    folded = " ".join(text.casefold().split())
    return [
        each
        for each in dict.fromkeys(candidates)
        if each.strip() and folded not in " ".join(each.casefold().split())
    ]


def _enumerated(text: str, prompt: str) -> Iterator[str]:
    """The choices that the prompt offers, where the value is one of them."""
    options = _OPTION.findall(prompt)
    for choices in ([letter for letter, _ in options], [choice.strip() for _, choice in options]):
        if text.strip() in choices:
            yield from choices
    quoted = _QUOTED.findall(prompt)
    if text.strip().casefold() in [each.casefold() for each in quoted]:
        yield from quoted


def _invented(text: str) -> Iterator[str]:
    stripped = text.strip()
    for words in _PAIRS:
        if stripped.casefold() in words:
            yield from (_cased_like(stripped, word) for word in words)
            return
    if _NUMBER.fullmatch(stripped):
        number = float(stripped) if "." in stripped else int(stripped)
        yield from (str(number + step) for step in (1, -1, 2, 7, -3, 10, 31, 100, 1000, 12345))
    elif re.fullmatch(r"[A-Ha-h]", stripped):
        yield from (_cased_like(stripped, letter) for letter in "ABCDEFGH")
    else:
        yield from _SENTENCES if len(stripped.split()) >= 4 else _WORDS


def _cased_like(model: str, word: str) -> str:
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[:1].isupper() else word

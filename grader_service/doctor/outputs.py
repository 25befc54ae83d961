"""What an attack sends, and how answers are wrapped in the form that a grader reads."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grader_service.sample import sample_of

SHOWN_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool; `arguments` is JSON text, as models write it."""

    name: str
    arguments: str = "{}"

    def chat(self, number: int) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": f"call_{number}", "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Output:
    """A model's output: text, tool calls; `given` is a whole sample namespace that somebody brought."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    given: Mapping[str, Any] | None = field(default=None, hash=False)

    def sample(self) -> dict[str, Any]:
        """The `sample` namespace (grader-api §7)."""
        if self.given is not None:
            return dict(self.given)
        sample = sample_of(self.text)
        if self.calls:
            calls = [call.chat(number) for number, call in enumerate(self.calls)]
            sample["output_tools"] = calls
            sample["choices"][0]["message"]["tool_calls"] = calls
        return sample

    def shown(self) -> str:
        """Short and on one line; unprintable characters as escapes."""
        calls = "".join(f" + call {call.name}({call.arguments})" for call in self.calls)
        return shortened(self.text) + calls[:SHOWN_CHARACTERS]


def shortened(text: str) -> str:
    """The beginning and the end of a text as a Python literal; its length where it was cut."""
    if len(text) <= SHOWN_CHARACTERS:
        return ascii(text) if not text.isprintable() or not text.strip() else repr(text)
    head, tail = text[:110], text[-30:]
    return f"{head!a} … {tail!a} ({len(text):,} characters)"


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of an answer: the right value (`raw` as the row has it), and values that are wrong but plausible."""

    value: str
    others: tuple[str, ...] = ()
    raw: Any = None

    def candidates(self) -> list[str]:
        """All of them; the right one stands neither first nor last where there are enough."""
        middle = (len(self.others) + 1) // 2
        return [*self.others[:middle], self.value, *self.others[middle:]]


Fill = Callable[[Slot], str]
Shape = Callable[[Fill], Output]
"""An answer's form: `shape(fill)` is the output in which every slot holds what `fill` makes of it."""


def right(slot: Slot) -> str:
    return slot.value


def changed(fill: Fill, change: Callable[[str], str]) -> Fill:
    """What `fill` makes of a slot, changed."""
    return lambda slot: change(fill(slot))


def constant(text: str) -> Fill:
    return lambda _slot: text


def other(number: int) -> Fill:
    """The wrong value of that number; the last one where there are fewer, something odd where there are none."""

    def fill(slot: Slot) -> str:
        return slot.others[min(number, len(slot.others) - 1)] if slot.others else "zzqx"

    return fill


def text_shape(slot: Slot, before: str = "", after: str = "") -> Shape:
    """The value in running text."""
    return lambda fill: Output(f"{before}{fill(slot)}{after}")


def json_value(slot: Slot, text: str) -> Any:
    """What stands for `text` in JSON: the row's own value where the text is unchanged."""
    return slot.raw if text == slot.value and slot.raw is not None else text


def json_shape(slots: Mapping[str, Slot]) -> Shape:
    """An object with a key for each slot."""

    def shape(fill: Fill) -> Output:
        filled = {key: json_value(slot, fill(slot)) for key, slot in slots.items()}
        return Output(json.dumps(filled, ensure_ascii=False))

    return shape


def calls_shape(calls: tuple[ToolCall, ...]) -> Shape:
    """The right calls; every other filling makes a call of its text."""

    def shape(fill: Fill) -> Output:
        names = [fill(Slot(call.name, ("no_such_tool", "noop"))) for call in calls]
        kept = tuple(
            call if name == call.name else ToolCall(name or "none")
            for call, name in zip(calls, names, strict=True)
        )
        return Output("", kept)

    return shape


def slots_of(shape: Shape) -> list[Slot]:
    """The slots that a shape fills, in its order."""
    found: list[Slot] = []

    def note(slot: Slot) -> str:
        found.append(slot)
        return slot.value

    shape(note)
    return found

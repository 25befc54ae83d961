"""The rows that are attacked: some of the dataset's, or made up from what the grader names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader_service.doctor.outputs import Output
from grader_service.doctor.subject import Subject
from grader_service.graders.text_similarity import TextSimilarity
from grader_service.template import Variable

_WORDS = ("Lisbon", "Nairobi", "Quito", "Oslo", "Hanoi", "Perth", "Dakar", "Lima", "Turin")
_NUMBERS = (42, 17, 306)
_SENTENCES = (
    "The old lighthouse keeper paints a small wooden boat every winter.",
    "Fresh snow had covered the narrow road between both mountain villages.",
    "A quiet orchestra rehearsed until the caretaker switched off the lights.",
    "Three engineers measured the bridge twice before the first train crossed.",
    "Her notebook lists every bird that visited the balcony since March.",
    "The bakery on our corner sells dark bread with roasted walnuts.",
)
_PROMPT = "Solve the task of this row, and write the answer in the required form."


@dataclass(frozen=True, slots=True)
class AttackRow:
    """One row. `index` is the dataset's, -1 for a row that was made up; `samples` are outputs of a model to it."""

    index: int
    item: Mapping[str, Any]
    samples: tuple[Output, ...] = ()

    @property
    def made_up(self) -> bool:
        return self.index < 0


def made_up(subject: Subject) -> list[AttackRow]:
    """Three rows with a value wherever the grader reads one: words, numbers, sentences."""
    variables = [each for each in subject.variables if each.namespace == "item"]
    keys = list(subject.facts.item_keys)
    prose = any(isinstance(part, TextSimilarity) for part in subject.parts)
    kinds: list[Sequence[Any]] = [_WORDS, _WORDS[3:], _WORDS[6:]]
    if prose:
        kinds = [_SENTENCES, _SENTENCES[2:], _SENTENCES[4:]]
    elif subject.opaque:
        kinds = [_WORDS, _NUMBERS, _SENTENCES]
    return [AttackRow(-1, _item(variables, keys, kind)) for kind in kinds]


def _item(
    variables: Sequence[Variable], keys: Sequence[str], values: Sequence[Any]
) -> dict[str, Any]:
    item: dict[str, Any] = {}
    paths = dict.fromkeys(
        [*(each.path for each in variables if each.path), *((key,) for key in keys)]
    )
    for number, path in enumerate(paths):
        if path[0] != "messages":
            _place(item, path, values[number % len(values)])
    return {"messages": [{"role": "user", "content": _PROMPT}], **item}


def _place(item: dict[str, Any], path: Sequence[str | int], value: Any) -> None:
    """Objects and arrays as the path walks through them; a value that stands in the way stays."""
    place: Any = item
    for step, following in zip(path, [*path[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(place, dict):
            place = place.setdefault(str(step), fresh)
        elif isinstance(place, list) and isinstance(step, int):
            place.extend([fresh] * (max(step, 0) + 1 - len(place)))
            place = place[step]
        else:
            return

"""The forms that a judge's answer can have, and the strict readers of each: a verdict is read or refused, never guessed.

The schema is the one that the hosted service asks for, `steps` before `result` (grader-api §8.3).
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grader_service.errors import JudgeAnswerInvalid

SHOWN_CHARACTERS: Final = 200

_NUMBER: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER_LINE: Final = re.compile(
    rf"(?:(?:final )?(?:score|result|rating|grade) ?[:=] ?)?({_NUMBER})", re.IGNORECASE
)
_LABEL_PREFIX: Final = re.compile(
    r"(?:final )?(?:label|result|answer|grade) ?[:=] ?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number; `low` and `high` reach the judge in the description of `result` alone."""

    low: float
    high: float
    name: str = "float_score_classification"

    def schema(self) -> dict[str, Any]:
        description = f"The float score assigned to the response. This should be in inclusive range {self.low:g} to {self.high:g}."
        return _schema({"type": "number", "description": description})

    def read_json(self, text: str) -> float:
        result = _result(text)
        if isinstance(result, bool) or not isinstance(result, int | float):
            raise _invalid("`result` is no number", text)
        return _finite(result, text)

    def read_last_line(self, text: str) -> float:
        """Takes `7`, `-0.5`, `Score: 7`, `Result = 0.5`, `Final score: 1` and each of them in `**`; not `7/10`, `7.`, `1,000` or `80%`."""
        found = _NUMBER_LINE.fullmatch(_without_bold(_last_line(text)))
        if found is None:
            raise _invalid("its last line is no number", text)
        return _finite(float(found[1]), text)


@dataclass(frozen=True, slots=True)
class Label:
    """One of a closed set of words."""

    labels: Sequence[str]
    name: str = "label_classification"

    def schema(self) -> dict[str, Any]:
        return _schema(
            {
                "type": "string",
                "enum": list(self.labels),
                "description": "The label assigned to the response.",
            }
        )

    def read_json(self, text: str) -> str:
        result = _result(text)
        if not isinstance(result, str) or result not in self.labels:
            raise _invalid("`result` is none of the labels", text)
        return result

    def read_last_line(self, text: str) -> str:
        """Takes a label exactly as it is spelled, after `Label:` or alone, and each of them in `**`."""
        line = _last_line(text)
        for spelled in (line, _without_bold(line)):
            for candidate in (spelled, _LABEL_PREFIX.sub("", spelled, count=1)):
                if candidate in self.labels:
                    return candidate
        raise _invalid("its last line is none of the labels", text)


def _schema(result: dict[str, Any]) -> dict[str, Any]:
    step = {
        "type": "object",
        "properties": {
            "description": {
                "type": "string",
                "description": "Detailed description of the reasoning in this step.",
            },
            "conclusion": {
                "type": "string",
                "description": "The conclusion of the reasoning in this step.",
            },
        },
        "required": ["description", "conclusion"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "description": "A sequence of steps outlining the reasoning process.",
                "items": step,
            },
            "result": result,
        },
        "required": ["steps", "result"],
        "additionalProperties": False,
    }


def _result(text: str) -> Any:
    """`result` of an answer that fulfils the schema in all but `result` itself."""
    try:
        answer = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _invalid("it is no JSON", text) from None
    if not isinstance(answer, dict) or answer.keys() != {"steps", "result"}:
        raise _invalid("it is no JSON object of `steps` and `result`", text)
    steps = answer["steps"]
    if not isinstance(steps, list) or not all(_is_step(step) for step in steps):
        raise _invalid("`steps` is no list of descriptions and conclusions", text)
    return answer["result"]


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, dict)
        and step.keys() == {"description", "conclusion"}
        and all(isinstance(value, str) for value in step.values())
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values under one key would leave it to the parser which of them counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(number: float, text: str) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise _invalid("`result` is not finite", text)
    return value


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _without_bold(line: str) -> str:
    """`**Score: 7**`, `**Score:** 7` and `Score: **7**` without their stars."""
    return line.replace("**", "").strip() if line.count("**") == 2 else line


def _invalid(fault: str, text: str) -> JudgeAnswerInvalid:
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return JudgeAnswerInvalid(f"the judge's answer is not of the required form: {fault}: {shown!r}")

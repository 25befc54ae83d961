"""The form in which graders are planted for the doctor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.upstream import Answer, Received


@dataclass(frozen=True)
class Planted:
    """A grader, the attack that must find it (None: it is sound), rows or none, and how its judge thinks."""

    name: str
    grader: dict[str, Any]
    caught_by: str | None = None
    rows: tuple[dict[str, Any], ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    judge: Callable[[Received], Answer] | None = None


def string_check(
    operation: str, text: str = "{{sample.output_text}}", reference: str = "{{item.answer}}"
) -> dict[str, Any]:
    return {"type": "string_check", "operation": operation, "input": text, "reference": reference}


def similarity(
    metric: str, text: str = "{{sample.output_text}}", reference: str = "{{item.answer}}"
) -> dict[str, Any]:
    return {
        "type": "text_similarity",
        "evaluation_metric": metric,
        "input": text,
        "reference": reference,
    }


def multi(formula: str, **graders: dict[str, Any]) -> dict[str, Any]:
    return {"type": "multi", "graders": graders, "calculate_output": formula}


def python(source: str) -> dict[str, Any]:
    return {"type": "python", "source": source.strip() + "\n"}


def score_model(prompt: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "score_model",
        "model": "gpt-4o-2024-08-06",
        "input": [{"role": "user", "content": prompt}],
        **more,
    }


def label_model(prompt: str, labels: list[str], passing: list[str]) -> dict[str, Any]:
    return {
        "type": "label_model",
        "model": "gpt-4o-2024-08-06",
        "input": [{"role": "user", "content": prompt}],
        "labels": labels,
        "passing_labels": passing,
    }


def asked(text: str, **fields: Any) -> dict[str, Any]:
    """A training row."""
    return {"messages": [{"role": "user", "content": text}], **fields}


CITIES = (
    asked("What is the capital of France?", answer="Paris"),
    asked("What is the capital of Kenya?", answer="Nairobi"),
    asked("What is the capital of Peru?", answer="Lima"),
    asked("What is the capital of Norway?", answer="Oslo"),
)
SUMS = (
    asked("How much is 17 + 25?", answer="42"),
    asked("How much is 8 * 9?", answer="72"),
    asked("How much is 100 - 36?", answer="64"),
)
CHOICES = (
    asked("Which planet is largest?\n- A. Mars\n- B. Jupiter\n- C. Venus\n- D. Earth", answer="B"),
    asked(
        "Which gas do plants take in?\n- A. Helium\n- B. Neon\n- C. Argon\n- D. Carbon dioxide",
        answer="D",
    ),
    asked("Which metal is liquid?\n- A. Mercury\n- B. Iron\n- C. Tin\n- D. Zinc", answer="A"),
)
SENTENCES = (
    asked(
        "Summarise the report of the harbour.",
        answer="The harbour was closed for three days because of a heavy storm.",
    ),
    asked(
        "Summarise the report of the school.",
        answer="Pupils planted forty apple trees along the road to the village.",
    ),
    asked(
        "Summarise the report of the museum.",
        answer="A lost painting was found behind a cupboard in the cellar.",
    ),
)
DOUBLING = (
    asked(
        "Write `double(x)`.",
        entry_point="double",
        tests="assert double(2) == 4\nassert double(5) == 10",
        cases=[{"stdin": "5", "stdout": "10"}],
    ),
    asked(
        "Write `square(x)`.",
        entry_point="square",
        tests="assert square(2) == 4\nassert square(5) == 25",
        cases=[{"stdin": "5", "stdout": "25"}],
    ),
)

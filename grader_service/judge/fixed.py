"""A judge that asks nobody and always gives the same verdict, for looking at the rest of a grader at no cost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from grader_service.errors import Usage
from grader_service.judge.base import Embeddings, Form, Load, Question, Verdict

T = TypeVar("T")


class FixedJudge:
    """Implements `Judge`: the middle of every range, the first of all labels, one embedding for all texts."""

    async def complete(self, question: Question[T]) -> Verdict[T]:
        """Written as a judge would write it, and read by the question's own form."""
        text = json.dumps({"steps": [], "result": _middle(question.form)})
        return Verdict(question.form.read_json(text), text, "fixed", Usage())

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        return Embeddings([[1.0]] * len(texts), "fixed", Usage())

    def check_model(self, model: str) -> bool | None:
        return None

    def load(self) -> Mapping[str, Load]:
        return {}


def _middle(form: Form[Any]) -> Any:
    low, high = getattr(form, "low", 0.0), getattr(form, "high", 1.0)
    return form.schema()["properties"]["result"].get("enum", [(low + high) / 2])[0]

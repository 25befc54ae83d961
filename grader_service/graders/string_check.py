"""`string_check`: 1.0 where the comparison of two rendered texts holds, else 0.0 (grader-api §8.1)."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Literal

from grader_service.graders.base import Grader, TemplateText
from grader_service.graders.context import Context
from grader_service.graders.result import Score

OPERATIONS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "eq": lambda text, reference: text == reference,
        "ne": lambda text, reference: text != reference,
        "like": lambda text, reference: reference in text,
        "ilike": lambda text, reference: reference.casefold() in text.casefold(),
    }
)


class StringCheck(Grader):
    """`like` is containment without wildcards, `ilike` the same after full Unicode case folding; nothing is trimmed."""

    type: Literal["string_check"]
    operation: Literal["eq", "ne", "like", "ilike"]
    input: TemplateText
    reference: TemplateText

    waits: ClassVar[bool] = False

    def texts(self) -> Sequence[tuple[str, str]]:
        return (("input", self.input), ("reference", self.reference))

    def bounds(self) -> tuple[float, float]:
        return (0.0, 1.0)

    async def score(self, ctx: Context) -> Score:
        holds = OPERATIONS[self.operation](ctx.render(self.input), ctx.render(self.reference))
        return Score(1.0 if holds else 0.0)

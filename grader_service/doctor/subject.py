"""The grader under examination: its parts, what its texts compare, and what asking it costs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from grader_service import template
from grader_service.doctor.source import Facts, facts_of
from grader_service.graders.base import Grader
from grader_service.graders.label_model import LabelModel
from grader_service.graders.messages import TextPart
from grader_service.graders.model_grader import ModelGrader
from grader_service.graders.multi import Multi
from grader_service.graders.python import Python
from grader_service.graders.score_model import DEFAULT_RANGE, ScoreModel
from grader_service.graders.string_check import StringCheck
from grader_service.graders.text_similarity import TextSimilarity
from grader_service.template import Template, Variable

_ASKS_FOR_WORK = re.compile(
    r"\b(?:reasoning|explanation|explains?|justif\w+|show\w* (?:the |its |your )?(?:work|steps))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A text of the sample against a text of the row; `kind` is the operation or the metric."""

    kind: str
    sample: Template
    reference: Template

    @property
    def variable(self) -> Variable:
        return next(each for each in self.sample.variables if each.namespace == "sample")


@dataclass(frozen=True)
class Subject:
    """A grader, read as far as it can be read."""

    grader: Grader

    @cached_property
    def parts(self) -> tuple[Grader, ...]:
        """The grader itself, or the parts of a multi."""
        if isinstance(self.grader, Multi):
            return tuple(self.grader.graders.values())
        return (self.grader,)

    @cached_property
    def facts(self) -> Facts:
        """Of all python parts together."""
        sources = [part.source for part in self.parts if isinstance(part, Python)]
        return facts_of("\n".join(sources)) if sources else Facts()

    @cached_property
    def has_source(self) -> bool:
        return any(isinstance(part, Python) for part in self.parts)

    @cached_property
    def opaque(self) -> bool:
        """Whether a part computes in ways that no text here shows."""
        return any(part.type in ("python", "endpoint") for part in self.parts)

    @cached_property
    def judges(self) -> tuple[ModelGrader, ...]:
        return tuple(part for part in self.parts if isinstance(part, ModelGrader))

    @cached_property
    def judge_calls(self) -> int:
        """Questions to paid models in one grade."""
        cosines = [
            part
            for part in self.parts
            if isinstance(part, TextSimilarity) and part.evaluation_metric == "cosine"
        ]
        return len(self.judges) + len(cosines)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(found for part in self.parts for found in _comparison(part))

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """Texts of the grader itself that a sample is compared with."""
        return tuple(
            each.reference.text
            for each in self.comparisons
            if not each.reference.variables and each.kind != "ne"
        )

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """All that the grader's texts name."""
        return tuple(each for text in self._texts for each in template.parse(text).variables)

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        compared = [
            text
            for part in self.parts
            if isinstance(part, StringCheck | TextSimilarity)
            for text in (part.input, part.reference)
        ]
        return (*compared, *self.judge_texts)

    @cached_property
    def judge_texts(self) -> tuple[str, ...]:
        return tuple(text for judge in self.judges for text in _message_texts(judge))

    @cached_property
    def asks_for_work(self) -> bool:
        return any(_ASKS_FOR_WORK.search(text) for text in self.judge_texts)

    @cached_property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The labels of all label models: those that pass, and those that do not."""
        models = [part for part in self.parts if isinstance(part, LabelModel)]
        passing = tuple(label for model in models for label in model.passing_labels)
        return passing, tuple(
            label for model in models for label in model.labels if label not in passing
        )

    @cached_property
    def highest_scores(self) -> tuple[float, ...]:
        """The upper end of each score model's range."""
        return tuple(
            (part.range or DEFAULT_RANGE)[1] for part in self.parts if isinstance(part, ScoreModel)
        )

    @cached_property
    def ceiling(self) -> float:
        """What full marks are as far as the definition tells; a guess for code and formulas."""
        if len(self.highest_scores) == 1 and len(self.parts) == 1:
            return self.highest_scores[0]
        return max(1.0, self.grader.pass_threshold or 0.0)


def _comparison(part: Grader) -> Iterator[Comparison]:
    kind: str
    if isinstance(part, StringCheck):
        kind = part.operation
    elif isinstance(part, TextSimilarity):
        kind = part.evaluation_metric
    else:
        return
    sides = [template.parse(part.input), template.parse(part.reference)]
    of_sample = [any(each.namespace == "sample" for each in side.variables) for side in sides]
    if of_sample == [True, False]:
        yield Comparison(kind, sides[0], sides[1])
    elif of_sample == [False, True]:
        reverse = kind in ("like", "ilike")
        yield Comparison(f"{kind} reversed" if reverse else kind, sides[1], sides[0])


def _message_texts(judge: ModelGrader) -> Iterator[str]:
    for message in judge.input:
        content = message.content
        for piece in content if isinstance(content, list) else [content]:
            if isinstance(piece, str):
                yield piece
            elif isinstance(piece, TextPart):
                yield piece.text

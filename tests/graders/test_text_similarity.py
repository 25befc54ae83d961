"""The grader with scripted engines: what it asks of them, and what becomes of their answers."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from grader_service.errors import JudgeOff, JudgeUnavailable, TextTooSlow, Usage
from grader_service.graders.result import Result
from grader_service.graders.text_similarity import TextSimilarity
from grader_service.judge.base import Embeddings
from grader_service.judge.off import NoJudge
from grader_service.similarity.metrics import METRICS
from tests.fakes.engines import ScriptedSimilarity, make_context

GRADER = {
    "type": "text_similarity",
    "name": "alike",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
    "evaluation_metric": "bleu",
    "pass_threshold": 0.5,
}
COSINE = {"evaluation_metric": "cosine"}


class RefusingSimilarity:
    async def compare(self, metric: str, hypothesis: str, reference: str) -> float:
        raise TextTooSlow(f"{metric} did not end within 20 s")


class ScriptedJudge(NoJudge):
    """Embeds by a table of vectors."""

    def __init__(self, vectors: Mapping[str, Sequence[float]]) -> None:
        self.vectors = vectors
        self.tenants: list[str] = []

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        self.tenants.append(tenant)
        vectors = [self.vectors[text] for text in texts]
        return Embeddings(vectors, "embedding-model", Usage(prompt_tokens=7))


async def _grade(
    output: str = "hypothesis",
    answer: str = "reference",
    changes: Mapping[str, Any] = MappingProxyType({}),
    **engines: Any,
) -> Result:
    context = make_context({"answer": answer}, output, tenant="team", **engines)
    return await TextSimilarity.model_validate({**GRADER, **changes}).grade(context)


def test_the_metrics_of_the_wire_are_those_of_the_table_and_cosine() -> None:
    annotation = TextSimilarity.model_fields["evaluation_metric"].annotation
    assert set(get_args(annotation)) == {*METRICS, "cosine"}


@pytest.mark.parametrize("metric", ["BLEU", "rouge_6", "rouge_lsum", "", None])
def test_other_metrics_are_refused(metric: object) -> None:
    with pytest.raises(ValidationError):
        TextSimilarity.model_validate({**GRADER, "evaluation_metric": metric})


async def test_input_is_the_hypothesis() -> None:
    similarity = ScriptedSimilarity([0.25])
    result = await _grade(similarity=similarity)
    assert (result.reward, result.state) == (0.25, "value")
    assert similarity.asked == [("bleu", "hypothesis", "reference")]


async def test_text_that_cannot_be_compared_is_invalid_and_keeps_its_words() -> None:
    result = await _grade(changes={"invalid_grade": 0.1}, similarity=RefusingSimilarity())
    assert (result.reward, result.state) == (0.1, "invalid")
    causes = [(cause.flag, cause.details) for cause in result.causes]
    assert causes == [("other_error", "bleu did not end within 20 s")]


@pytest.mark.parametrize(
    ("hypothesis", "reference", "cosine"),
    [
        ([3.0, 4.0], [6.0, 8.0], 1.0),
        ([1.0, 0.0], [0.0, 2.0], 0.0),
        ([1, 0], [-3, 0], -1.0),
        ([0.0, 0.0], [1.0, 1.0], 0.0),
        ([0.1] * 3, [0.1] * 3, 1.0),
        ([1.0, 1.0], [1.0, 0.0], 0.5**0.5),
    ],
)
async def test_cosine(hypothesis: list[float], reference: list[float], cosine: float) -> None:
    judge = ScriptedJudge({"hypothesis": hypothesis, "reference": reference})
    result = await _grade(changes=COSINE, judge=judge)
    assert result.reward == pytest.approx(cosine, abs=1e-12)
    assert -1.0 <= result.reward <= 1.0
    assert result.usage == {"embedding-model": Usage(prompt_tokens=7)}
    assert judge.tenants == ["team"]


@pytest.mark.parametrize("vector", [[1.0], [float("nan"), 1.0], [float("inf"), 1.0], []])
async def test_vectors_that_cannot_be_compared_are_not_a_zero(vector: list[float]) -> None:
    judge = ScriptedJudge({"hypothesis": [1.0, 2.0], "reference": vector})
    result = await _grade(changes=COSINE, judge=judge)
    assert [cause.kind for cause in result.causes] == [JudgeUnavailable.kind]
    assert result.usage == {"embedding-model": Usage(prompt_tokens=7)}


async def test_cosine_without_a_judge_says_so() -> None:
    result = await _grade(changes=COSINE)
    assert result.state == "failed"
    causes = [(cause.flag, cause.kind) for cause in result.causes]
    assert causes == [("model_grader_server_error", JudgeOff.kind)]


@pytest.mark.parametrize(("output", "answer"), [("", ""), ("", "a"), ("a", "")])
async def test_cosine_of_nothing_is_zero(output: str, answer: str) -> None:
    result = await _grade(output, answer, COSINE)
    assert (result.reward, result.state) == (0.0, "value")

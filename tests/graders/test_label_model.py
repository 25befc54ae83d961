"""label_model: a word from a closed set."""

from typing import Any

import pytest
from pydantic import ValidationError

from grader_service.graders import GRADER
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import graded, label_model


@pytest.mark.parametrize(("label", "reward"), [("good", 1.0), ("bad", 0.0)])
async def test_a_passing_label_is_one_and_another_zero(label: str, reward: float) -> None:
    with serving_upstream(fake.verdict(label)) as upstream:
        result = await graded(upstream, label_model())
    assert (result.reward, result.state, result.sampled_model) == (reward, "value", fake.MODEL)
    schema = upstream.received[0].body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["result"]["enum"] == ["good", "bad"]
    assert list(schema["schema"]["properties"]) == ["steps", "result"]


@pytest.mark.parametrize("label", ["Good", "good ", "excellent", "", 1, None, ["good"], True])
async def test_another_word_is_no_grade(label: Any) -> None:
    with serving_upstream(fake.verdict(label)) as upstream:
        result = await graded(upstream, label_model())
    assert [cause.flag for cause in result.causes] == ["model_grader_parse_error"]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"labels": []}, "labels"),
        ({"labels": ["a", "a"]}, "labels"),
        ({"labels": ["", "good"]}, "labels"),
        ({"passing_labels": ["fine"]}, "passing_labels"),
        ({"passing_labels": "good"}, "passing_labels"),
    ],
)
def test_wrong_labels_are_refused_with_the_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GRADER.validate_python(label_model(**fields))
    assert any(place in fault["loc"] for fault in caught.value.errors())

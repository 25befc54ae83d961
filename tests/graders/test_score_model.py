"""score_model: what the judge is sent, and what becomes of its answer."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from grader_service.errors import InvalidGrader, Usage
from grader_service.graders import GRADER
from tests.fakes import upstream as fake
from tests.fakes.upstream import serving_upstream
from tests.judge.asking import MODEL, Seen, context, grade, graded, judging, score_model


async def test_a_verdict_is_the_reward_with_its_tokens_and_its_dated_model() -> None:
    with serving_upstream(fake.verdict(0.625)) as upstream:
        result = await graded(upstream, score_model())
    assert result.reward == 0.625
    assert result.state == "value"
    assert result.sampled_model == fake.MODEL
    assert result.usage == {fake.MODEL: Usage(100, 20, 120, 40)}


async def test_the_judge_is_sent_the_messages_the_schema_and_the_defaults() -> None:
    with serving_upstream(fake.verdict(3)) as upstream:
        await graded(upstream, score_model(range=[0, 5]))
    (request,) = upstream.received
    assert request.path == "/v1/chat/completions"
    schema = request.body.pop("response_format")
    assert request.body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Rate an answer"}],
        "temperature": 1.0,
        "top_p": 1.0,
        "max_tokens": 4096,
    }
    assert schema["type"] == "json_schema"
    assert schema["json_schema"]["name"] == "float_score_classification"
    assert schema["json_schema"]["strict"] is True
    properties = schema["json_schema"]["schema"]["properties"]
    assert list(properties) == ["steps", "result"]
    assert "inclusive range 0 to 5" in properties["result"]["description"]
    assert schema["json_schema"]["schema"]["required"] == ["steps", "result"]
    assert schema["json_schema"]["schema"]["additionalProperties"] is False

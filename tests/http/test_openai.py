"""The OpenAI face on the wire: bodies, answers, and each mistake with its place and its remedy."""

import json

import httpx
import pytest

from tests.definitions import ENDPOINT, MULTI, PYTHON, SCORE_MODEL, STRING_CHECK, body

RUN = "/v1/fine_tuning/alpha/graders/run"
VALIDATE = "/v1/fine_tuning/alpha/graders/validate"

ERROR_KEYS = [
    "formula_parse_error",
    "sample_parse_error",
    "sample_parse_error_details",
    "truncated_observation_error",
    "unresponsive_reward_error",
    "invalid_variable_error",
    "invalid_variable_error_details",
    "other_error",
    "python_grader_server_error",
    "python_grader_server_error_type",
    "python_grader_runtime_error",
    "python_grader_runtime_error_details",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_refusal_error_details",
    "model_grader_parse_error",
    "model_grader_parse_error_details",
    "model_grader_exceeded_max_tokens_error",
    "model_grader_server_error_details",
    "endpoint_grader_internal_error",
    "endpoint_grader_internal_error_details",
    "endpoint_grader_server_error",
    "endpoint_grader_server_error_details",
    "endpoint_grader_safety_check_error",
]


@pytest.fixture
def http(server: str):
    with httpx.Client(base_url=server) as client:
        yield client


def reward_and_errors(http: httpx.Client, sent: dict) -> tuple[float, dict]:
    answer = http.post(RUN, json=sent)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["reward"], {
        key: value for key, value in found["metadata"]["errors"].items() if value
    }


def refused(http: httpx.Client, grader: dict) -> tuple[str, str]:
    """Place and message of a grader that both routes refuse alike."""
    answers = [
        http.post(VALIDATE, json={"grader": grader}),
        http.post(RUN, json=body(grader)),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert answer.headers["x-should-retry"] == "false"
    validate, run = (answer.json()["error"] for answer in answers)
    assert validate == run
    assert validate["type"] == "invalid_request_error"
    return validate["param"], validate["message"]


def test_answer_has_the_keys_of_the_real_service_in_their_order(http: httpx.Client) -> None:
    answer = json.loads(http.post(RUN, json=body(STRING_CHECK)).text)
    assert list(answer) == [
        "reward",
        "metadata",
        "sub_rewards",
        "model_grader_token_usage_per_model",
    ]
    assert list(answer["metadata"]) == [
        "name",
        "type",
        "errors",
        "execution_time",
        "scores",
        "token_usage",
        "sampled_model_name",
    ]
    assert list(answer["metadata"]["errors"]) == ERROR_KEYS
    assert answer["metadata"]["scores"] == answer["sub_rewards"] == {}
    assert answer["metadata"]["token_usage"] is None


@pytest.mark.parametrize("prefix", ["/v1", "", "/openai/v1", "/openai"])
@pytest.mark.parametrize("route", ["run", "validate"])
def test_every_prefix(http: httpx.Client, prefix: str, route: str) -> None:
    path = f"{prefix}/fine_tuning/alpha/graders/{route}"
    assert http.post(path + "?api-version=2025-04-01-preview", json=body(STRING_CHECK)).is_success


def test_missing_variable(http: httpx.Client) -> None:
    reward, errors = reward_and_errors(http, body(STRING_CHECK, item={"anwser": "Paris"}))
    assert reward == 0.0
    assert set(errors) == {"invalid_variable_error", "invalid_variable_error_details"}
    assert "item.answer" in errors["invalid_variable_error_details"]
    assert "anwser" in errors["invalid_variable_error_details"]


def test_invalid_grade_replaces_zero(http: httpx.Client) -> None:
    grader = {**STRING_CHECK, "invalid_grade": -1.5}
    assert reward_and_errors(http, body(grader, item={}))[0] == -1.5


def test_sample_that_is_no_json(http: httpx.Client) -> None:
    grader = {**STRING_CHECK, "input": "{{sample.output_json.city}}"}
    assert reward_and_errors(http, body(grader, '{"city": "Paris"}')) == (1.0, {})
    reward, errors = reward_and_errors(http, body(grader, "Paris"))
    assert reward == 0.0
    assert set(errors) == {"sample_parse_error", "sample_parse_error_details"}


def test_old_sdks_reference_answer(http: httpx.Client) -> None:
    grader = {**STRING_CHECK, "reference": "{{item.reference_answer}}"}
    sent = {"grader": grader, "model_sample": "Paris", "reference_answer": "Paris"}
    assert reward_and_errors(http, sent) == (1.0, {})
    assert reward_and_errors(http, {**sent, "item": {"reference_answer": "Rome"}}) == (0.0, {})


def test_multi_rolls_its_parts_flags_up(http: httpx.Client) -> None:
    grader = {
        **MULTI,
        "graders": {
            "good": STRING_CHECK,
            "bad": {**STRING_CHECK, "input": "{{item.nowhere}}", "invalid_grade": 0.25},
        },
        "calculate_output": "good + bad",
    }
    reward, errors = reward_and_errors(http, body(grader))
    assert reward == 1.25
    assert errors["invalid_variable_error"] is True
    assert errors["invalid_variable_error_details"].startswith("bad: ")


def test_multi_with_a_failed_part_fails(http: httpx.Client) -> None:
    grader = {
        **MULTI,
        "graders": {"good": STRING_CHECK, "code": PYTHON},
        "calculate_output": "good + code",
        "invalid_grade": -2.0,
    }
    reward, errors = reward_and_errors(http, body(grader))
    assert reward == -2.0
    assert errors["python_grader_server_error"] is True


def test_division_by_zero(http: httpx.Client) -> None:
    grader = {**MULTI, "calculate_output": "near / (exact - exact)"}
    reward, errors = reward_and_errors(http, body(grader))
    assert reward == 0.0
    assert errors["other_error"] is True
    assert "zero" in errors["other_error_details"]


MISTAKES = [
    ({**PYTHON, "source": None, "code": "x"}, "grader.source", "string"),
    ({"type": "python", "code": "def grade(sample, item): return 1"}, "grader.source", "'code'"),
    ({**STRING_CHECK, "operation": "neq"}, "grader.operation", "'ne'"),
    ({**STRING_CHECK, "operation": "contains"}, "grader.operation", "'like'"),
    ({**STRING_CHECK, "input": "{{sample.output}}"}, "grader.input", "output_text"),
    ({**STRING_CHECK, "input": "{{items.answer}}"}, "grader.input", "item"),
    ({**STRING_CHECK, "input": "{{item.response}}}}"}, "grader.input", "}}"),
    ({**STRING_CHECK, "input": "{{item.response"}, "grader.input", "{{"),
    ({**STRING_CHECK, "pass_threshold": "0.5"}, "grader.pass_threshold", "0.5 without quotes"),
    ({**STRING_CHECK, "type": 5}, "grader.type", "an integer. Supported"),
    ({**STRING_CHECK, "type": None}, "grader.type", "null. Supported"),
    ({**STRING_CHECK, "type": "strincheck"}, "grader.type", "'string_check'"),
    (
        {"type": "python", "python": "def grade(sample, item): return 1"},
        "grader.source",
        "'python'",
    ),
    ({"type": "endpoint", "endpoint": "https://scorer.example"}, "grader.url", "'endpoint'"),
    (
        {**MULTI, "graders": {"python": {"type": "python", "python": ""}}},
        "grader.graders.python.source",
        "'python'",
    ),
    (
        {
            **SCORE_MODEL,
            "input": [{"role": "user", "content": [{"type": "input_text", "input_text": "x"}]}],
        },
        "grader.input[0].content[0].text",
        "Missing",
    ),
    (
        {
            **SCORE_MODEL,
            "input": [{"role": "user", "content": {"type": "input_text", "object": "x"}}],
        },
        "grader.input[0].content.text",
        "Missing",
    ),
    ({**STRING_CHECK, "input": 5}, "grader.input", "expected a string, but got an integer"),
    ({key: STRING_CHECK[key] for key in STRING_CHECK if key != "type"}, "grader.type", "Missing"),
    ({**MULTI, "calculate_output": "exact + nera"}, "grader.calculate_output", "near"),
    ({**MULTI, "calculate_output": "0.5 * exact + 0.5 * near)"}, "grader.calculate_output", ")"),
    ({**MULTI, "graders": [STRING_CHECK]}, "grader.graders", "object"),
    ({**MULTI, "graders": STRING_CHECK}, "grader.graders", "one grader"),
    ({**MULTI, "graders": {"a-b": STRING_CHECK}, "calculate_output": "1"}, "grader.graders", "a_b"),
    ({**MULTI, "graders": {"m": MULTI}, "calculate_output": "m"}, "grader.graders.m", "multi"),
    (
        {**MULTI, "graders": {"python": {"type": "python"}}, "calculate_output": "python"},
        "grader.graders.python.source",
        "Missing",
    ),
    (
        {**MULTI, "graders": {"a": {**STRING_CHECK, "input": "{{x}}"}}, "calculate_output": "a"},
        "grader.graders.a.input",
        "item",
    ),
    ({**PYTHON, "source": "def score(sample, item):\n    return 1"}, "grader.source", "grade"),
    ({**PYTHON, "source": "def grade(sample, item)\n    return 1"}, "grader.source", "line 1"),
    ({**PYTHON, "source": "def grade(sample):\n    return 1"}, "grader.source", "item"),
    ({**SCORE_MODEL, "input": []}, "grader.input", ""),
    ({**SCORE_MODEL, "input": "Score it"}, "grader.input", "expected an array"),
    ({**ENDPOINT, "url": "ftp://scorer.example"}, "grader.url", "https"),
    ("string_check", "grader", "expected an object"),
]


@pytest.mark.parametrize(
    ("grader", "param", "hint"), MISTAKES, ids=[f"{m[1]}-{m[2][:12]}" for m in MISTAKES]
)
def test_known_mistakes(http: httpx.Client, grader: dict, param: str, hint: str) -> None:
    place, message = refused(http, grader)
    assert place.startswith(param), (place, message)
    assert hint in message


def test_several_faults_are_all_named(http: httpx.Client) -> None:
    place, message = refused(http, {"type": "string_check", "operation": "is", "input": "x"})
    assert place == "grader.operation"
    assert "'grader.reference'" in message


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"grader": STRING_CHECK}, "model_sample"),
        ({"model_sample": "x"}, "grader"),
        ({"grader": STRING_CHECK, "model_sample": 1}, "model_sample"),
        ({"grader": STRING_CHECK, "model_sample": "x", "item": []}, "item"),
        ([], None),
        ("text", None),
    ],
)
def test_faults_of_the_body(http: httpx.Client, sent: object, param: str | None) -> None:
    answer = http.post(RUN, json=sent)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("text", ["inf", "1e999", "nan", "much"])
def test_what_json_cannot_say_is_no_hint(http: httpx.Client, text: str) -> None:
    _, message = refused(http, {**STRING_CHECK, "pass_threshold": text})
    assert message.endswith("expected a number, but got a string instead.")


def test_a_body_that_is_no_object_is_called_by_no_empty_name(http: httpx.Client) -> None:
    message = http.post(RUN, json=[]).json()["error"]["message"]
    assert message == "Invalid type: expected an object, but got an array instead."


def test_null_item_is_an_empty_one(http: httpx.Client) -> None:
    grader = {**STRING_CHECK, "reference": "Paris"}
    assert reward_and_errors(http, body(grader, item=None)) == (1.0, {})


def test_sample_text_is_never_read_as_a_template(http: httpx.Client) -> None:
    sent = body(STRING_CHECK, "{{item.answer}}", item={"answer": "{{sample.output_text}}"})
    assert reward_and_errors(http, sent) == (0.0, {})


def test_large_integers_are_exact(http: httpx.Client) -> None:
    digits = "123456789012345678901234567890"
    grader = {**STRING_CHECK, "reference": "{{item.id}}"}
    text = json.dumps(body(grader, digits, item={"id": int(digits)}))
    answer = http.post(RUN, content=text, headers={"content-type": "application/json"})
    assert answer.json()["reward"] == 1.0


def test_headers_of_endpoint_parts_are_masked(http: httpx.Client) -> None:
    grader = {**MULTI, "graders": {"far": ENDPOINT}, "calculate_output": "far"}
    answer = http.post(VALIDATE, json={"grader": grader})
    assert answer.status_code == 200, answer.text
    assert "planted-secret" not in answer.text
    assert answer.json()["grader"]["graders"]["far"]["url"] == ENDPOINT["url"]


def test_only_headers_of_endpoint_graders_are_masked(http: httpx.Client) -> None:
    """Keys that a grader does not know are the author's own."""
    own = {"headers": {"a": "kept"}, "graders": {"far": {"headers": {"b": "kept"}}}}
    grader = {**STRING_CHECK, **own}
    multi = {**MULTI, "headers": own["headers"], "graders": {"exact": grader}}
    multi["calculate_output"] = "exact"
    for sent in (grader, multi):
        answer = http.post(VALIDATE, json={"grader": sent})
        assert answer.json()["grader"] == sent


def test_item_is_optional(http: httpx.Client) -> None:
    grader = {**STRING_CHECK, "reference": "Paris"}
    assert reward_and_errors(http, {"grader": grader, "model_sample": "Paris"}) == (1.0, {})

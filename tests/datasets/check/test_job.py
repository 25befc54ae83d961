"""Every rule that needs no row: the grader, the response format, the tools."""

from pathlib import Path
from typing import Any

import pytest

from tests.datasets.check.checking import job, of_grader
from tests.definitions import (
    ENDPOINT,
    EVERY,
    LABEL_MODEL,
    MULTI,
    PYTHON,
    SCORE_MODEL,
    STRING_CHECK,
    TEXT_SIMILARITY,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "clause": {"$ref": "#/$defs/clause"},
        "notes": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/clause"}, {"type": "null"}]}},
        "coded": {"type": "string"},
    },
    "required": ["clause", "notes", "coded"],
    "additionalProperties": False,
    "$defs": {
        "clause": {
            "type": "object",
            "properties": {"kind": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/clause"}, {"type": "null"}]}},
            "required": ["kind", "next"],
            "additionalProperties": False,
        }
    },
}  # fmt: skip


def response_format(schema: Any = SCHEMA, **more: Any) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": schema, **more},
    }


def multi(formula: str, **parts: Any) -> dict[str, Any]:
    return {"type": "multi", "name": "m", "graders": parts, "calculate_output": formula}


@pytest.mark.parametrize("kind", sorted(set(EVERY) - {"endpoint", "label_model"}))
async def test_sound_graders_pass(kind: str) -> None:
    tools = [{"type": "function", "function": {"name": "look"}}, {"name": "s", "server_url": "https://a.example"}]  # fmt: skip
    assert await of_grader(job(EVERY[kind], response_format(), tools)) == {}


SPAM = {**SCORE_MODEL, "model": "spam-9"}

GRADERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("grader", {**PYTHON, "source": "def grade(sample):\n    return 1.0\n"}, "fault", "two positional"),
    ("grader", {**PYTHON, "source": "#" * 262_145}, "fault", "at most 262,144 are allowed"),
    ("grader", {**PYTHON, "source": "import sys\n" + PYTHON["source"]}, "fault", "imports 'sys'"),
    ("grader", multi("a", a={**PYTHON, "source": "import sys\n" + PYTHON["source"]}), "fault", "graders.a: line 1 imports 'sys'"),
    ("grader", multi("a", a=STRING_CHECK, b=STRING_CHECK), "warning", "does not use b"),
    ("grader", SPAM, "warning", "no hosted service documents the judge 'spam-9'"),
    ("grader", multi("a", a=SPAM), "warning", "graders.a.model"),
    ("hosted-type", LABEL_MODEL, "warning", "by itself"),
    ("hosted-type", multi("a", a={**TEXT_SIMILARITY, "evaluation_metric": "cosine"}), "warning", "cosine"),
    ("sample-variable", {**STRING_CHECK, "input": "{{sample.output_txt}}"}, "fault", "did you mean 'output_text'?"),
    ("no-output", {**STRING_CHECK, "input": "{{item.question}}"}, "fault", "names nothing of `sample`"),
    ("no-output", multi("a + b", a=STRING_CHECK, b={**STRING_CHECK, "input": "Paris"}), "warning", "graders.b"),
    ("constant-reward", {**LABEL_MODEL, "passing_labels": []}, "fault", "the reward 0"),
    ("constant-reward", multi("0 * a + 1", a=STRING_CHECK), "fault", "the reward 1"),
    ("pass-threshold", {**STRING_CHECK, "pass_threshold": 1.5}, "fault", "between 0 and 1"),
    ("pass-threshold", {**multi("a + b", a=STRING_CHECK, b={**SCORE_MODEL, "range": [0, 5]}), "pass_threshold": 6.5}, "fault", "between 0 and 6"),
    ("pass-threshold", {**SCORE_MODEL, "range": [1, 7], "pass_threshold": 1}, "warning", "every graded output passes"),
    ("pass-threshold", {**PYTHON, "pass_threshold": -1}, "warning", "that cannot be graded pass"),
    ("part-threshold", multi("a", a={**STRING_CHECK, "pass_threshold": 1}), "warning", "no effect"),
    ("formula-value", multi("a / b", a=STRING_CHECK, b=STRING_CHECK), "warning", "where a = 0, b = 0: "),
    ("formula-value", multi("log(p)", p=PYTHON), "warning", "where p = 0: "),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "grader", "severity", "told"), GRADERS)
async def test_graders(rule: str, grader: dict[str, Any], severity: str, told: str) -> None:
    findings = (await of_grader(job(grader)))[rule]
    said = [f"{finding.message}. {finding.advice}" for finding in findings]
    assert any(told in each for each in said), said
    assert {(finding.source, finding.severity, finding.rows) for finding in findings} >= {
        ("grader", severity, 0)
    }


async def test_endpoint_graders_are_azures() -> None:
    allowed = await of_grader(job(ENDPOINT), endpoint_hosts="scorer.example")
    assert [finding.severity for finding in allowed["hosted-type"]] == ["warning"]


async def test_thresholds_within_the_rewards_pass() -> None:
    for grader in (
        {**SCORE_MODEL, "range": [0, 5], "pass_threshold": 5},
        {**MULTI, "pass_threshold": 0.65},
        {**PYTHON, "pass_threshold": 100},
        multi("0.7 * a + 0.2 * b + 0.1", a=STRING_CHECK, b=PYTHON),
    ):
        assert await of_grader(job(grader)) == {}


async def test_an_unknown_judge_where_judges_are_configured(tmp_path: Path) -> None:
    file = tmp_path / "judges.yaml"
    file.write_text(
        "upstreams:\n  local: {base_url: http://127.0.0.1:9/v1}\nmodels:\n  spam-9: {upstream: local}\n"
    )
    assert await of_grader(job(SPAM), judges=file) == {}
    (fault,) = (await of_grader(job(SCORE_MODEL), judges=file))["grader"]
    assert fault.severity == "fault"
    assert "Configured are: 'spam-9'" in fault.message
    assert fault.place == "model"


def names(variable: str) -> dict[str, Any]:
    return {**STRING_CHECK, "input": f"{{{{ {variable} }}}}"}


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("sample.output_json", None),
        ("sample.output_json.clause.kind", None),
        ("sample.output_json.notes", None),
        ("sample.output_json.coded.inner[0]", None),
        ("sample.output_json.claus", "did you mean 'clause'?"),
        ("sample.output_json.clause.king", "did you mean 'kind'?"),
        ("sample.output_json.notes.kind", "has no 'kind'"),
        ("sample.output_json[0]", "has no '0'"),
        ("sample.output_json.notes[0].kind", "leave out, or be null"),
        ("sample.output_json.clause.next.kind", "leave out, or be null"),
        ("sample.output_json.clause.next.next.king", "did you mean 'kind'?"),
    ],
)
async def test_output_json_is_what_the_schema_promises(variable: str, told: str | None) -> None:
    findings = (await of_grader(job(names(variable), response_format()))).get("output-json", [])
    if told is None:
        assert findings == []
    else:
        (finding,) = findings
        assert told in f"{finding.message}. {finding.advice}"
        assert finding.severity == ("warning" if "null" in told else "fault")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "object", "properties": {"a": {}}}, "leave out"),
        ({"type": "object", "properties": {"b": {}}}, "has no 'a'"),
        ({"type": "object"}, "leave out"),
        ({"type": "object", "properties": {"b": {}}, "additionalProperties": True}, "leave out"),
        ({"allOf": [{"type": "object"}]}, None),
        ({"$ref": "https://elsewhere.example/schema"}, None),
        ({"$ref": "#"}, "has no 'a'"),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"type": "object", "properties": {"a": {}}, "required": ["a"]}]}, None),
        ({"type": "array", "prefixItems": [{}]}, "has no 'a'"),
    ],
)  # fmt: skip
async def test_loose_schemas(schema: dict[str, Any], told: str | None) -> None:
    checked = job(names("sample.output_json.a"), response_format(schema, strict=False))
    findings = (await of_grader(checked)).get("output-json", [])
    assert [told in finding.message for finding in findings] == ([] if told is None else [True])


@pytest.mark.parametrize("given", [None, {"type": "text"}])
async def test_output_json_without_a_response_format(given: Any) -> None:
    (fault,) = (await of_grader(job(names("sample.output_json.a"), given)))["output-json"]
    assert (fault.severity, fault.place) == ("fault", "input")
    assert "free text" in fault.message
    assert "--response-format" in fault.advice


@pytest.mark.parametrize(
    ("given", "severity", "told"),
    [
        ([], "fault", "is no object"),
        ({"type": "xml"}, "fault", "no known type"),
        ({"type": "json_object"}, "warning", "promises no field"),
        (SCHEMA, "fault", "without the response format around it"),
        ({"type": "json_schema"}, "fault", "no json_schema"),
        ({"type": "json_schema", "name": "a", "schema": SCHEMA}, "fault", "the Responses API's spelling"),
        (response_format(name="a b"), "fault", "no usable name"),
        (response_format(None), "fault", "has no schema"),
        (response_format({"type": "object", "properties": 3}), "fault", "schema.properties is not as JSON Schema has it"),
        (response_format({"type": "array"}), "fault", "must be of an object"),
        (response_format({**SCHEMA, "required": ["clause"]}), "fault", "schema.required lacks 'notes', 'coded'"),
        (response_format({**SCHEMA, "$defs": {"clause": {**SCHEMA["$defs"]["clause"], "additionalProperties": True}}}), "fault", "schema.$defs.clause needs"),
    ],
)  # fmt: skip
async def test_response_formats(given: Any, severity: str, told: str) -> None:
    findings = (await of_grader(job(response_format=given)))["response-format"]
    assert {(finding.source, finding.severity) for finding in findings} == {
        ("response_format", severity)
    }
    assert any(told in finding.message for finding in findings), findings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "the tools are no array"),
        ([3], "[0] is no function"),
        ([{"type": "function"}], "[0] is no function"),
        ([{"server_url": "https://a.example"}], "[0] has no usable name"),
    ],
)
async def test_tools_of_the_job(given: Any, told: str) -> None:
    (fault,) = (await of_grader(job(tools=given)))["job-tools"]
    assert (fault.source, fault.severity) == ("tools", "fault")
    assert told in fault.message

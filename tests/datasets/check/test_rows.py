"""Every rule over rows: what it finds, and that it is silent where nothing is wrong."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from grader_service.datasets.check.report import check_rows
from tests.datasets.check.checking import PROMPT, ROW, found, job, of_rows
from tests.definitions import ENDPOINT, MULTI, PYTHON, SCORE_MODEL, STRING_CHECK

CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
SOUND = [
    ROW,
    {**ROW, "messages": [{"role": "developer", "content": "Be brief."}, *PROMPT]},
    {**ROW, "messages": [{"role": "user", "content": [{"type": "text", "text": "Capital?"}]}]},
    {
        "answer": "Lyon",
        "tools": [TOOL],
        "messages": [
            *PROMPT,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Paris"},
            {"role": "user", "content": "Sure?"},
        ],
    },
]


def rows_of(*messages: Any, **columns: Any) -> dict[str, Any]:
    return {"messages": list(messages), "answer": "Paris", **columns}


def test_sound_rows_pass() -> None:
    report = of_rows(*SOUND[:3], validation=SOUND[3:])
    assert report.findings == ()
    assert report.rows == {"train": 3, "validation": 1}
    assert report.answer()["ok"]


USER = PROMPT[0]

FAULTS: list[tuple[str, Any, str]] = [
    ("json-line", "{", "no valid JSON"),
    ("json-line", "[1]", "a JSON object was expected"),
    ("row-spelling", {"item": ROW}, "as the Evals API has it"),
    ("messages", {"answer": "Paris"}, "there is no `messages`"),
    ("messages", {**ROW, "messages": "What?"}, "is no array"),
    ("messages", {**ROW, "messages": []}, "is empty"),
    ("messages", rows_of("What?"), "messages[0] is no object"),
    ("messages", rows_of({"content": "What?"}), "has no `role`"),
    ("roles", rows_of({"role": "system", "content": "Be brief."}, USER), "system message"),
    ("roles", rows_of({"role": "human", "content": "Hm."}, USER), "unknown role 'human'"),
    ("last-message", rows_of(USER, {"role": "assistant", "content": "Paris"}), "'assistant'"),
    ("last-message", rows_of({"role": "developer", "content": "Speak."}), "'developer'"),
    ("content", rows_of({"role": "user"}), "is no text"),
    ("content", rows_of({"role": "user", "content": 7}), "is no text"),
    ("content", rows_of({"role": "user", "content": []}), "is no text"),
    ("content", rows_of({"role": "user", "content": [{"type": "input_text", "text": "a"}]}), "Responses API"),
    ("content", rows_of({"role": "user", "content": [{"type": "input_audio"}]}), "neither a text"),
    ("content", rows_of({"role": "user", "content": ["What?"]}), "neither a text"),
    ("tool-calls", rows_of({"role": "assistant", "content": "", "tool_calls": {}}, USER), "no array"),
    ("tool-calls", rows_of({"role": "assistant", "content": "", "tool_calls": [{}]}, USER), "holds no call"),
    ("tool-calls", rows_of({"role": "tool", "tool_call_id": "call_9", "content": "x"}, USER), "answers no call"),
    ("row-tools", rows_of(USER, tools="hammer, saw"), "reserved for functions"),
    ("row-tools", rows_of(USER, tools=[{"name": "look"}]), "tools[0] is no function"),
    ("row-tools", rows_of(USER, tools=[{"type": "function", "function": {"name": "a b"}}]), "no usable name"),
    ("row-tools", rows_of(USER, tools=[TOOL, TOOL]), "a tool before it is called 'look', too"),
    ("row-tools", rows_of(USER, tools=[{"type": "function", "function": {"name": "a", "parameters": []}}]), "no schema of an object"),
    ("row-tools", rows_of(USER, tools=[{"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": 3}}}]), "not as JSON Schema has it"),
    ("item-variable", {"messages": PROMPT, "anwser": "Paris"}, "did you mean 'anwser'?"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "row", "told"), FAULTS)
def test_faults(rule: str, row: Any, told: str) -> None:
    report = of_rows(ROW, "", row, validation=SOUND[3:])
    (fault,) = found(report, rule)
    assert (fault.severity, fault.source, fault.rows, fault.lines) == ("fault", "train", 1, (3,))
    assert told in f"{fault.message}. {fault.advice}"
    assert report.answer()["ok"] is False


WARNINGS: list[tuple[str, Any, str]] = [
    ("roles", rows_of(USER, {"role": "developer", "content": "Brief!"}, USER), "after other"),
    ("content", rows_of({"role": "user", "content": " "}), "is empty"),
    ("content", rows_of({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}), "image"),
    ("duplicate", ROW, "the same as one before it"),
    ("duplicate", {**ROW, "answer": "Lyon"}, "different answers"),
    ("empty-variable", rows_of(USER, USER, answer=None), "{{ item.answer }} is empty or null"),
    ("empty-variable", rows_of(USER, USER, answer="\n"), "{{ item.answer }} is empty or null"),
    ("column-type", rows_of(USER, USER, answer=5), "'answer' is a string in 1, a number in 1 of 2 rows"),
    ("column-type", rows_of(USER, USER, level=None), "'level' is null in 1, absent in 1 of 2 rows. give it a value"),
    ("column-type", rows_of(USER, USER, answer=None), "'answer' is a string in 1, null in 1 of 2 rows. make it a string"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "row", "told"), WARNINGS)
def test_warnings(rule: str, row: Any, told: str) -> None:
    report = of_rows(ROW, row, validation=SOUND[3:])
    (warning,) = [each for each in found(report, rule) if each.source == "train"]
    assert warning.severity == "warning"
    assert warning.lines == (() if "absent" in told else (2,))
    assert told in f"{warning.message}. {warning.advice}".replace("{{item", "{{ item")
    assert report.answer()["ok"] is True


def test_every_bad_line_is_counted_and_few_are_shown() -> None:
    report = of_rows(*("{" + "x" * n for n in range(40)), ROW)
    findings = found(report, "json-line")
    assert sum(finding.rows for finding in findings) == 40
    assert len(findings) <= 11
    assert all(1 <= len(finding.lines) <= 5 for finding in findings)


def test_a_missing_column_is_told_once_with_every_row() -> None:
    named = {**STRING_CHECK, "reference": "{{item.reference_answer}}"}
    report = of_rows(*({"messages": PROMPT} for _ in range(100)), grader=named)
    (fault,) = [finding for finding in report.findings if finding.severity == "fault"]
    assert (fault.rule, fault.rows, fault.lines) == ("item-variable", 100, (1, 2, 3, 4, 5))
    assert (fault.source, fault.place) == ("train", "reference")
    assert "'reference_answer'" in fault.message
    assert "'messages'" in fault.message


def test_variables_of_every_part_and_message_are_looked_for() -> None:
    judge = {
        **SCORE_MODEL,
        "input": [
            {"role": "developer", "content": "Judge."},
            {"role": "user", "content": [{"type": "input_text", "text": "{{ item.nums[4] }}"}, "{{item.case.name}}"]},
        ],
    }  # fmt: skip
    grader = {**MULTI, "graders": {"exact": STRING_CHECK, "near": judge}}
    rows = [{**ROW, "nums": "[1, 2, 3, 4]", "case": {"title": "a"}}]
    faults = found(of_rows(*rows, grader=grader), "item-variable")
    assert {fault.place for fault in faults} == {"graders.near.input[1]"}
    assert [fault.message for fault in faults] == [
        "graders.near.input[1] names {{ item.nums[4] }}: item.nums is a list of 4; it has no element 4",
        "graders.near.input[1] names {{ item.case.name }}: item.case has no 'name'; it has 'title'",
    ]


def test_a_judge_that_is_shown_nothing() -> None:
    content = "Is {{sample.output_text}} like {{item.answer}}?"
    judge = {**SCORE_MODEL, "input": [{"role": "user", "content": content}]}
    (warning,) = found(of_rows({**ROW, "answer": ""}, grader=judge), "empty-variable")
    assert "shows it to the judge" in warning.message


def test_columns_that_a_source_takes() -> None:
    source = """
def helper(item):
    return item["inner"]

def grade(sample, item):
    known = item["answer"] if "answer" in item else item.get("target", item["target"])
    return float(item["messages"] is None or item["levl"] == known)
"""
    report = of_rows(ROW, {**ROW, "levl": 1}, grader={**PYTHON, "source": source})
    (warning,) = found(report, "python-column")
    assert (warning.severity, warning.rows, warning.lines) == ("warning", 1, (1,))
    assert "item['levl']" in warning.message


def test_tools_are_needed_where_calls_are_read() -> None:
    named = {**STRING_CHECK, "input": "{{sample.output_tools[0].function.name}}"}
    (fault,) = found(of_rows(ROW, SOUND[3], ROW, grader=named), "output-tools")
    assert (fault.severity, fault.rows, fault.lines) == ("fault", 2, (1, 3))
    assert not found(of_rows(ROW, grader=named, tools=[TOOL]), "output-tools")
    (warning,) = found(
        of_rows(ROW, grader={**STRING_CHECK, "input": "{{sample.output_tools}}"}), "output-tools"
    )
    assert warning.severity == "warning"


def test_rows_too_large_for_an_endpoint() -> None:
    large = {**ROW, "document": "x" * 1_000_000}
    assert found(of_rows(large, grader=ENDPOINT), "endpoint-payload")
    assert not found(of_rows(ROW, grader=ENDPOINT), "endpoint-payload")
    assert not found(of_rows(large), "endpoint-payload")


def test_blank_lines_between_rows_are_told_and_at_the_end_not() -> None:
    (warning,) = found(of_rows(ROW, " ", "", SOUND[1], "", ""), "blank-line")
    assert (warning.rows, warning.lines) == (2, (2, 3))


@pytest.mark.parametrize(
    ("train", "validation", "told"),
    [
        (0, 1, [("train", "there is no row")]),
        (50_000, 1_000, []),
        (50_001, 1_001, [("train", "leave out 1"), ("validation", "leave out 1")]),
    ],
)
def test_row_limits(train: int, validation: int, told: list[tuple[str, str]]) -> None:
    def numbered(count: int, source: str) -> Iterator[bytes]:
        for number in range(count):
            yield f'{{"messages":[{{"role":"user","content":"{source} {number}"}}],"answer":"a"}}\n'.encode()

    report = check_rows(
        job(), {"train": numbered(train, "t"), "validation": numbered(validation, "v")}
    )
    assert report.rows == {"train": train, "validation": validation}
    findings = report.findings
    assert [finding.source for finding in findings] == [source for source, _ in told]
    for finding, (_, words) in zip(findings, told, strict=True):
        assert (finding.rule, finding.severity) == ("row-count", "fault")
        assert words in f"{finding.message}. {finding.advice}"


def test_no_validation_is_a_warning() -> None:
    (warning,) = of_rows(ROW).findings
    assert (warning.rule, warning.severity) == ("row-count", "warning")
    assert "--validation" in warning.advice


def test_the_two_files_are_compared() -> None:
    report = of_rows(
        *({**ROW, "messages": [{"role": "user", "content": str(n)}], "more": 1} for n in range(3)),
        validation=[{"messages": [{"role": "user", "content": "2"}], "answer": 3}],
    )
    assert [(finding.rule, finding.source) for finding in report.findings] == [
        ("overlap", "validation"),
        ("column-type", "validation"),
        ("column-type", "validation"),
    ]
    assert {finding.message for finding in found(report, "column-type")} == {
        "'answer' is a number here, and a string in the training rows",
        "'more' is in the training rows, and in none of these",
    }


def test_what_is_kept_does_not_grow_with_the_rows() -> None:
    """Rows with ever new columns, roles and faults: a bounded number of findings, every row counted."""
    rows = (
        json.dumps({"messages": [{"role": f"r{n}", "content": n}], f"column {n}": n}).encode()
        for n in range(2_000)
    )
    report = check_rows(job(), {"train": itertools.chain(rows, [b"{"])})
    per_rule = {
        rule: len(found(report, rule)) for rule in {finding.rule for finding in report.findings}
    }
    assert max(per_rule.values()) <= 11
    assert sum(finding.rows for finding in found(report, "item-variable")) == 2_000
    assert sum(finding.rows for finding in found(report, "content")) == 2_000

"""The table of all rules, which the checks, the tests and README.md beside this file read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from grader_service.datasets.check import (
    columns,
    duplicates,
    hosted,
    messages,
    outputs,
    rewards,
    tools,
    variables,
)
from grader_service.datasets.check.finding import Complaint, Source
from grader_service.datasets.check.job import Job
from grader_service.datasets.check.row_rule import EachRow, Look, RowRule


@dataclass(frozen=True, slots=True)
class RowsRule:
    """A rule over rows; `make` gives one for one check."""

    name: str
    make: Callable[[Job], RowRule]
    meaning: str


@dataclass(frozen=True, slots=True)
class JobRule:
    """A rule that needs no row."""

    name: str
    source: Source
    look: Callable[[Job], Iterable[Complaint]]
    meaning: str


def _each(look: Look) -> Callable[[Job], RowRule]:
    return lambda _: EachRow(look)


def _of_rows(
    rule: type[columns.ColumnTypes | duplicates.Duplicates | duplicates.Overlap],
) -> Callable[[Job], RowRule]:
    return lambda _: rule()


ROWS_RULES = (
    RowsRule("row-spelling", _each(messages.spelling), "a row is not wrapped in `item`"),
    RowsRule("messages", _each(messages.shape), "`messages` is an array of objects with a role"),
    RowsRule(
        "roles",
        _each(messages.roles),
        "roles are developer (first), user, assistant and tool; no system message",
    ),
    RowsRule("last-message", _each(messages.last), "the last message is the user's"),
    RowsRule(
        "content",
        _each(messages.content),
        "messages hold texts, and users' also images (Azure: none)",
    ),
    RowsRule(
        "tool-calls",
        _each(messages.calls),
        "calls are well-formed, and each tool's message answers one",
    ),
    RowsRule("row-tools", tools.RowTools, "`tools` of a row are well-formed functions"),
    RowsRule(
        "item-variable",
        variables.Missing,
        "every `{{ item.… }}` of every template is in every row",
    ),
    RowsRule(
        "empty-variable", variables.Empty, "what templates name of a row is not empty or null"
    ),
    RowsRule(
        "python-column",
        variables.PythonColumns,
        'a column that a source takes by `item["…"]` is in every row',
    ),
    RowsRule(
        "output-tools",
        tools.NoTools,
        "`sample.output_tools` is named only where rows or job have tools",
    ),
    RowsRule(
        "endpoint-payload",
        hosted.EndpointPayload,
        "a row for an endpoint grader is below a megabyte",
    ),
    RowsRule(
        "column-type",
        _of_rows(columns.ColumnTypes),
        "a column has one type in all rows of both files, and is in all",
    ),
    RowsRule("duplicate", _of_rows(duplicates.Duplicates), "no row, and no prompt, is there twice"),
    RowsRule("overlap", _of_rows(duplicates.Overlap), "no prompt is in both files"),
)

JOB_RULES = (
    JobRule("hosted-type", "grader", hosted.taken, "hosted jobs take this type and metric"),
    JobRule("sample-variable", "grader", outputs.sample_keys, "`sample` has what templates name"),
    JobRule("no-output", "grader", outputs.reads_output, "templates name something of `sample`"),
    JobRule(
        "output-json",
        "grader",
        outputs.output_json,
        "`sample.output_json` needs a response format, and its schema what is named",
    ),
    JobRule(
        "constant-reward", "grader", rewards.constant, "different outputs can get different rewards"
    ),
    JobRule(
        "pass-threshold",
        "grader",
        rewards.threshold,
        "`pass_threshold` lies among the rewards that can be, `invalid_grade` below it",
    ),
    JobRule(
        "part-threshold", "grader", rewards.part_thresholds, "parts of a multi have no threshold"
    ),
    JobRule(
        "formula-value",
        "grader",
        rewards.undefined,
        "the formula has a value at the ends of its parts' rewards",
    ),
    JobRule(
        "response-format",
        "response_format",
        outputs.response_format,
        "the response format has the job's spelling, and a schema that structured output takes",
    ),
    JobRule(
        "job-tools", "tools", tools.job_tools, "the tools are functions, or servers with a name"
    ),
)

READING_RULES = {
    "json-line": "each line is one JSON object in UTF-8",
    "blank-line": "no line between the rows is blank",
    "row-count": "1 to 50,000 training rows, 1 to 1,000 validation rows; Azure needs both files",
    "grader": "the grader's JSON, formula, source and judge model are as `grader-service validate` wants them, "
    "and imports what the hosted service takes",
}
"""What `report.py` looks at itself."""

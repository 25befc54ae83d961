"""Checks jobs in this process, as the command does after it has read its files."""

import json
from typing import Any

from grader_service.datasets.check.finding import Finding
from grader_service.datasets.check.job import Job
from grader_service.datasets.check.report import Report, check_grader, check_rows
from grader_service.engines import open_engines
from grader_service.graders import GRADER
from grader_service.settings import Settings
from tests.definitions import STRING_CHECK

PROMPT = [{"role": "user", "content": "What is the capital of France?"}]
ROW: dict[str, Any] = {"messages": PROMPT, "answer": "Paris"}


def job(
    grader: dict[str, Any] = STRING_CHECK, response_format: Any = None, tools: Any = None
) -> Job:
    return Job(GRADER.validate_python(grader), response_format, tools)


def lines(*rows: Any) -> list[bytes]:
    """A text is a line as it is, anything else its JSON."""
    return [(row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows]


def of_rows(
    *rows: Any, grader: dict[str, Any] = STRING_CHECK, validation: Any = None, **more: Any
) -> Report:
    files = {"train": lines(*rows)} | ({"validation": lines(*validation)} if validation else {})
    return check_rows(job(grader, **more), files)


def found(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]


async def of_grader(checked: Job, **settings: Any) -> dict[str, list[Finding]]:
    """The findings of each rule."""
    async with open_engines(Settings(sandbox="off", **settings), lambda _event: None) as engines:
        findings = await check_grader(checked, engines)
    return {rule: [f for f in findings if f.rule == rule] for rule in {f.rule for f in findings}}

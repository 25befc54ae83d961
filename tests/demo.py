"""`make demo`: a table of real requests through the official SDK; exit code 0 only if each is as expected."""

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
from rich.console import Console
from rich.table import Table

from tests import processes
from tests.definitions import MULTI, PYTHON, STRING_CHECK, TEXT_SIMILARITY

QUIZ = {"answer": "Paris", "nums": "[25, 11]", "text": "fuzzy wuzzy had no hair"}
FUZZY = "fuzzy wuzzy was a bear"
WRATIO = """from rapidfuzz import fuzz, utils

def grade(sample, item):
    return fuzz.WRatio(sample["output_text"], item["text"], processor=utils.default_process) / 100
"""


@dataclass(frozen=True)
class Line:
    """One request and what must come back: a reward and the raised flags, or the SDK's error class."""

    name: str
    grader: dict[str, Any]
    sample: str
    reward: float | None
    flags: tuple[str, ...] = ()
    error: str | None = None
    item: dict[str, Any] = field(default_factory=lambda: QUIZ)


def similarity(metric: str) -> dict[str, Any]:
    return {**TEXT_SIMILARITY, "evaluation_metric": metric, "reference": "{{item.text}}"}


def check(operation: str, **more: str) -> dict[str, Any]:
    return {**STRING_CHECK, "operation": operation, **more}


def python(source: str) -> dict[str, Any]:
    return {**PYTHON, "source": source}


IN_PROCESS = (
    Line("string_check eq", check("eq"), "Paris", 1.0),
    Line("string_check ne", check("ne"), "Paris", 0.0),
    Line("string_check like", check("like"), "It is Paris.", 1.0),
    Line("string_check ilike", check("ilike", reference="STRASSE"), "Hauptstraße", 1.0),
    Line("path into JSON text", check("eq", input="{{item.nums[1]}}", reference="11"), "", 1.0),
    Line("fuzzy_match", similarity("fuzzy_match"), FUZZY, 0.7555555555555555),
    Line("bleu", similarity("bleu"), FUZZY, 0.12121093525642128),
    Line("gleu", similarity("gleu"), FUZZY, 0.21428571428571427),
    Line("meteor", similarity("meteor"), FUZZY, 0.375),
    Line("rouge_1", similarity("rouge_1"), FUZZY, 0.4000000000000001),
    Line("rouge_2", similarity("rouge_2"), FUZZY, 0.25),
    Line("rouge_l", similarity("rouge_l"), FUZZY, 0.4000000000000001),
    Line("multi", MULTI, "Pari", 0.5 * (8 / 9)),
    Line("multi, 2*3^2", {**MULTI, "calculate_output": "2*3^2 * exact"}, "Paris", 18.0),
    Line(
        "division by zero",
        {**MULTI, "calculate_output": "1 / (exact - 1)"},
        "Paris",
        0.0,
        ("other_error",),
    ),
    Line(
        "missing variable",
        check("eq", reference="{{item.anwser}}"),
        "",
        0.0,
        ("invalid_variable_error",),
    ),
    Line(
        "sample is no JSON",
        {**check("eq", input="{{sample.output_json.city}}"), "invalid_grade": -1.0},
        "Paris",
        -1.0,
        ("sample_parse_error",),
    ),
    Line("unknown operation", check("neq"), "", None, error="BadRequestError"),
    Line("unbalanced braces", check("eq", input="{{item.a}}}}"), "", None, error="BadRequestError"),
    Line("code for source", {"type": "python", "code": "1"}, "", None, error="BadRequestError"),
    Line("unknown part", {**MULTI, "calculate_output": "exakt"}, "", None, error="BadRequestError"),
)


def run_lines(client: openai.OpenAI, lines: tuple[Line, ...], table: Table) -> bool:
    """Every line's request, and a row for it; True where all are as expected."""
    outcomes = [_run(client, line, table) for line in lines]
    return all(outcomes)


def _run(client: openai.OpenAI, line: Line, table: Table) -> bool:
    started = time.perf_counter()
    reward: float | None = None
    flags: tuple[str, ...] = ()
    error = None
    try:
        answer = client.fine_tuning.alpha.graders.run(
            grader=line.grader, model_sample=line.sample, item=line.item
        )
        reward = answer.reward
        errors = answer.metadata.errors.to_dict()
        flags = tuple(key for key, value in errors.items() if value is True)
    except openai.APIStatusError as caught:
        error = type(caught).__name__
    milliseconds = (time.perf_counter() - started) * 1000
    good = (reward, flags, error) == (line.reward, line.flags, line.error)
    table.add_row(
        line.name,
        _shown(reward, error),
        _shown(line.reward, line.error),
        f"{milliseconds:.1f}",
        ", ".join(flags),
        "[green]ok[/green]" if good else "[red]NOT AS EXPECTED[/red]",
    )
    return good


def _shown(reward: float | None, error: str | None) -> str:
    return error or f"{reward:.6g}"


def main() -> int:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("request", "reward", "expected", "ms", "flags", "")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "capital.json").write_text(json.dumps(STRING_CHECK))
        server = stack.enter_context(processes.serving(catalogue=folder, log_level="info"))
        console.print(f"server on {server.address}")
        client = stack.enter_context(
            openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)
        )
        good = run_lines(client, IN_PROCESS, table)
        console.print(table)
    console.print(
        "[green]everything as expected[/green]" if good else "[red]not all as expected[/red]"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

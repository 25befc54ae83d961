"""`make demo`: a table of real requests through the official SDK; exit code 0 only if each is as expected."""

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
from rich.console import Console
from rich.table import Table

from tests import processes
from tests.definitions import (
    LABEL_MODEL,
    MULTI,
    PYTHON,
    SCORE_MODEL,
    STRING_CHECK,
    TEXT_SIMILARITY,
)
from tests.fakes.upstream import obliging, serving_upstream

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


def judged(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


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
    Line("meteor", similarity("meteor"), FUZZY, 0.37500000000000006),
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


JUDGED = (
    Line(
        "score_model (test upstream)",
        {**SCORE_MODEL, "input": judged("A score: 0.75 would be right for {{sample.output_text}}")},
        "Paris",
        0.75,
    ),
    Line(
        "score above the range (test upstream)",
        {**SCORE_MODEL, "range": [0, 5], "input": judged("score: 9 {{sample.output_text}}")},
        "Paris",
        5.0,
    ),
    Line("label_model (test upstream)", LABEL_MODEL, "Merci beaucoup", 1.0),
    Line("unknown judge", {**SCORE_MODEL, "model": "gpt-0"}, "", None, error="BadRequestError"),
)

RUNTIME = ("python_grader_runtime_error",)
PROGRAMS = (
    Line("python", PYTHON, "Paris", 1.0),
    Line("python raises", python("def grade(sample, item):\n    return 1 / 0"), "", 0.0, RUNTIME),
    Line(
        "python returns text", python("def grade(sample, item):\n    return 'x'"), "", 0.0, RUNTIME
    ),
    Line(
        "python returns NaN", python("def grade(s, i):\n    return float('nan')"), "", 0.0, RUNTIME
    ),
    Line("python exits", python("import os\ndef grade(s, i):\n    os._exit(0)"), "", 0.0, RUNTIME),
    Line(
        "python takes 3 GB",
        python("def grade(s, i):\n    return len(b'x' * 3 * 10**9)"),
        "",
        0.0,
        RUNTIME,
    ),
    Line("python never ends", python("def grade(s, i):\n    while True: pass"), "", 0.0, RUNTIME),
    Line("no function grade", python("x = 1"), "", None, error="BadRequestError"),
    Line("syntax error", python("def grade(sample, item)"), "", None, error="BadRequestError"),
)
WITH_PACKAGES = (Line("python, hosted service's pair", python(WRATIO), FUZZY, 0.7555555555555555),)
WITHOUT_SANDBOX = (
    Line("python, no sandbox here", PYTHON, "Paris", 0.0, ("python_grader_server_error",)),
)


def run_lines(
    client: openai.OpenAI, lines: tuple[Line, ...], table: Table, console: Console
) -> bool:
    """Every line's request, and a row for it; True where all are as expected."""
    outcomes = []
    with console.status("") as status:
        for number, line in enumerate(lines, start=1):
            status.update(f"{number} of {len(lines)}: {line.name}")
            outcomes.append(_run(client, line, table))
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


def programs(ready: dict[str, Any]) -> tuple[Line, ...]:
    """The lines that this machine's sandbox can answer."""
    sandbox = ready["sandbox"]
    if not sandbox["ready"]:
        return WITHOUT_SANDBOX
    has_packages = sandbox["engine"] == "docker" or Path(".sandbox_packages").is_dir()
    return PROGRAMS + (WITH_PACKAGES if has_packages else ())


def main() -> int:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("request", "reward", "expected", "ms", "flags", "")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "capital.json").write_text(json.dumps(STRING_CHECK))
        upstream = stack.enter_context(serving_upstream(default=obliging))
        server = stack.enter_context(
            processes.serving(
                catalogue=folder,
                llm_base_url=upstream.base_url,
                llm_api_key="none",
                sandbox="auto",
                sandbox_timeout_seconds=2,
            )
        )
        ready = httpx.get(f"{server.address}/readyz").json()
        sandbox = ready["sandbox"]
        console.print(f"server on {server.address}")
        console.print(f"python graders run in: {sandbox['engine']} ({sandbox['reason']})")
        lines = IN_PROCESS + JUDGED + programs(ready)
        if WITH_PACKAGES[0] not in lines:
            console.print(
                "the hosted image's packages are not here: `make image` or `make packages` brings them"
            )
        client = stack.enter_context(
            openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)
        )
        good = run_lines(client, lines, table, console)
        good &= _run_named(server.address, table)
        console.print(table)
    console.print(
        "[green]everything as expected[/green]" if good else "[red]not all as expected[/red]"
    )
    return 0 if good else 1


def _run_named(address: str, table: Table) -> bool:
    """What a training job posts to a grader of the catalogue."""
    started = time.perf_counter()
    sent = {"sample": {"output_text": "Paris"}, "item": QUIZ, "trace_id": "trace_1"}
    score = httpx.post(f"{address}/graders/capital", json=sent).json()["score"]
    milliseconds = (time.perf_counter() - started) * 1000
    good = bool(score == 1.0)
    verdict = "[green]ok[/green]" if good else "[red]NOT AS EXPECTED[/red]"
    table.add_row("POST /graders/capital", f"{score:g}", "1", f"{milliseconds:.1f}", "", verdict)
    return good


if __name__ == "__main__":
    sys.exit(main())

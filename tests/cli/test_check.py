"""`grader-service check` as a shell runs it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.definitions import STRING_CHECK
from tests.processes import start

ROWS = [
    {"messages": [{"role": "user", "content": f"Question {n}?"}], "answer": str(n)}
    for n in range(20)
]


def write(file: Path, *values: Any) -> str:
    file.write_text("".join(json.dumps(value) + "\n" for value in values))
    return str(file)


def check(*arguments: str) -> tuple[int, str, str]:
    process = start("check", *arguments, sandbox="off")
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_a_sound_job_is_exit_code_0(tmp_path: Path) -> None:
    clause = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}  # fmt: skip
    shape = {
        "type": "json_schema",
        "json_schema": {"name": "clause", "strict": True, "schema": clause},
    }
    code, output, errors = check(
        write(tmp_path / "g.json", {**STRING_CHECK, "input": "{{sample.output_json.a}}"}),
        *("--data", write(tmp_path / "t.jsonl", *ROWS[:15])),
        *("--validation", write(tmp_path / "v.jsonl", *ROWS[15:])),
        *("--response-format", write(tmp_path / "r.json", shape)),
        *("--tools", write(tmp_path / "tools.json", [{"type": "function", "function": {"name": "look"}}])),
    )  # fmt: skip
    assert (code, errors) == (0, "")
    assert json.loads(output) == {
        "ok": True,
        "faults": 0,
        "warnings": 0,
        "rows": {"train": 15, "validation": 5},
        "findings": [],
    }


def test_faults_are_exit_code_1(tmp_path: Path) -> None:
    """A grader that names what no row has: the trait of a public sample that trained nobody."""
    grader = {**STRING_CHECK, "reference": "{{item.reference_answer}}"}
    code, output, errors = check(
        write(tmp_path / "g.json", grader), "--data", write(tmp_path / "t.jsonl", *ROWS), "--json"
    )
    assert (code, errors) == (1, "")
    answer = json.loads(output)
    assert (answer["ok"], answer["faults"], answer["warnings"]) == (False, 1, 1)
    assert answer["findings"][0] == {
        "severity": "fault",
        "rule": "item-variable",
        "source": "train",
        "place": "reference",
        "rows": 20,
        "lines": [1, 2, 3, 4, 5],
        "message": "reference names {{ item.reference_answer }}: item has no 'reference_answer'; "
        "it has 'messages', 'answer'",
        "advice": "add 'reference_answer' to these rows, or let the grader name what they have",
    }


def test_a_file_that_holds_no_grader_is_a_fault_and_its_rows_are_checked(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text(
        json.dumps(
            {
                "type": "multi",
                "graders": {"a": STRING_CHECK},
                "calculate_output": "a +",
            },
            indent=1,
        )
    )
    rows = write(tmp_path / "t.jsonl", {"messages": [{"role": "system", "content": "Hm."}]})
    code, output, errors = check(str(tmp_path / "g.json"), "--data", rows)
    assert (code, errors) == (1, "")
    findings = json.loads(output)["findings"]
    assert [finding["rule"] for finding in findings][:3] == ["grader", "roles", "last-message"]
    assert findings[0]["place"].startswith("g.json:")
    assert "calculate_output" in findings[0]["message"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("{folder}/nowhere.json", "--data", "{folder}/t.jsonl"), "nowhere.json"),
        (("{folder}/g.json", "--data", "{folder}/nowhere.jsonl"), "nowhere.jsonl"),
        (("{folder}/g.json", "--data", "{folder}"), "cannot be read"),
        (("{folder}/g.json", "--data", "{folder}/t.jsonl", "--tools", "{folder}/no"), "--tools"),
        (
            ("{folder}/g.json", "--data", "{folder}/t.jsonl", "--response-format", "{folder}/bad"),
            "--response-format: '{folder}/bad' is no valid JSON",
        ),
    ],
)
def test_unusable_arguments_are_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], hint: str
) -> None:
    write(tmp_path / "g.json", STRING_CHECK)
    write(tmp_path / "t.jsonl", *ROWS)
    (tmp_path / "bad").write_text("{")
    code, output, errors = check(*(each.replace("{folder}", str(tmp_path)) for each in arguments))
    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert hint.replace("{folder}", str(tmp_path)) in errors
    assert len(errors.strip().splitlines()) == 1


def test_a_terminal_shows_one_table_and_a_bar(tmp_path: Path) -> None:
    grader = {**STRING_CHECK, "reference": "{{item.reference_answer}}", "pass_threshold": 2}
    arguments = (
        write(tmp_path / "g.json", grader),
        *("--data", write(tmp_path / "t.jsonl", *({**row, "[a]": 1} for row in ROWS))),
    )
    code, shown = on_a_terminal(*arguments)
    assert code == 1
    for words in (
        "train",  # the bar
        "item-variable",
        "t.jsonl: 20 rows, lines 1, 2, 3, 4, 5, …",
        "{{ item.reference_answer }}",
        "'[a]'",
        "g.json pass_threshold",
        "2 faults, 1 warning in 20 train rows",
    ):
        assert words in shown


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    size = {"COLUMNS": "260", "TERM": "xterm", "NO_COLOR": "1", "GRADER_SANDBOX": "off"}
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "grader_service", "check", *arguments],
            env={**os.environ, **size},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = screen.read(65536)
            except OSError:  # Linux: the other side is closed
                break
            if not chunk:
                break
            shown += chunk
        return process.wait(60), shown.decode()

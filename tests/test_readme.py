"""What the README says is so: its request, its tables, its commands."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from grader_service.graders import GRADER_TYPES
from grader_service.metrics import Metrics
from grader_service.settings import Settings
from tests import processes
from tests.definitions import EVERY, STRING_CHECK
from tests.fakes.upstream import obliging, serving_upstream

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading: the first cell to the others."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_request_gives_the_answer_that_is_shown(server: str) -> None:
    lines = TEXT.splitlines()
    shown = next(number for number, line in enumerate(lines) if line.startswith('{"reward"'))
    assert shown < 24
    sent = re.search(r"-d '(\{.*?\})'", "\n".join(lines[:shown]), re.DOTALL)
    assert sent is not None
    answer = httpx.post(f"{server}/v1/fine_tuning/alpha/graders/run", json=json.loads(sent[1]))
    assert answer.text[:29] == lines[shown]


def test_graders() -> None:
    assert tuple(rows("Graders")) == GRADER_TYPES
    assert set(rows("Graders")) == set(EVERY)


def test_settings() -> None:
    expected = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is None or default in ({}, ()):
            shown = ""
        else:
            shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
        expected[f"GRADER_{name.upper()}"] = [shown, field.description]
    assert rows("Settings") == expected


def test_metrics() -> None:
    expected = {}
    for family in Metrics().registry.collect():
        if family.name.startswith("grader_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            expected[name] = family.documentation
    assert {name: meaning for name, (_, meaning) in rows("Metrics").items()} == expected


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z]+)", TEXT)) - {"is"}))
def test_make_targets(target: str) -> None:
    made = subprocess.run(["make", "-n", target], cwd=README.parent, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr


def test_security_is_ten_lines() -> None:
    section = TEXT.split("\n## Security\n")[1].split("\n## ")[0]
    assert [line[:3].strip(". ") for line in section.splitlines() if line] == [
        str(number) for number in range(1, 11)
    ]


def blocks(heading: str, language: str) -> list[str]:
    """The code under a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def test_the_commands_before_training(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [{"role": "user", "content": f"What is the capital of country {n}?"}],
            "answer": f"Town {n}",
        }
        for n in range(4)
    ]
    files = {
        "grader.json": json.dumps(STRING_CHECK),
        "train.jsonl": "".join(json.dumps(row) + "\n" for row in rows[:3]),
        "valid.jsonl": json.dumps(rows[3]) + "\n",
        "format.json": json.dumps({"type": "json_object"}),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (block,) = blocks("Before training", "console")
    commands = [line.removeprefix("$ grader-service ").split() for line in block.splitlines()]
    assert [command[0] for command in commands] == ["check", "grade", "report", "doctor"]
    settings = {"sandbox": "off", "nltk_data": Path(".nltk_data").absolute()}
    with serving_upstream(default=obliging) as upstream:
        for command in commands:
            process = processes.start(
                *command, folder=tmp_path, llm_base_url=upstream.base_url, **settings
            )
            output, errors = process.communicate(timeout=120)
            assert process.returncode == 0, (command, output, errors)
            json.loads(output)
    assert len((tmp_path / "rewards.jsonl").read_text().splitlines()) == 12
    assert (tmp_path / "report.html").read_text().lstrip().startswith("<!DOCTYPE html>")


def test_the_evals_program(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks("Evals", "python")
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"item": {"answer": "Paris"}, "sample": "Paris"}\n')
    names = {"OpenAI": OpenAI, "Path": Path, "grader": STRING_CHECK}
    exec(block.replace("http://127.0.0.1:8000", server), names)
    run, client = names["run"], names["client"]
    while run.status in ("queued", "in_progress"):
        run = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
    assert (run.status, run.result_counts.passed) == ("completed", 1)
    client.close()

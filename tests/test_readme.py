"""What the README says is so: its request, its tables, its commands."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from grader_service.graders import GRADER_TYPES
from grader_service.metrics import Metrics
from grader_service.settings import Settings
from tests.definitions import EVERY

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

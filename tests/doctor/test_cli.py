"""`grader-service doctor` as a shell runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.doctor import judges
from tests.doctor.hackable.judged import PROMPT
from tests.doctor.planted import CITIES, multi, python, score_model, string_check
from tests.fakes.upstream import serving_upstream
from tests.processes import start

LIKE = string_check("like")
EXACT = string_check("eq")
SAMPLED = python("""
def grade(sample, item):
    return {"hit": 1.0}.get(sample["output_text"].strip(), 0.0)
""")


def command(*arguments: str, **settings: Any) -> tuple[int, str, str]:
    process = start("doctor", *arguments, **{"sandbox": "off", **settings})
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def write(folder: Path, grader: dict[str, Any], rows: tuple[Any, ...] = CITIES) -> tuple[str, ...]:
    """The arguments that name a grader and its rows."""
    (folder / "grader.json").write_text(json.dumps(grader))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "grader.json"), "--data", str(folder / "rows.jsonl")


def test_a_danger_is_exit_code_1_and_says_all_that_is_needed(tmp_path: Path) -> None:
    code, output, errors = command(*write(tmp_path, LIKE))
    assert (code, errors) == (1, "")
    report = json.loads(output)
    finding = next(each for each in report["findings"] if each["attack"] == "every answer at once")
    assert (finding["earned"], finding["right"], finding["wrong"]) == (1.0, 1.0, 0.0)
    assert (finding["rows"], finding["tried"]) == (3, 3)
    assert "Paris" in finding["sent"]
    assert finding["danger"]
    assert finding["remedy"]


def test_a_sound_grader_is_exit_code_0(tmp_path: Path) -> None:
    code, output, _ = command(*write(tmp_path, EXACT))
    assert code == 0
    report = json.loads(output)
    assert report["findings"] == []
    assert any(note.startswith("blanks:") for note in report["notes"])


def test_one_family_alone(tmp_path: Path) -> None:
    everything = json.loads(command(*write(tmp_path, LIKE))[1])
    report = json.loads(command(*write(tmp_path, LIKE), "--only", "texts")[1])
    assert {finding["family"] for finding in report["findings"]} == {"texts"}
    assert report["grades"] < everything["grades"]


def test_samples_show_what_is_right(tmp_path: Path) -> None:
    arguments = write(tmp_path, SAMPLED)
    (tmp_path / "samples.jsonl").write_text(
        '"hit"\n{"index": 1, "sample": "hit"}\n"miss"\n"miss"\n'
    )
    code, output, errors = command(
        *arguments,
        "--rows",
        "1",
        "--samples",
        str(tmp_path / "samples.jsonl"),
        sandbox="bubblewrap",
    )
    assert (code, errors) == (0, "")
    assert "no output was found that earns" not in output
    without = command(*arguments, "--rows", "1", sandbox="bubblewrap")[1]
    assert "no output was found that earns" in without


def test_judge_calls_are_announced_counted_and_bounded(tmp_path: Path) -> None:
    with serving_upstream(default=judges.last_score) as upstream:
        code, output, errors = command(
            *write(tmp_path, score_model(PROMPT)),
            "--max-judge-calls",
            "20",
            llm_base_url=upstream.base_url,
            llm_api_key="k",
        )
    assert code == 1
    assert errors.startswith("up to 20 questions to judges")
    report = json.loads(output)
    assert len(upstream.received) == report["judge_calls"] == 20
    assert report["findings"][0]["attack"] == "claimed verdict"
    assert any("20 judge calls" in note for note in report["notes"])


def test_skip_judge_asks_none(tmp_path: Path) -> None:
    both = multi("0.5 * named + 0.5 * judge", named=LIKE, judge=score_model(PROMPT))
    with serving_upstream() as upstream:
        code, output, errors = command(
            *write(tmp_path, both), "--skip-judge", llm_base_url=upstream.base_url, llm_api_key="k"
        )
    assert (code, errors) == (1, "")
    assert not upstream.received
    assert "every answer at once" in output


def test_the_budget_of_grades(tmp_path: Path) -> None:
    report = json.loads(command(*write(tmp_path, LIKE), "--max-grades", "30")[1])
    assert report["grades"] == 30
    assert any("30 grades" in note for note in report["notes"])


def test_rows_that_lack_what_the_grader_names_are_told(tmp_path: Path) -> None:
    rows = ({"answer": "Paris"}, {"reply": "Lima"}, {"answer": "Oslo"})
    report = json.loads(command(*write(tmp_path, LIKE, rows))[1])
    assert any(note.startswith("row 1 is left out") and "reply" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("grader", "rows", "more", "hint"),
    [
        (score_model(PROMPT), CITIES, ("--skip-judge",), "leaves nothing"),
        (score_model(PROMPT), CITIES, (), "judge_off"),
        (LIKE, ({"other": 1},), (), "'answer'"),
        (LIKE, (), (), "no usable row"),
        (LIKE, CITIES, ("--only", "manners"), "manners"),
        (LIKE, CITIES, ("--samples", "{folder}/nowhere"), "nowhere"),
        (LIKE, CITIES, ("--samples", "{folder}/bad"), "line 2"),
        (LIKE, CITIES, ("--samples", "{folder}/numbers"), "line 1"),
    ],
)
def test_what_cannot_be_examined_is_exit_code_2(
    tmp_path: Path, grader: dict[str, Any], rows: Any, more: tuple[str, ...], hint: str
) -> None:
    (tmp_path / "bad").write_text('"fine"\n{\n')
    (tmp_path / "numbers").write_text("5\n")
    given = (each.replace("{folder}", str(tmp_path)) for each in more)
    code, output, errors = command(*write(tmp_path, grader, rows), *given)
    assert (code, output) == (2, "")
    assert errors.strip().splitlines()[-1].startswith("error: ")
    assert hint in errors


def test_samples_without_data_are_refused(tmp_path: Path) -> None:
    grader, *_ = write(tmp_path, LIKE)
    code, _, errors = command(grader, "--samples", str(tmp_path / "rows.jsonl"))
    assert code == 2
    assert "--data" in errors

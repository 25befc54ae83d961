"""The commands as a shell runs them."""

import json
import os
from pathlib import Path

import pytest

from tests.definitions import MULTI, PYTHON, STRING_CHECK
from tests.processes import on_terminal, start


def command(*arguments: str) -> tuple[int, str, str]:
    process = start(*arguments, sandbox="off")
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def write(folder: Path, grader: dict) -> str:
    file = folder / "grader.json"
    file.write_text(json.dumps(grader))
    return str(file)


def test_run_writes_json_into_a_pipe(tmp_path: Path) -> None:
    code, output, errors = command(
        "run", write(tmp_path, MULTI), "--item", '{"answer": "Paris"}', "--sample", "Paris"
    )
    assert (code, errors) == (0, "")
    answer = json.loads(output)
    assert answer["reward"] == 1.0
    assert answer["sub_rewards"] == {"exact": 1.0, "near": 1.0}


def test_what_compares_no_texts_needs_no_data_for_it(tmp_path: Path) -> None:
    def graded(grader: dict) -> tuple[int, str]:
        given = (
            "run",
            write(tmp_path, grader),
            "--item",
            '{"answer": "Paris"}',
            "--sample",
            "Paris",
        )
        process = start(*given, sandbox="off", nltk_data="/nowhere")
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    assert graded(STRING_CHECK) == (0, "")
    code, errors = graded(MULTI)
    assert code == 2
    assert "make install" in errors
    process = start("validate", write(tmp_path, MULTI), sandbox="off", nltk_data="/nowhere")
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_run_takes_files(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text('{"answer": "Paris"}')
    (tmp_path / "sample.txt").write_text("Paris")
    code, output, _ = command(
        "run",
        write(tmp_path, STRING_CHECK),
        "--item",
        f"@{tmp_path / 'item.json'}",
        "--sample",
        f"@{tmp_path / 'sample.txt'}",
    )
    assert code == 0
    assert json.loads(output)["reward"] == 1.0


@pytest.mark.parametrize(
    ("grader", "item"),
    [(STRING_CHECK, "{}"), (PYTHON, '{"answer": "Paris"}')],
    ids=["invalid", "failed"],
)
def test_no_reward_is_exit_code_1(tmp_path: Path, grader: dict, item: str) -> None:
    code, output, _ = command("run", write(tmp_path, grader), "--item", item)
    assert code == 1
    assert json.loads(output)["reward"] == 0.0


def test_validate(tmp_path: Path) -> None:
    code, output, errors = command("validate", write(tmp_path, STRING_CHECK), "--json")
    assert (code, errors) == (0, "")
    assert json.loads(output)["grader"] == STRING_CHECK


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("validate", "{folder}/nowhere.json"), "nowhere.json"),
        (("validate", "{folder}/bad.json"), "bad.json:1: "),
        (("run", "{folder}/grader.json", "--item", "[1"), "--item"),
        (("run", "{folder}/grader.json", "--item", "[1]"), "object"),
        (("run", "{folder}/grader.json", "--sample", "@{folder}/nowhere"), "nowhere"),
        (("run", "{folder}/broken.json"), "grade"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], hint: str
) -> None:
    write(tmp_path, STRING_CHECK)
    (tmp_path / "bad.json").write_text(json.dumps({**STRING_CHECK, "operation": "neq"}))
    (tmp_path / "broken.json").write_text(json.dumps({**PYTHON, "source": "x = 1"}))
    code, output, errors = command(*(part.replace("{folder}", str(tmp_path)) for part in arguments))
    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert hint in errors
    assert len(errors.strip().splitlines()) == 1


def test_a_terminal_shows_tables_and_words(tmp_path: Path) -> None:
    code, shown = on_terminal("run", write(tmp_path, MULTI), "--item", "{}", "--sample", "Paris")
    assert code == 1
    assert "invalid" in shown
    assert "variable_missing" in shown
    code, shown = on_terminal("validate", write(tmp_path, MULTI))
    assert (code, shown.strip()) == (0, "valid multi grader 'both'")


def test_brackets_of_the_author_are_shown_as_they_are(tmp_path: Path) -> None:
    named = write(tmp_path, {**STRING_CHECK, "name": "[a] [/b]"})
    code, shown = on_terminal("validate", named)
    assert (code, shown.strip()) == (0, "valid string_check grader '[a] [/b]'")
    code, shown = on_terminal("run", named, "--item", '{"[c] [/d]": 1}')
    assert code == 1
    assert "[a] [/b]" in shown
    assert "[c] [/d]" in shown
    code, shown = on_terminal(
        "validate", write(tmp_path, {**STRING_CHECK, "input": "{{item.a[b]}} [/e]"})
    )
    assert code == 2
    assert "{{item.a[b]}} [/e]" in shown


NO_UTF8 = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    "arguments", [("--sample", NO_UTF8), ("--sample", "@{file}"), ("--item", "@{file}")]
)
def test_text_that_is_no_utf8_is_a_mistake(tmp_path: Path, arguments: tuple[str, str]) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    option, value = arguments
    code, output, errors = command(
        "run",
        write(tmp_path, STRING_CHECK),
        option,
        value.replace("{file}", str(tmp_path / "latin")),
    )
    assert (code, output) == (2, "")
    assert errors.startswith(f"error: {option}")
    assert "UTF-8" in errors
    assert len(errors.strip().splitlines()) == 1

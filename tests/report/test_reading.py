"""What the command takes, and what it says of what it cannot."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grader_service.errors import CannotStart
from grader_service.settings import Settings
from tests.report.rewards import built, cause, record, run, tokens, write


def test_the_last_record_of_a_sample_counts_and_all_is_paid(tmp_path: Path) -> None:
    paid = {"usage": {"gpt-4o": tokens(10, 0, 1)}}
    lines = [
        record(0, 0, 0.0, state="failed", causes=[cause("judge_timed_out")], **paid),
        record(1, 0, 0.25, **paid),
        record(0, 0, 0.75, **paid),
    ]
    found = built(write(tmp_path / "r.jsonl", lines)).summary
    assert (found.replaced, found.outcomes.states["failed"]) == (1, 0)
    assert found.outcomes.causes == ()
    assert found.rewards is not None
    assert (found.rewards.mean, found.rewards.count) == (0.5, 2)
    assert (found.costs[0].prompt_tokens, found.costs[0].cost) == (30, None)


def test_other_lines_of_a_batch_are_passed_over(tmp_path: Path) -> None:
    lines = [
        {"row": 0, "error": {"message": "no object", "type": "x", "param": None, "code": None}},
        record(1, 0, 1.0, item=None, sample=None),
        {"summary": {"graded": 1}, "seconds": 0.1},
    ]
    found = built(write(tmp_path / "r.jsonl", lines))
    assert found.summary.outcomes.samples == 1
    assert "not in the file" in (tmp_path / "r.html").read_text()


def test_the_torn_end_of_a_run_that_was_stopped_is_passed_over(tmp_path: Path) -> None:
    rewards = write(tmp_path / "r.jsonl", [record(0, 0, 1.0), record(1, 0, 0.0)])
    rewards.write_bytes(rewards.read_bytes()[:-20])
    assert built(rewards).summary.outcomes.samples == 1


def test_failed_samples_alone(tmp_path: Path) -> None:
    failed = [record(n, 0, 0.0, state="failed", causes=[cause("judge_off")]) for n in range(3)]
    found = built(write(tmp_path / "r.jsonl", failed)).summary
    assert (found.rewards, found.thresholds, found.spread) == (None, None, None)


def test_rewards_that_never_change(tmp_path: Path) -> None:
    same = [record(n, k, -2.0) for n in range(3) for k in range(2)]
    rewards = write(tmp_path / "r.jsonl", same)
    found = built(rewards, rewards)
    assert found.summary.rewards is not None
    assert found.summary.spread is not None
    assert found.comparison is not None
    assert (found.summary.spread.flat, found.summary.rewards.deviation) == (1.0, 0.0)
    assert "Every sample earns -2" in [said.title for said in found.summary.advice]
    assert found.comparison.spearman is None


def test_other_outputs_are_told(tmp_path: Path) -> None:
    lines = [record(index, 0, index / 9) for index in range(10)]
    others = [{**line, "sample": {"output_text": "another"}} for line in lines[:4]] + lines[4:]
    built(write(tmp_path / "1.jsonl", lines), write(tmp_path / "2.jsonl", others))
    assert (
        "4 of 10 pairs looked at do not have the same output" in (tmp_path / "1.html").read_text()
    )


@pytest.mark.parametrize("form", ["texts", "mixed", "structs"])
def test_parquet_gives_what_jsonl_gives(tmp_path: Path, form: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    lines = [
        record(
            index,
            n,
            index / 9,
            parts={"near": n / 3} if index else {},
            usage={"gpt-4o": tokens(5, 0, 1)},
            causes=[cause("sample_not_json")] if index == 4 else [],
            state="invalid" if index == 4 else "value",
        )
        for index in range(10)
        for n in range(3)
    ]
    texts = ("parts", "usage", "item", "sample")
    nested = {"texts": ("causes", *texts), "mixed": texts, "structs": ()}[form]
    rows = [
        {key: json.dumps(value) if key in nested else value for key, value in line.items()}
        for line in lines
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "2.parquet", row_group_size=7)
    expected = built(write(tmp_path / "1.jsonl", lines))
    found = built(tmp_path / "2.parquet")
    assert found.summary == expected.summary
    pages = [(tmp_path / name).read_text() for name in ("1.html", "2.html")]
    assert pages[1].replace("2.parquet", "1.jsonl") == pages[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no record"),
        ('{"index": 0}\n', "bad.jsonl:1: no record of `grader-service grade`: `n`: Field required"),
        (json.dumps(record(0, 0, 1.0)) + "\n{\n", "bad.jsonl:2: "),
        ('{"index": 0, "n"', "holds no record"),
        ('{"header": 1}', "bad.jsonl:1: "),
        (json.dumps(record(0, 0, 1.0)).replace("1.0", "NaN"), "reward is nan"),
        (json.dumps(record(-1, 0, 1.0)), "index -1"),
        (json.dumps(record(0, 0, 1.0, state="good")), "`state`"),
    ],
)
def test_no_records(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(CannotStart, match=re.escape(told)):
        built(tmp_path / "bad.jsonl")
    assert not (tmp_path / "bad.html").exists()


def test_files_that_cannot_be(tmp_path: Path) -> None:
    good = write(tmp_path / "r.jsonl", [record(0, 0, 1.0)])
    elsewhere = write(tmp_path / "o.jsonl", [record(1, 0, 1.0)])
    (tmp_path / "text.parquet").write_text("no parquet")
    for rewards, told in (
        ((tmp_path / "nowhere.jsonl",), "No such file"),
        ((tmp_path,), "no regular file"),
        ((tmp_path / "text.parquet",), "no Parquet file"),
        ((good, elsewhere), "in common"),
    ):
        with pytest.raises(CannotStart, match=told) as caught:
            built(*rewards)
        assert "\n" not in str(caught.value)


def test_mistakes_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    good = write(tmp_path / "r.jsonl", [record(0, 0, 1.0)])
    code, output, errors = run(good, "--output", tmp_path / "no" / "page.html")
    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert "cannot be written: No such file" in errors
    assert len(errors.strip().splitlines()) == 1


def test_a_missing_library_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "jinja2.py").write_text(
        "raise ModuleNotFoundError('No module named jinja2', name='jinja2')"
    )
    done = subprocess.run(
        [sys.executable, "-m", "grader_service", "report", "r.jsonl"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: a report needs jinja2, which is not installed: pip install 'grader-service[report]'\n"
    )


def test_prices_of_the_judges_file_need_no_keys(tmp_path: Path) -> None:
    judges = tmp_path / "judges.yaml"
    judges.write_text(
        "upstreams: {local: {base_url: http://127.0.0.1:1/v1, api_key_env: NOT_SET_ANYWHERE}}\n"
        "models:\n"
        "  asked: {upstream: local, model: deployed, price: {input: 3, output: 1}}\n"
        '  "free-*": {upstream: local}\n'
    )
    usage = {name: tokens(1_000_000, 0, 0) for name in ("asked", "deployed", "free-1", "unknown")}
    rewards = write(tmp_path / "r.jsonl", [record(0, 0, 1.0, usage=usage)])
    found = built(rewards, settings=Settings(judges=judges))
    assert {cost.model: cost.cost for cost in found.summary.costs} == {
        "asked": 3.0,
        "deployed": 3.0,
        "free-1": None,
        "unknown": None,
    }


@pytest.mark.skipif(
    sys.platform != "linux", reason="##### NOT CHECKED: peak memory is in KiB on Linux only #####"
)
def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    def peak(path: Path) -> float:
        """MiB."""
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "grader_service",
                "report",
                path,
                "--output",
                path.with_suffix(".html"),
            ],
            stdout=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return used.ru_maxrss / 1024

    few = [record(index, 0, index / 100) for index in range(100)]
    line = record(0, 0, 0.0, item={"prompt": "x" * 10_000})
    many = tmp_path / "many.jsonl"
    with many.open("w") as file:
        for index in range(10_000):
            file.write(json.dumps({**line, "index": index, "reward": index / 10_000}) + "\n")
    assert many.stat().st_size > 100e6
    assert peak(many) - peak(write(tmp_path / "few.jsonl", few)) < 40

"""`azure.ai.evaluation.evaluate(...)` works against this server by its configuration alone (evals-api §5).

Each grader's score depends on its row, so that a result on a wrong row shows.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz import fuzz

from tests.evals.azure_program import row
from tests.fakes.upstream import obliging, serving_upstream
from tests.processes import serving

ROWS = {"azure": 250, "azure_deployment": 21, "openai": 21}
"""Output items come in pages of 100."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("azure")
    with (
        serving_upstream(default=obliging) as upstream,
        serving(sandbox="bubblewrap", llm_base_url=upstream.base_url, data_dir=folder) as server,
    ):
        wanted = [f"{kind}:{count}" for kind, count in ROWS.items()]
        done = subprocess.run(
            [sys.executable, "-m", "tests.evals.azure_program", server.address, *wanted],
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        yield json.loads(done.stdout.splitlines()[-1])


def expected(number: int) -> dict[str, tuple[float, bool]]:
    """The right score, and whether it passes. What could not be graded is a 0 that does not pass."""
    data = row(number)
    score = 0.0 if data["number"] == "none" else number % 4 / 4
    near = fuzz.WRatio(data["answer"], data["expected"]) / 100
    return {
        "exact": (float(number % 3 != 0), number % 3 != 0),
        "near": (near, near >= 0.99),
        "code": (score, score >= 0.5),
        "judged": (float(data["mark"]), data["mark"] >= 5),
        "labelled": (float(data["mood"] == "good"), data["mood"] == "good"),
    }


@pytest.mark.parametrize("kind", ROWS)
def test_every_row_has_its_own_scores(results: dict[str, Any], kind: str) -> None:
    rows = results[kind]["rows"]
    assert len(rows) == ROWS[kind]
    for number, found in enumerate(rows):
        assert found["question"] == f"What is {number} + 1?"
        for name, (score, passed) in expected(number).items():
            told = {key: found[f"outputs.{name}.{key}"] for key in ("score", "passed")}
            assert told == {"score": pytest.approx(score), "passed": passed}, (number, name)
            assert found[f"outputs.{name}.{name}_result"] == ("pass" if passed else "fail")


@pytest.mark.parametrize("kind", ROWS)
def test_what_could_not_be_graded_says_why_on_its_row(results: dict[str, Any], kind: str) -> None:
    for number, found in enumerate(results[kind]["rows"]):
        error = found["outputs.code.error"]
        assert ("'none'" in error) if number % 7 == 6 else (error is None), number


@pytest.mark.parametrize("kind", ROWS)
def test_pass_rates_leave_out_what_could_not_be_graded(results: dict[str, Any], kind: str) -> None:
    graded = {name: [expected(n)[name][1] for n in range(ROWS[kind])] for name in expected(0)}
    graded["code"] = [passed for n, passed in enumerate(graded["code"]) if n % 7 != 6]
    for name, passed in graded.items():
        rate = results[kind]["metrics"][f"{name}.pass_rate"]
        assert rate == pytest.approx(sum(passed) / len(passed)), name


def test_nested_and_boolean_fields_come_back_as_they_were(results: dict[str, Any]) -> None:
    for number, found in enumerate(results["azure"]["rows"]):
        assert found["flag"] is (number % 2 == 0)
        assert found["nested"] == {"list": [number, {"deep": True}]}

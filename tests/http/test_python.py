"""Python graders through the whole service, as a process of its own on the loop that it really runs on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests import processes
from tests.definitions import ITEM, MULTI, PYTHON

WRATIO = """from rapidfuzz import fuzz, utils

def grade(sample, item):
    return fuzz.WRatio(sample["output_text"], item["answer"], processor=utils.default_process) / 100
"""


@pytest.fixture(scope="module", params=["docker", "bubblewrap"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, docker_host: None
) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("catalogue")
    (folder / "code.json").write_text(json.dumps(PYTHON))
    settings = {"sandbox": request.param, "sandbox_timeout_seconds": 3, "catalogue": folder}
    with processes.serving(**settings) as server:
        state = httpx.get(f"{server.address}/readyz").json()["sandbox"]
        if not state["ready"]:
            loud = f"##### NOT TESTED: no {request.param} engine here: {state['reason']} #####"
            (pytest.fail if os.environ.get("GRADER_TESTS_NEED_DOCKER") else pytest.skip)(loud)
        yield server.address


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def run(
    client: openai.OpenAI, source: str, sample: str = "Paris", item: dict = ITEM
) -> tuple[float, dict]:
    answer = client.fine_tuning.alpha.graders.run(
        grader={**PYTHON, "source": source}, model_sample=sample, item=item
    )
    errors = answer.metadata.errors.to_dict()
    return answer.reward, {key: value for key, value in errors.items() if value}


def test_a_reward(client: openai.OpenAI) -> None:
    assert run(client, PYTHON["source"]) == (1.0, {})
    assert run(client, PYTHON["source"], "Rome") == (0.0, {})


def test_the_hosted_services_own_pair(client: openai.OpenAI) -> None:
    item = {"answer": "fuzzy wuzzy had no hair"}
    assert run(client, WRATIO, "fuzzy wuzzy was a bear", item) == (0.7555555555555555, {})


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("return 'x'", "'str'"),
        ("return float('nan')", "nan"),
        ("import os; os._exit(0)", "exit status 0"),
        ("while True: pass", "time limit"),
        ("return len(bytearray(3 * 10**9))", "memory limit"),
    ],
)
def test_each_failure_has_its_name(client: openai.OpenAI, body: str, details: str) -> None:
    reward, errors = run(client, f"def grade(sample, item):\n    {body}\n")
    assert reward == 0.0
    assert errors.pop("python_grader_runtime_error") is True
    assert details in errors.pop("python_grader_runtime_error_details")
    assert errors == {}


def test_the_sample_is_that_of_the_wire(client: openai.OpenAI) -> None:
    source = (
        "def grade(sample, item):\n"
        "    message = sample['choices'][0]['message']\n"
        "    return message['content'] == sample['output_text'] and sample['output_json']['n'] == item['n']\n"
    )
    assert run(client, source, '{"n": 123456789012345678901}', {"n": 123456789012345678901}) == (
        1.0,
        {},
    )


def test_as_a_part_of_a_multi(client: openai.OpenAI) -> None:
    grader = {
        **MULTI,
        "graders": {**MULTI["graders"], "code": PYTHON},
        "calculate_output": "exact + near + code",
    }
    answer = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="Paris", item=ITEM)
    assert answer.reward == 3.0


def test_a_training_jobs_call(address: str) -> None:
    posted = {"sample": {"output_text": "Paris"}, "item": ITEM, "trace_id": "trace_1"}
    found = httpx.post(f"{address}/graders/code", json=posted).json()
    assert (found["score"], found["valid"]) == (1.0, True)


def test_metrics_tell_of_the_engine(address: str, client: openai.OpenAI) -> None:
    run(client, PYTHON["source"])
    text = httpx.get(f"{address}/metrics").text
    assert 'grader_sandbox_runs_total{end="value"}' in text
    engine = httpx.get(f"{address}/readyz").json()["sandbox"]["engine"]
    assert f'grader_sandbox_engine{{engine="{engine}"}} 1.0' in text

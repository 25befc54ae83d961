"""The service image: built without a network on the offline base, run as compose runs it, asked, and stopped."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from grader_service.settings import Settings
from tests.deploy.places import TOP

BASE = "grader-base:bookworm"
"""The Python base that `.ci/engine` brings into its engine."""
TAG = f"grader-service:test-{os.getpid()}"
ASK = """
import json, sys, urllib.request as r
def ask(path, body=None):
    headers = {"content-type": "application/json", "authorization": "Bearer smoke"}
    request = r.Request("http://127.0.0.1:8000" + path, body and json.dumps(body).encode(), headers)
    return r.urlopen(request, timeout=20).read()
ask("/healthz")
grader = {"type": "string_check", "name": "c", "operation": "eq", "input": "{{sample.output_text}}", "reference": "{{item.a}}"}
path = "/v1/fine_tuning/alpha/graders/run"
print([json.loads(ask(path, {"grader": grader, "model_sample": s, "item": {"a": "Paris"}}))["reward"] for s in ("Paris", "Rome")])
near = {**grader, "type": "text_similarity", "evaluation_metric": "meteor"}
del near["operation"]
print(json.loads(ask(path, {"grader": near, "model_sample": "a cat", "item": {"a": "a cat"}}))["reward"] > 0.9)
"""
"""Inside of the container, which has no network but its own loopback; meteor needs the image's NLTK data."""


def _missing(reason: str) -> None:
    loud = f"##### NOT TESTED: {reason} #####"
    if os.environ.get("GRADER_TESTS_NEED_DOCKER"):
        pytest.fail(loud)
    pytest.skip(loud)


@pytest.fixture(scope="module")
def api(docker_host: None) -> Iterator[Any]:
    host = Settings().docker_host or "unix:///var/run/docker.sock"
    if not Path(host.removeprefix("unix://")).is_socket():
        _missing("no docker engine here")
    client = docker.APIClient(base_url=host, version="auto", timeout=120)
    with contextlib.closing(client):
        if not client.images(BASE):
            _missing(f"the engine has no {BASE}; `.ci/engine start` makes an engine that has it")
        yield client


@pytest.fixture(scope="module")
def image(api: Any) -> Iterator[str]:
    environment = {**os.environ, "BASE": BASE, "NETWORK": "none", "TAG": TAG}
    built = subprocess.run(
        ["deploy/build"], cwd=TOP, env=environment, capture_output=True, text=True, timeout=280
    )
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    yield TAG
    api.remove_image(TAG, force=True)


@pytest.fixture(scope="module")
def container(api: Any, image: str) -> Iterator[str]:
    """As locked as docker-compose.yml has it, and without any network at all."""
    host = api.create_host_config(
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        tmpfs={"/tmp": "size=64m,mode=1777", "/var/lib/grader": "uid=10001,mode=0700"},
        mem_limit="1g",
    )
    made = api.create_container(
        image,
        host_config=host,
        environment={"GRADER_API_KEYS": "smoke:smoke", "GRADER_SANDBOX": "off"},
    )["Id"]
    try:
        api.start(made)
        end = time.monotonic() + 60
        while b'"listening"' not in api.logs(made):
            assert api.inspect_container(made)["State"]["Running"], api.logs(made).decode()
            assert time.monotonic() < end, api.logs(made).decode()
            time.sleep(0.1)
        yield made
    finally:
        api.remove_container(made, force=True)


def _inside(api: Any, container: str, *command: str) -> tuple[int, str]:
    run = api.exec_create(container, list(command))["Id"]
    output = api.exec_start(run).decode()
    return api.exec_inspect(run)["ExitCode"], output


@pytest.mark.timeout(360)
def test_the_image_grades(api: Any, container: str) -> None:
    status, said = _inside(api, container, "python", "-c", ASK)
    assert (status, said.split("\n")[:2]) == (0, ["[1.0, 0.0]", "True"]), said


def test_it_is_nobody_of_importance(api: Any, container: str) -> None:
    assert _inside(api, container, "id", "-u")[1].strip() == "10001"
    status = _inside(api, container, "cat", "/proc/1/status")[1]
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    assert int(effective.split()[1], 16) == 0


@pytest.mark.parametrize("folder", ["/", "/app", "/app/grader_service", "/opt/venv", "/etc"])
def test_nothing_of_it_can_be_written(api: Any, container: str, folder: str) -> None:
    assert _inside(api, container, "touch", f"{folder}/planted")[0] != 0


def test_it_holds_no_installer_and_no_wheels(api: Any, container: str) -> None:
    assert _inside(api, container, "python", "-c", "import pip")[0] != 0
    assert _inside(api, container, "ls", "/build")[0] != 0


def test_sigterm_ends_it_as_a_success(api: Any, container: str) -> None:
    """The last test of the container: it is gone then."""
    api.kill(container, "SIGTERM")
    assert api.wait(container, timeout=30)["StatusCode"] == 0

"""docker-compose.yml: what old and new Compose accept, settings that exist, and the locks that must stay shut."""

import re
from pathlib import Path

import pytest
import yaml

from grader_service.settings import Settings
from tests.deploy.places import DEPLOY, TOP, read, run

FILE = TOP / "docker-compose.yml"
COMPOSE = read(FILE)
SERVICES = COMPOSE["services"]
SETTINGS = {f"GRADER_{name.upper()}" for name in Settings.model_fields}
OF_COMPOSE = {"GRADER_IMAGE", "GRADER_BIND", "GRADER_CATALOGUE_FOLDER"}
"""Variables that Compose itself reads."""


@pytest.fixture
def no_env(tmp_path: Path) -> tuple[str, str]:
    """The developer's own `.env` must not change what a test sees."""
    empty = tmp_path / "empty.env"
    empty.touch()
    return ("--env-file", str(empty))


def test_docker_compose_accepts_the_file(no_env) -> None:
    done = run("docker-compose", *no_env, "config", "--quiet", GRADER_API_KEYS="trainer:key")
    assert done.returncode == 0, done.stderr


def test_docker_compose_accepts_the_rootful_engine(no_env) -> None:
    files = ("--file", "docker-compose.yml", "--file", "deploy/engine/rootful.yml")
    done = run(
        "docker-compose", *no_env, *files, "config", "--quiet", GRADER_API_KEYS="trainer:key"
    )
    assert done.returncode == 0, done.stderr


def test_docker_compose_accepts_keys_in_a_file(no_env) -> None:
    files = ("--file", "docker-compose.yml", "--file", "deploy/keys.yml")
    given = {"GRADER_API_KEYS": "", "GRADER_KEYS_FOLDER": "/srv/keys"}
    done = run("docker-compose", *no_env, *files, "config", **given)
    assert done.returncode == 0, done.stderr
    grader = yaml.safe_load(done.stdout)["services"]["grader"]
    folder = grader["environment"]["GRADER_API_KEYS_FILE"].rpartition("/")[0]
    assert f"/srv/keys:{folder}:ro" in grader["volumes"]
    assert not grader["environment"]["GRADER_API_KEYS"]


def test_without_keys_nothing_starts(no_env) -> None:
    done = run("docker-compose", *no_env, "config", "--quiet")
    assert done.returncode != 0
    assert "GRADER_API_KEYS=trainer:SECRET" in done.stderr


def test_settings_exist() -> None:
    named = set(re.findall(r"\bGRADER_[A-Z_]+", FILE.read_text()))
    assert named <= SETTINGS | OF_COMPOSE
    assert set(SERVICES["grader"]["environment"]) <= SETTINGS
    image = set(re.findall(r"\bGRADER_[A-Z_]+(?==)", (DEPLOY / "Dockerfile").read_text()))
    assert image <= SETTINGS
    assert image


def test_the_service_gets_no_more_than_it_needs() -> None:
    grader = SERVICES["grader"]
    assert grader["read_only"] is True
    assert grader["cap_drop"] == ["ALL"]
    assert grader["security_opt"] == ["no-new-privileges:true"]
    assert not grader.get("privileged")


def test_nobody_gets_the_hosts_socket() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", ())]
    assert mounts
    assert not [mount for mount in mounts if "docker.sock" in mount or mount.startswith("/")]


def test_the_engine_has_neither_root_nor_network() -> None:
    engine = SERVICES["engine"]
    assert engine["user"] == "1000:1000"
    assert engine["network_mode"] == "none"
    assert "privileged" not in engine
    assert "cap_add" not in engine


def test_ports_are_open_to_this_machine_alone_unless_told() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert sorted(port.rpartition("-")[2] for port in ports) == [
        "127.0.0.1}:3000:3000",
        "127.0.0.1}:8000:8000",
    ]


def test_a_stop_waits_for_requests_in_flight() -> None:
    grader = SERVICES["grader"]
    grace = int(grader["stop_grace_period"].removesuffix("s"))
    assert grace > int(grader["environment"]["GRADER_SHUTDOWN_SECONDS"])

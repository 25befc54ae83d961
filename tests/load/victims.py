"""The sandbox workers of one server, to be measured and killed; each by its first process on this machine."""

import contextlib
import os
import random
import signal
from pathlib import Path
from typing import Any

import docker

from grader_service.settings import Settings


def descendants(pid: int) -> list[int]:
    return [each for child in _children(pid) for each in (child, *descendants(child))]


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    return []


def workers(server: int, engine: str) -> list[int]:
    """Containers, or children that are sandboxes; the processes of single grades are below these."""
    if engine == "docker":
        return _containers(server)
    return [pid for pid in _children(server) if "/runner.py" in _reads(pid, "cmdline")]


def kill_worker(server: int, engine: str) -> bool:
    """Kill one of the server's workers by SIGKILL; False where it has none."""
    found = workers(server, engine)
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(random.choice(found), signal.SIGKILL)
        return True
    return False


def private_mebibytes(worker: int) -> float:
    """What a worker with all below it shares with nobody."""
    kibibytes = 0
    for pid in (worker, *descendants(worker)):
        for line in _reads(pid, "smaps_rollup").splitlines():
            if line.startswith("Private_"):
                kibibytes += int(line.split()[1])
    return kibibytes / 1024


def _reads(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text().strip()
    return ""


def _containers(server: int) -> list[int]:
    host = Settings().docker_host or "unix:///var/run/docker.sock"
    api: Any = docker.APIClient(base_url=host, version="auto")
    with contextlib.closing(api):
        found = api.containers(filters={"label": "grader-service.sandbox"})
        ours = [each for each in found if f"/{server}/" in each["Labels"]["grader-service.owner"]]
        pids = []
        for each in ours:
            with contextlib.suppress(docker.errors.APIError):  # it has just ended by itself
                pids.append(api.inspect_container(each["Id"])["State"]["Pid"])
        return [pid for pid in pids if pid]

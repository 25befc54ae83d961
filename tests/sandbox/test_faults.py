"""What happens to containers and servers from outside: no wrong reward, no lost answer, nothing left."""

import asyncio
import gc
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from grader_service.errors import SandboxOff, SandboxOverloaded, SandboxUnavailable
from grader_service.events import SandboxOpened, SandboxWorkerLost
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG, Program
from grader_service.sandbox.docker import is_old_runc
from grader_service.sandbox.open import open_sandbox
from grader_service.settings import Settings
from tests.fakes.engine_proxy import EngineProxy
from tests.sandbox.test_pool import PLAIN, SLEEP, opened

SERVER = """
import asyncio, sys
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG, Program
from grader_service.sandbox.open import open_sandbox
from grader_service.settings import Settings

async def main():
    async with open_sandbox(Settings(sandbox=sys.argv[1]), lambda event: None) as sandbox:
        source = "import time\\ndef grade(sample, item):\\n    time.sleep(100)\\n"
        run = asyncio.create_task(sandbox.run(Program(source, {}, {})))
        while sandbox.status().engine != "off" and not sandbox.status().workers["busy"]:
            await asyncio.sleep(0.01)
        print(sandbox.status().engine, flush=True)
        await run

asyncio.run(main())
"""


@pytest.fixture
def api(docker_host: None) -> Iterator[Any]:
    host = Settings().docker_host or "unix:///var/run/docker.sock"
    if not Path(host.removeprefix("unix://")).is_socket():
        if os.environ.get("GRADER_TESTS_NEED_DOCKER"):
            pytest.fail("no docker engine here")
        pytest.skip("##### NOT TESTED: no docker engine here #####")
    client = docker.APIClient(base_url=host, version="auto")
    yield client
    client.close()


def ours(api: Any, owner: int | None = None) -> list[str]:
    """The containers of this process, or of another."""
    mark = f"/{owner or os.getpid()}/"
    found = api.containers(all=True, filters={"label": "grader-service.sandbox"})
    return [each["Id"] for each in found if mark in each["Labels"]["grader-service.owner"]]


async def test_an_engine_that_comes_later_is_found(api: Any, tmp_path: Path) -> None:
    engine = Settings().docker_host or "unix:///var/run/docker.sock"
    proxy = EngineProxy(tmp_path / "engine.sock", engine)
    before = set(ours(api))
    seen: list[Any] = []
    settings = Settings(sandbox="docker", docker_host=proxy.address, sandbox_spares=0)
    async with open_sandbox(settings, seen.append) as sandbox:
        with pytest.raises(SandboxOff, match="does not answer"):
            await sandbox.run(Program(PLAIN, {}, {"n": 7}))
        await proxy.start()
        while sandbox.status().engine == "off":
            await asyncio.sleep(0.05)
        assert (await sandbox.run(Program(PLAIN, {}, {"n": 7}))).value == 1
        assert set(ours(api)) - before
    await proxy.stop()
    assert not set(ours(api)) - before
    opened = [event.engine for event in seen if isinstance(event, SandboxOpened)]
    assert opened == ["off", "docker"]


async def test_killed_busy_worker_costs_no_answer(api: Any) -> None:
    before = set(ours(api))
    async with opened("docker", sandbox_spares=0) as here:
        run = asyncio.create_task(here.sandbox.run(Program(SLEEP, {}, {"seconds": 0.7})))
        await here.until(busy=1)
        (container,) = set(ours(api)) - before
        api.kill(container)
        assert (await run).value == 1
        assert [event.reason for event in here.events if isinstance(event, SandboxWorkerLost)] == [
            "died"
        ]
    assert set(ours(api)) <= before


async def test_killed_idle_workers_and_spares_are_not_handed_out(api: Any) -> None:
    before = set(ours(api))
    async with opened("docker") as here:
        assert await here.grade(1) == 1 / 7
        await here.until(idle=1, spare=1)
        for container in set(ours(api)) - before:
            api.kill(container)
        assert [await here.grade(n) for n in range(4)] == [n / 7 for n in range(4)]
        assert await here.grade(5, PLAIN + "# another\n") == 5 / 7


async def test_paused_worker_is_found_silent(api: Any) -> None:
    """An idle worker that does not answer a ping is thrown away, though its stream stands."""
    before = set(ours(api))
    async with opened("docker", sandbox_spares=0) as here:
        assert await here.grade(1) == 1 / 7
        await here.until(idle=1)
        (container,) = set(ours(api)) - before
        api.pause(container)
        await here.until(idle=0, ending=0)
        assert [event.reason for event in here.events if isinstance(event, SandboxWorkerLost)] == [
            "silent"
        ]
        assert await here.grade(2) == 2 / 7


async def test_containers_of_a_killed_server_are_removed_at_the_next_start(api: Any) -> None:
    server = await started("docker")
    left = ours(api, server.pid)
    assert left
    server.kill()
    server.wait()
    async with opened("docker") as here:
        assert await here.grade(1) == 1 / 7
        assert ours(api, server.pid) == []


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
async def test_processes_of_a_killed_server_end(name: str) -> None:
    server = await started("bubblewrap")
    left = descendants(server.pid)
    assert len(left) >= 4
    server.send_signal(signal.Signals[name])
    server.wait()
    await until_gone(left)


async def until_gone(pids: list[int]) -> None:
    async with asyncio.timeout(10):
        while any(map(is_alive, pids)):
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def started(engine: str) -> subprocess.Popen[str]:
    """A server in a process of its own, with one grade running."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, engine], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    said = (await asyncio.to_thread(server.stdout.readline)).strip()
    server.stdout.close()
    if said != engine:
        server.kill()
        server.wait()
        pytest.skip(f"##### NOT TESTED: no {engine} engine here #####")
    return server


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found.extend([child, *descendants(child)])
    return found


async def test_containers_are_made_as_hard_as_they_can_be(api: Any) -> None:
    before = set(ours(api))
    async with opened("docker") as here:
        await here.until(spare=1)
        (container,) = set(ours(api)) - before
        made = api.inspect_container(container)
    host, config = made["HostConfig"], made["Config"]
    assert host["NetworkMode"] == "none"
    assert host["Memory"] == host["MemorySwap"] == 2 << 30
    assert (host["NanoCpus"], host["PidsLimit"], host["ReadonlyRootfs"]) == (10**9, 128, True)
    assert (host["CapDrop"], sorted(host["CapAdd"])) == (["ALL"], ["KILL", "SETGID", "SETUID"])
    assert "no-new-privileges" in host["SecurityOpt"]
    profile = next(each for each in host["SecurityOpt"] if each.startswith("seccomp="))
    assert json.loads(profile.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert all("nr_inodes=" in mount and "size=" in mount for mount in host["Tmpfs"].values())
    assert host["LogConfig"]["Type"] == "none"
    assert host["Binds"] is None
    assert not host["Privileged"]
    own = {each.partition("=")[0] for each in config["Env"]}
    inherited = {
        each.partition("=")[0] for each in api.inspect_image(config["Image"])["Config"]["Env"] or ()
    }
    assert own - inherited <= {"PYTHONHASHSEED", "PYTHONPATH", "PATH"}


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("1.1.5+ds1", True),
        ("1.2.7", True),
        ("1.2.8", False),
        ("1.3.0", True),
        ("1.3.2-rc1", True),
        ("1.3.3", False),
        ("1.4.0", False),
        ("2.0", False),
        ("unknown", False),
    ],
)
def test_age_of_the_engine(version: str, old: bool) -> None:
    assert is_old_runc(version) is old


async def test_missing_image_says_what_to_do(api: Any) -> None:
    events: list[Any] = []
    settings = Settings.model_validate(
        {**Settings().model_dump(), "sandbox": "docker", "sandbox_image": "no-such-image"}
    )
    async with open_sandbox(settings, events.append) as sandbox:
        assert sandbox.status().engine == "off"
        assert "make image" in sandbox.status().reason
    assert [type(event) for event in events] == [SandboxOpened]


async def test_an_image_of_another_version_is_not_used(api: Any) -> None:
    """Its runner may speak otherwise: it must be said at start, not be found out by a grade that hangs."""
    base = f"{Settings().sandbox_image}:{DEFAULT_IMAGE_TAG}"
    text = f"FROM {base}\nLABEL grader-service.runner=of-another-version\n"
    name = f"grader-sandbox-test-{os.getpid()}"
    tag = f"{name}:{DEFAULT_IMAGE_TAG}"
    list(api.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True, decode=True))
    try:
        settings = Settings(sandbox="docker", sandbox_image=name)
        async with open_sandbox(settings, lambda _event: None) as sandbox:
            assert sandbox.status().engine == "off"
            assert "another version of the runner" in sandbox.status().reason
            assert "make image" in sandbox.status().reason
    finally:
        api.remove_image(tag)


# docker-py leaves a socket to the garbage collector where an engine's address has nobody behind it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_engine_that_goes_away_and_comes_back(api: Any, tmp_path: Path) -> None:
    """Grades fail by name meanwhile, nothing is scored, and the service finds back by itself."""
    engine = Settings().docker_host or "unix:///var/run/docker.sock"
    async with EngineProxy(tmp_path / "docker.sock", engine) as proxy:
        settings = Settings(sandbox="docker", docker_host=proxy.address, sandbox_queue_seconds=2)
        async with open_sandbox(settings, lambda _event: None) as sandbox:

            async def graded(n: int) -> float | None:
                try:
                    return (await sandbox.run(Program(PLAIN, {}, {"n": n}))).value
                except (SandboxUnavailable, SandboxOverloaded):
                    return None

            assert await graded(7) == 1
            await proxy.stop()
            async with asyncio.timeout(30):
                while sandbox.status().ready:
                    assert await graded(14) is None
            await proxy.start()
            async with asyncio.timeout(60):
                while (value := await graded(21)) is None:
                    await asyncio.sleep(0.2)
            assert value == 3
            assert sandbox.status().ready is True
    gc.collect()  # what the next test must not find
    assert ours(api) == []

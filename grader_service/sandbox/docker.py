"""Runners in containers: hardened flags, one attached stream each, nothing left behind."""

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import docker
from docker.errors import DockerException, ImageNotFound
from docker.types import LogConfig, Ulimit
from requests.exceptions import RequestException

from grader_service.sandbox import inside
from grader_service.sandbox.engine import End, LaunchFailed, Limits
from grader_service.sandbox.owner import LABEL, OWNER_LABEL, describe_owner, is_gone
from grader_service.sandbox.worker import Worker

RUNNER_LABEL = "grader-service.runner"
"""Of images: the digest of the runner that `sandbox_image/build` put in, see `inside.runner_digest`."""

_T = TypeVar("_T")
_API_SECONDS = 60
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_THREADS = 4
_FIRST_UID, _UIDS = 10_000, 50_000
_PIDS = 128
_PACKAGES = "/opt/packages"
_SHM = "size=64m,nr_inodes=4096,mode=1777,nosuid,nodev,noexec"
_RUNC_WITHOUT_KNOWN_ESCAPES = ((1, 2, 8), (1, 3, 3))
_ENGINE_ERRORS = (DockerException, RequestException, OSError)


@dataclass(frozen=True, slots=True)
class Containers:
    """How containers are made, whatever the grader is."""

    image: str
    limits: Limits
    seccomp: Path
    runtime: str | None = None
    host: str | None = None


class DockerEngine:
    """Implements `Engine`; made by `open_docker`."""

    name: Literal["docker"] = "docker"

    def __init__(self, api: docker.APIClient, containers: Containers) -> None:
        self._api = api
        self._containers = containers
        self._seccomp = json.dumps(json.loads(containers.seccomp.read_text()))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        self._owner = describe_owner()

    async def launch(self, image_tag: str) -> tuple[Worker, End]:
        start = asyncio.ensure_future(self._off_loop(self._start, image_tag))
        try:
            container, stream = await asyncio.shield(start)
        except asyncio.CancelledError:
            # a thread cannot be stopped: wait for what it makes, and end that
            with contextlib.suppress(LaunchFailed):
                container, stream = await start
                stream.close()
                await self._end(container)
            raise
        worker = Worker(multiplexed=True)
        try:
            await asyncio.get_running_loop().create_connection(lambda: worker, sock=stream)
        except BaseException:
            stream.close()
            await asyncio.shield(self._end(container))
            raise
        return worker, partial(self._end, container)

    async def check(self, image_tag: str) -> None:
        """Raises `LaunchFailed` where the engine does not answer, the image is not there, or its runner is another one."""
        await self._off_loop(self._inspect, f"{self._containers.image}:{image_tag}")

    async def remove_leftovers(self) -> int:
        """Remove the containers of servers that are no more; returns how many there were."""
        return await self._off_loop(self._remove_leftovers)

    async def warnings(self) -> tuple[str, ...]:
        """What the operator should know about this engine's age."""
        return await self._off_loop(self._warnings)

    async def close(self) -> None:
        await self._off_loop(self._remove_own)
        self._threads.shutdown()
        self._api.close()

    async def _off_loop(self, function: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _inspect(self, image: str) -> None:
        try:
            found = self._api.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound as error:
            raise LaunchFailed(
                f"the container engine has no image {image!r}: build it with `make image`",
                permanent=True,
            ) from error
        except _ENGINE_ERRORS as error:
            raise LaunchFailed(f"the container engine does not answer: {_line(error)}") from error
        if (found["Config"]["Labels"] or {}).get(RUNNER_LABEL) != inside.runner_digest():
            raise LaunchFailed(
                f"the image {image!r} holds another version of the runner: build it again with `make image`",
                permanent=True,
            )

    def _start(self, image_tag: str) -> tuple[str, socket.socket]:
        image = f"{self._containers.image}:{image_tag}"
        container: str | None = None
        try:
            container = self._api.create_container(
                image,
                command=self._command(),
                name=f"grader-sandbox-{secrets.token_hex(8)}",
                hostname="grader",
                user="0:0",
                working_dir="/",
                entrypoint="",
                environment={"PYTHONHASHSEED": "0", "PYTHONPATH": _PACKAGES},
                stdin_open=True,
                network_disabled=True,
                labels={LABEL: "1", OWNER_LABEL: self._owner},
                host_config=self._host_config(),
            )["Id"]
            stream = self._attach(container)
            self._api.start(container)
            return container, stream
        except ImageNotFound as error:
            raise LaunchFailed(
                f"the container engine has no image {image!r}: build it with `make image`",
                permanent=True,
            ) from error
        except _ENGINE_ERRORS as error:
            if container is not None:
                self._remove(container)
            raise LaunchFailed(f"no sandbox container could be started: {_line(error)}") from error

    def _command(self) -> list[str]:
        limits = self._containers.limits
        # not -I: it would ignore PYTHONHASHSEED; the environment is ours alone
        return [
            *("python3", "-P", "-s", "-B", "/opt/grader/runner.py"),
            f"--timeout-seconds={limits.timeout_seconds}",
            f"--memory-bytes={limits.memory_bytes}",
            f"--disk-bytes={limits.disk_bytes}",
            # kernels count a user's processes over all containers: start elsewhere in each
            f"--first-uid={_FIRST_UID}",
            f"--uids={_UIDS}",
            f"--skip-uids={secrets.randbelow(_UIDS)}",
        ]

    def _host_config(self) -> dict[str, Any]:
        limits = self._containers.limits
        tmp = f"size={limits.disk_bytes},nr_inodes=65536,mode=1777,nosuid,nodev"
        return self._api.create_host_config(
            network_mode="none",
            ipc_mode="private",
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            nano_cpus=1_000_000_000,
            pids_limit=_PIDS,
            read_only=True,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID", "KILL"],
            security_opt=["no-new-privileges", f"seccomp={self._seccomp}"],
            tmpfs={"/tmp": tmp, "/dev/shm": _SHM},  # noqa: S108 - inside the container
            ulimits=[Ulimit(name="core", soft=0, hard=0)],
            log_config=LogConfig(type="none"),
            runtime=self._containers.runtime,
        )

    def _attach(self, container: str) -> socket.socket:
        """The raw stream; before the start, so that no byte is lost in the SDK's buffers."""
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached = self._api.attach_socket(container, params=params)
        raw: socket.socket = getattr(attached, "_sock", attached)
        own = raw.dup()
        own.setblocking(False)
        # the SDK's own end is closed with its response, where it has one
        getattr(attached, "_response", attached).close()
        return own

    async def _end(self, container: str) -> None:
        await self._off_loop(self._remove, container)

    def _remove(self, container: str) -> None:
        """What cannot be removed now is removed at the next start."""
        with contextlib.suppress(*_ENGINE_ERRORS):
            self._api.remove_container(container, force=True, v=True)

    def _labelled(self) -> list[dict[str, Any]]:
        with contextlib.suppress(*_ENGINE_ERRORS):
            return list(self._api.containers(all=True, filters={"label": LABEL}))
        return []

    def _remove_leftovers(self) -> int:
        gone = [
            each["Id"] for each in self._labelled() if is_gone(each["Labels"].get(OWNER_LABEL, ""))
        ]
        for container in gone:
            self._remove(container)
        return len(gone)

    def _remove_own(self) -> None:
        for each in self._labelled():
            if each["Labels"].get(OWNER_LABEL) == self._owner:
                self._remove(each["Id"])

    def _warnings(self) -> tuple[str, ...]:
        try:
            version = self._api.version()
        except _ENGINE_ERRORS:
            return ()
        components = {part["Name"]: part["Version"] for part in version.get("Components", ())}
        runc = components.get("runc", "")
        if self._containers.runtime or not runc or not is_old_runc(runc):
            return ()
        text = (
            f"the container engine's runc {runc} has known escapes (CVE-2025-31133, -52565, -52881): "
            "update it to 1.2.8, 1.3.3 or newer"
        )
        return (text,)


def is_old_runc(version: str) -> bool:
    """Whether a version like `1.1.5+ds1` is older than the first without the escapes of 2025."""
    numbers = []
    for part in version.split("+", maxsplit=1)[0].split("-", maxsplit=1)[0].split(".")[:3]:
        if not part.isdigit():
            return False
        numbers.append(int(part))
    found = (*numbers, 0, 0, 0)[:3]
    old_line, new_line = _RUNC_WITHOUT_KNOWN_ESCAPES
    return found < old_line or (found[:2] == new_line[:2] and found < new_line)


@contextlib.asynccontextmanager
async def open_docker(containers: Containers) -> AsyncIterator[DockerEngine]:
    """Raises `LaunchFailed` where the engine does not answer."""
    loop = asyncio.get_running_loop()
    try:
        api = await loop.run_in_executor(None, _connect, containers.host)
    except _ENGINE_ERRORS as error:
        raise LaunchFailed(f"the container engine does not answer: {_line(error)}") from error
    engine = DockerEngine(api, containers)
    try:
        yield engine
    finally:
        await asyncio.shield(engine.close())


def _connect(host: str | None) -> docker.APIClient:
    """The version is asked for, which shows that there is an engine."""
    host = host or _DEFAULT_HOST
    if host.startswith("unix://"):
        with socket.socket(
            socket.AF_UNIX
        ) as trial:  # the SDK leaves its own open where nobody listens
            trial.connect(host.removeprefix("unix://"))
    return docker.APIClient(base_url=host, version="auto", timeout=_API_SECONDS)


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__

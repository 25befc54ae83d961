"""The engines under test, one of each kind for the whole session, and what the host has that no grade may reach."""

import asyncio
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvloop

from grader_service.sandbox.base import Sandbox
from grader_service.sandbox.open import open_sandbox
from grader_service.settings import Settings

PATIENT_SECONDS, HURRIED_SECONDS = 60.0, 1.5
NEEDED = "GRADER_TESTS_NEED_DOCKER"
"""Where this is set, an engine that cannot be had is a failure; CI sets it."""


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the server runs on, whose transports and processes are not asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def secret() -> Iterator[str]:
    """A value in the environment of the process that opens the engines, as a key of the service's would be."""
    marker = secrets.token_hex(16)
    with _environment("GRADER_TESTS_KEY", marker):
        yield marker


@pytest.fixture(scope="session", params=["docker", "bubblewrap"])
def engine(request: pytest.FixtureRequest, secret: str, docker_host: None) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox(engine: str) -> AsyncIterator[Sandbox]:
    """An engine with a time limit that no check comes near."""
    async for opened in _opened(engine, PATIENT_SECONDS):
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hurried(engine: str) -> AsyncIterator[Sandbox]:
    """The same engine with a time limit of 1.5 s."""
    async for opened in _opened(engine, HURRIED_SECONDS):
        yield opened


async def _opened(engine: str, seconds: float) -> AsyncIterator[Sandbox]:
    settings = Settings.model_validate(
        {**Settings().model_dump(), "sandbox": engine, "sandbox_timeout_seconds": seconds}
    )
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_sandbox(settings, lambda _: None))
        status = opened.status()
        if status.engine != engine:
            loud = f"##### NOT TESTED: no {engine} engine here: {status.reason} #####"
            if os.environ.get(NEEDED):
                pytest.fail(loud)
            pytest.skip(loud)
        yield opened


@pytest.fixture(scope="session")
def visits() -> list[str]:
    """Who came to the listeners of `world`."""
    return []


@pytest.fixture(scope="session")
def world(secret: str, visits: list[str]) -> Iterator[dict[str, Any]]:
    """A file that everyone may read, and listeners, all of this test process; `variable` is a secret of its environment."""
    abstract = f"grader-world-{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="grader-world-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        file = Path(folder, "secret.txt")
        file.write_text("seen")
        tcp = _listening(stack, socket.AF_INET, ("127.0.0.1", 0), visits)
        port = tcp.getsockname()[1]
        _listening(stack, socket.AF_INET, ("127.0.0.1", port), visits, socket.SOCK_DGRAM)
        _listening(stack, socket.AF_UNIX, f"{folder}/socket", visits)
        Path(folder, "socket").chmod(0o777)
        _listening(stack, socket.AF_UNIX, "\0" + abstract, visits)
        yield {
            "port": port,
            "socket": f"{folder}/socket",
            "abstract": abstract,
            "file": str(file),
            "variable": secret,
        }


def _listening(
    stack: ExitStack, family: int, address: Any, visits: list[str], kind: int = socket.SOCK_STREAM
) -> socket.socket:
    """A socket with a thread that writes down each visit, until the stack ends both."""
    server = stack.enter_context(socket.socket(family, kind))
    server.bind(address)
    server.settimeout(0.2)
    if kind == socket.SOCK_STREAM:
        server.listen()
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(server, kind, visits, ended))
    thread.start()
    stack.callback(thread.join)
    stack.callback(ended.set)
    return server


def _watch(server: socket.socket, kind: int, visits: list[str], ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(TimeoutError):
            if kind == socket.SOCK_STREAM:
                server.accept()[0].close()
            else:
                server.sendto(b"seen", server.recvfrom(16)[1])
            visits.append(f"{server.family.name} {kind}")


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

"""Choosing the engine: docker, bubblewrap, or the sentence that says what is missing."""

import contextlib
import os
from collections.abc import AsyncIterator

from grader_service.events import ObserveSandbox, SandboxOpened, SandboxRan, SandboxWorkerLost
from grader_service.sandbox import inside
from grader_service.sandbox.base import DEFAULT_IMAGE_TAG, Sandbox
from grader_service.sandbox.bubblewrap import Visible, open_bubblewrap
from grader_service.sandbox.docker import Containers, open_docker
from grader_service.sandbox.engine import Engine, LaunchFailed, Limits
from grader_service.sandbox.late import open_late
from grader_service.sandbox.off import NoSandbox
from grader_service.sandbox.pool import Sizes, open_pool
from grader_service.sandbox.warm import WarmSandbox
from grader_service.settings import Settings

_WORKERS_PER_CPU = 8


@contextlib.asynccontextmanager
async def open_sandbox(settings: Settings, observe: ObserveSandbox) -> AsyncIterator[Sandbox]:
    """The sandbox that the settings name, as soon as it can be had; never fails, for there are other graders."""
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await _choose(settings, observe, stack)
        status = sandbox.status()
        if status.engine != "off" or settings.sandbox == "off":
            yield sandbox
            return
        told = _Changes(observe, status.reason)
        looking = open_late(sandbox, lambda ends: _choose(settings, told, ends))
        yield await stack.enter_async_context(looking)


class _Changes:
    """A listener that is not told again and again why there is no sandbox."""

    def __init__(self, observe: ObserveSandbox, reason: str) -> None:
        self._observe = observe
        self._reason = reason

    def __call__(self, event: SandboxOpened | SandboxRan | SandboxWorkerLost) -> None:
        if isinstance(event, SandboxOpened):
            if event.reason == self._reason:
                return
            self._reason = event.reason
        self._observe(event)


async def _choose(
    settings: Settings, observe: ObserveSandbox, stack: contextlib.AsyncExitStack
) -> Sandbox:
    reasons: list[str] = []
    if settings.sandbox in ("auto", "docker"):
        try:
            return await _docker(settings, observe, stack)
        except LaunchFailed as error:
            reasons.append(f"docker: {error}")
    if settings.sandbox in ("auto", "bubblewrap"):
        try:
            return await _bubblewrap(settings, reasons, observe, stack)
        except LaunchFailed as error:
            reasons.append(f"bubblewrap: {error}")
    if settings.sandbox == "off":
        reasons.append("it is switched off by GRADER_SANDBOX=off")
    reason = f"python graders have no sandbox: {'; '.join(reasons)}"
    observe(SandboxOpened("off", ready=settings.sandbox == "off", reason=reason))
    return NoSandbox(reason)


async def _docker(
    settings: Settings, observe: ObserveSandbox, stack: contextlib.AsyncExitStack
) -> Sandbox:
    """Raises `LaunchFailed`."""
    limits = _limits(settings)
    containers = Containers(
        settings.sandbox_image,
        limits,
        inside.seccomp(),
        settings.sandbox_runtime,
        settings.docker_host,
    )
    async with contextlib.AsyncExitStack() as trial:
        engine = await trial.enter_async_context(open_docker(containers))
        await engine.check(DEFAULT_IMAGE_TAG)
        removed = await engine.remove_leftovers()
        warnings = await engine.warnings()
        await stack.enter_async_context(trial.pop_all())
    reason = "the container engine answers and the image is there"
    if removed:
        warnings += (f"{removed} sandbox containers of an earlier server were removed",)
    observe(SandboxOpened("docker", ready=True, reason=reason, warnings=warnings))
    return await _warm(engine, settings, reason, observe, stack)


async def _bubblewrap(
    settings: Settings,
    reasons: list[str],
    observe: ObserveSandbox,
    stack: contextlib.AsyncExitStack,
) -> Sandbox:
    """Raises `LaunchFailed`."""
    packages = settings.sandbox_packages.resolve()
    corpora = packages / "nltk_data"
    if not corpora.is_dir():
        corpora = settings.nltk_data.resolve()
    visible = Visible(inside.runner(), packages, corpora)
    engine = await stack.enter_async_context(open_bubblewrap(visible, _limits(settings)))
    warnings: tuple[str, ...] = ()
    if not packages.is_dir():
        warnings = (
            f"python graders see no packages: {str(packages)!r} is not there; `make packages` fills it",
        )
    reason = "; ".join(("bubblewrap works here", *(f"not {each}" for each in reasons)))
    observe(SandboxOpened("bubblewrap", ready=True, reason=reason, warnings=warnings))
    return await _warm(engine, settings, reason, observe, stack)


async def _warm(
    engine: Engine,
    settings: Settings,
    reason: str,
    observe: ObserveSandbox,
    stack: contextlib.AsyncExitStack,
) -> Sandbox:
    pool = await stack.enter_async_context(
        open_pool(engine, _sizes(settings), DEFAULT_IMAGE_TAG, observe)
    )
    return WarmSandbox(engine, pool, _limits(settings), reason, observe)


def _limits(settings: Settings) -> Limits:
    return Limits(settings.sandbox_timeout_seconds, settings.sandbox_memory_bytes)


def _sizes(settings: Settings) -> Sizes:
    cpus = os.cpu_count() or 1
    workers = settings.share(settings.sandbox_workers or _WORKERS_PER_CPU * cpus)
    return Sizes(
        workers=workers,
        per_key=max(2, cpus),
        spares=min(settings.sandbox_spares, max(0, workers - 1)),
        queue=settings.share(settings.sandbox_queue),
        queue_seconds=settings.sandbox_queue_seconds,
    )

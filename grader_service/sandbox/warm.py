"""The sandbox over a pool of warm workers: the same for every engine."""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from cachetools import LRUCache

from grader_service.errors import (
    CannotGrade,
    SandboxUnavailable,
    SourceInvalid,
    TextTooLarge,
    TimeLimitExceeded,
)
from grader_service.events import ObserveSandbox, SandboxRan
from grader_service.sandbox import frames, verdicts
from grader_service.sandbox.base import (
    DEFAULT_IMAGE_TAG,
    MAX_SOURCE_BYTES,
    Outcome,
    Program,
    SandboxStatus,
)
from grader_service.sandbox.engine import Engine, Limits
from grader_service.sandbox.frames import Answer
from grader_service.sandbox.pool import Key, Pool
from grader_service.sandbox.worker import SourceRefused, Worker, WorkerLost

ALIASES: Mapping[str, str] = {"alpha": DEFAULT_IMAGE_TAG}
"""Image tags that mean another one (grader-api §8.5)."""

_GRACE_SECONDS = 5.0
_REFUSALS = 1000


@dataclass(slots=True)
class _Run:
    """What is known of a run, for its event."""

    started: float
    warm: bool = False
    queue_seconds: float = 0.0
    run_seconds: float = 0.0


class WarmSandbox:
    """Implements `Sandbox`."""

    def __init__(
        self, engine: Engine, pool: Pool, limits: Limits, reason: str, observe: ObserveSandbox
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._limits = limits
        self._reason = reason
        self._observe = observe
        self._refusals: LRUCache[Key, str] = LRUCache(_REFUSALS)

    def status(self) -> SandboxStatus:
        trouble = self._pool.trouble
        return SandboxStatus(
            self._engine.name,
            ready=not trouble,
            reason=trouble or self._reason,
            workers=self._pool.counts(),
            waiting=self._pool.waiting,
        )

    async def run(self, program: Program) -> Outcome:
        run = _Run(time.perf_counter())
        end = "value"
        try:
            answer = await self._answer(program, run)
            value = verdicts.value(answer, self._limits.timeout_seconds, self._limits.memory_bytes)
        except CannotGrade as error:
            end = error.kind
            raise
        except BaseException:
            end = "cancelled"
            raise
        finally:
            self._observe(
                SandboxRan(self._engine.name, run.warm, run.queue_seconds, run.run_seconds, end)
            )
        return Outcome(
            value, answer.stdout, answer.stderr, run.run_seconds, run.queue_seconds, run.warm
        )

    async def _answer(self, program: Program, run: _Run) -> Answer:
        source, request = _encode(program)
        key = _key(program, source)
        refusal = self._refusals.get(key)
        if refusal is not None:
            raise SourceInvalid(refusal)
        for last in (False, True):
            try:
                async with self._pool.hold(key, source) as (worker, warm):
                    run.warm, run.queue_seconds = warm, time.perf_counter() - run.started
                    answer = await self._ask(worker, request)
                run.run_seconds = answer.seconds
                return answer
            except SourceRefused as error:
                self._refusals[key] = str(error)
                raise SourceInvalid(str(error)) from error
            except WorkerLost as error:
                if last:  # a grade has no side effects: it is asked once more of another worker
                    raise SandboxUnavailable(str(error)) from error
        raise AssertionError("unreachable")

    async def _ask(self, worker: Worker, request: bytes) -> Answer:
        """The runner keeps the time limit; where it does not, the worker is given up."""
        limit = self._limits.timeout_seconds
        try:
            async with asyncio.timeout(limit + _GRACE_SECONDS):
                return await worker.grade(request)
        except TimeoutError:
            worker.lose("silent")
            raise TimeLimitExceeded(
                f"time limit exceeded: the grader ran for {limit:g} s"
            ) from None


def _encode(program: Program) -> tuple[bytes, bytes]:
    """Raises `SourceInvalid`, `TextTooLarge`."""
    try:
        source = program.source.encode()
    except UnicodeEncodeError as error:
        raise SourceInvalid(
            "the source is no valid Unicode text: it contains a lone surrogate"
        ) from error
    if len(source) > MAX_SOURCE_BYTES:
        raise SourceInvalid(
            f"the source has {len(source):,} bytes; at most {MAX_SOURCE_BYTES:,} are allowed"
        )
    try:
        request = json.dumps({"sample": program.sample, "item": program.item}).encode()
    except RecursionError:
        raise TextTooLarge("the sample or the item is nested too deeply for the sandbox") from None
    if len(request) > frames.MAX_REQUEST_BYTES:
        raise TextTooLarge(
            f"sample and item are {len(request)} bytes as JSON, more than the {frames.MAX_REQUEST_BYTES} that the sandbox takes"
        )
    return source, request


def _key(program: Program, source: bytes) -> Key:
    tag = ALIASES.get(program.image_tag, program.image_tag)
    return Key(hashlib.sha256(source).digest(), program.tenant, tag)

"""Warm workers, each for one source of one tenant: handed out, grown, evicted, watched.

Everything runs on the event loop and no method awaits between a decision and its record, so there
are no locks. A member counts against the cap from before its start until after its end.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from grader_service.errors import CannotGrade, SandboxOff, SandboxOverloaded, SandboxUnavailable
from grader_service.events import ObserveSandbox, SandboxOpened, SandboxWorkerLost
from grader_service.sandbox.engine import End, Engine, LaunchFailed
from grader_service.sandbox.worker import SourceRefused, Worker, WorkerLost

WorkerState = Literal["starting", "spare", "loading", "idle", "busy", "cleaning", "ending"]
WORKER_STATES: tuple[WorkerState, ...] = get_args(WorkerState)

_START_SECONDS = 60.0
_LOAD_SECONDS = 120.0
_CLEANING_SECONDS = 20.0
_SWEEP_SECONDS = 1.0
_PING_EVERY_SECONDS = 5.0
_IDLE_SECONDS = 900.0
_SPARE_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
_TURN_SECONDS = (
    1.0  # a worker is not taken from those who wait for it sooner: starting another is dear
)
_MORE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Key:
    """Whom a worker may serve: one source, one tenant, one image."""

    digest: bytes
    tenant: str
    image_tag: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bounds of the pool: members in all and for one key, spares among them, grades that wait."""

    workers: int
    per_key: int
    spares: int
    queue: int
    queue_seconds: float


@dataclass(eq=False, slots=True)
class Member:
    """One worker and where it stands; `key` is None for a spare."""

    image_tag: str
    key: Key | None
    state: WorkerState = "starting"
    since: float = field(default_factory=time.monotonic)
    pinged: float = 0.0
    loaded: float = 0.0
    worker: Worker | None = None
    end: End | None = None

    def running(self) -> Worker:
        """Raises `WorkerLost` where there is none yet."""
        if self.worker is None:
            raise WorkerLost("died")
        return self.worker

    def become(self, state: WorkerState) -> None:
        self.state = state
        self.since = time.monotonic()


@dataclass(eq=False, slots=True)
class _Waiter:
    key: Key
    source: bytes
    future: "asyncio.Future[Member]"
    since: float


class Pool:
    """Made by `open_pool`; `hold` is the one verb."""

    def __init__(
        self, engine: Engine, sizes: Sizes, spare_tag: str, observe: ObserveSandbox
    ) -> None:
        self._engine = engine
        self._sizes = sizes
        self._spare_tag = spare_tag
        self._observe = observe
        self._members: set[Member] = set()
        self._waiters: dict[Key, deque[_Waiter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._next_spare = 0.0
        self._closing = False
        self.trouble = ""

    def counts(self) -> Mapping[str, int]:
        """Members by state, every state named."""
        counted: dict[str, int] = dict.fromkeys(WORKER_STATES, 0)
        for member in self._members:
            counted[member.state] += 1
        return counted

    @property
    def waiting(self) -> int:
        """Grades that wait for a worker."""
        return sum(map(len, self._waiters.values()))

    @contextlib.asynccontextmanager
    async def hold(self, key: Key, source: bytes) -> AsyncIterator[tuple[Worker, bool]]:
        """A worker that has loaded `source`, and whether it was ready at once; it is busy until its own `on_ready`.

        Raises:
            SandboxOverloaded, SandboxUnavailable, SandboxOff: no worker could be had.
            SourceRefused: no worker can load this source.
        """
        member, warm = await self._take(key, source)
        worker = member.running()
        member.become("busy")
        held = member.since
        try:
            yield worker, warm
        finally:
            if member.state == "busy" and member.since == held:  # else it was ready before we were
                member.become("cleaning")

    async def _take(self, key: Key, source: bytes) -> tuple[Member, bool]:
        if self._closing:
            raise SandboxUnavailable("the sandbox is stopping")
        idle = self._idle(key)
        if idle is not None:
            return idle, True
        if self.waiting >= self._sizes.queue:
            raise SandboxOverloaded(
                f"{self._sizes.queue} grades wait for a sandbox worker already: try again later"
            )
        loop = asyncio.get_running_loop()
        waiter = _Waiter(key, source, loop.create_future(), time.monotonic())
        self._waiters.setdefault(key, deque()).append(waiter)
        self._grow()
        try:
            async with asyncio.timeout(self._sizes.queue_seconds):
                member = await waiter.future
            return member, False
        except TimeoutError:
            self._withdraw(waiter)
            raise SandboxOverloaded(
                f"no sandbox worker was free within {self._sizes.queue_seconds:g} s: try again later"
            ) from None
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise

    def _withdraw(self, waiter: _Waiter) -> None:
        queue = self._waiters.get(waiter.key)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._waiters[waiter.key]
        future = waiter.future
        if future.done() and not future.cancelled() and future.exception() is None:
            self._offer(
                future.result()
            )  # handed over in the very moment in which the wait was over

    def _idle(self, key: Key) -> Member | None:
        for member in self._members:
            if member.key == key and member.state == "idle":
                return member
        return None

    def _offer(self, member: Member) -> None:
        """A loaded member has nothing to do: the next of its own key, a starving other, or idleness."""
        if member.state == "ending" or member.key is None:
            return
        queue = self._waiters.get(member.key)
        if queue and self._has_had_its_turn(member):
            self._retire(member)
            return
        while queue:
            waiter = queue.popleft()
            if not queue:
                del self._waiters[member.key]
            if not waiter.future.done():
                member.become("loading")  # until the waiter runs, nobody else may take it
                waiter.future.set_result(member)
                return
        member.become("idle")
        self._grow()

    def _has_had_its_turn(self, member: Member) -> bool:
        """Whether a key without any member waits for room that only this one can make."""
        if (
            time.monotonic() - member.loaded < _TURN_SECONDS
            or len(self._members) < self._sizes.workers
        ):
            return False
        served = self._served()
        starving = sum(key not in served for key in self._waiters)
        return starving > self._count(("ending", "idle", "spare"))

    def _served(self) -> set[Key | None]:
        return {member.key for member in self._members if member.state != "ending"}

    def _count(self, states: Iterable[WorkerState]) -> int:
        return sum(1 for member in self._members if member.state in states)

    def _grow(self) -> None:
        """Start, take over or make room for workers for those who wait; then for spares.

        Keys that have none come first, and among equals the one that has waited longest.
        """
        if self._closing:
            return
        coming = self._count(("ending",))
        served = self._served()
        for key in sorted(
            self._waiters, key=lambda each: (each in served, self._waiters[each][0].since)
        ):
            for _ in range(self._wanted(key)):
                if self._seize(key):
                    continue
                if coming:
                    coming -= 1  # room that is being made already
                    continue
                if not self._evict_for(key):
                    break
        self._restock()

    def _wanted(self, key: Key) -> int:
        own = [member for member in self._members if member.key == key and member.state != "ending"]
        coming = sum(member.state in ("starting", "loading") for member in own)
        return max(0, min(len(self._waiters[key]) - coming, self._sizes.per_key - len(own)))

    def _seize(self, key: Key) -> bool:
        source = self._waiters[key][0].source
        for member in self._members:
            if member.state == "spare" and member.image_tag == key.image_tag:
                member.key = key
                member.become("loading")
                self._background(self._load(member, source), member)
                return True
        if len(self._members) >= self._sizes.workers:
            return False
        member = Member(key.image_tag, key)
        self._members.add(member)
        self._background(self._start(member, source), member)
        return True

    def _evict_for(self, key: Key) -> bool:
        """End the least recently used idle member; where the key has one already, only after a moment's wait."""
        now = time.monotonic()
        has_some = any(member.key == key for member in self._members if member.state != "ending")
        if has_some and now - self._waiters[key][0].since < _MORE_SECONDS:
            return False
        unused = [
            each for each in self._members if each.state in ("idle", "spare") and each.key != key
        ]
        if not unused:
            return False
        self._retire(min(unused, key=lambda each: (each.state == "spare", each.since)))
        return True

    def _restock(self) -> None:
        """Keep spares ready, once nobody waits for the room."""
        if self._waiters or self._closing or time.monotonic() < self._next_spare:
            return
        missing = self._sizes.spares - sum(
            member.key is None and member.state != "ending" for member in self._members
        )
        for _ in range(missing):
            if len(self._members) < self._sizes.workers:
                member = Member(self._spare_tag, None)
                self._members.add(member)
                self._background(self._start(member, None), member)
            elif not self._count(("ending",)):
                idle = [each for each in self._members if each.state == "idle"]
                if idle:
                    self._retire(min(idle, key=lambda each: each.since))
                return

    async def _start(self, member: Member, source: bytes | None) -> None:
        try:
            member.worker, member.end = await self._engine.launch(member.image_tag)
            member.worker.on_ready = lambda: self._offer(member)
            member.worker.on_lost = lambda: self._lost(member)
            if member.worker.lost is not None:
                raise member.worker.lost
            async with asyncio.timeout(_START_SECONDS):
                await member.worker.greeted()
        except (LaunchFailed, WorkerLost, TimeoutError) as error:
            self._failed_start(member, error)
            return
        self._recovered()
        if member.state == "ending":
            return
        if source is not None:
            await self._load(member, source)
            return
        member.become("spare")
        self._grow()

    async def _load(self, member: Member, source: bytes) -> None:
        member.become("loading")
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                await member.running().load(source)
        except SourceRefused as refusal:
            self._fail(member.key, refusal)
            self._retire(member)
        except (WorkerLost, TimeoutError) as error:
            reason = "it took too long" if isinstance(error, TimeoutError) else str(error)
            self._fail(member.key, SandboxUnavailable(f"the grader could not be loaded: {reason}"))
            self._retire(member)
        else:
            member.loaded = time.monotonic()
            self._offer(member)

    def _failed_start(self, member: Member, error: Exception) -> None:
        """Nobody waits for an engine that is away: those who do are told; spares are tried again, ever later."""
        text = str(error) or f"no sandbox worker was up within {_START_SECONDS:g} s"
        delay = _SPARE_RETRY_SECONDS[min(self._failures, len(_SPARE_RETRY_SECONDS) - 1)]
        self._failures += 1
        self._next_spare = time.monotonic() + delay
        self._retire(member)
        permanent = isinstance(error, LaunchFailed) and error.permanent
        self._fail(member.key, SandboxOff(text) if permanent else SandboxUnavailable(text))
        if not self.trouble and not (permanent and member.image_tag != self._spare_tag):
            self.trouble = text
            self._observe(SandboxOpened(self._engine.name, ready=False, reason=text))

    def _recovered(self) -> None:
        self._failures, self._next_spare = 0, 0.0
        if self.trouble:
            self.trouble = ""
            self._observe(
                SandboxOpened(self._engine.name, ready=True, reason="the engine works again")
            )

    def _fail(self, key: Key | None, error: CannotGrade | SourceRefused) -> None:
        """Tell all who wait for a key, unless another member of theirs is alive."""
        if key is None:
            return
        alive = any(
            each.key == key and each.state in ("idle", "busy", "cleaning") for each in self._members
        )
        if alive and not isinstance(error, SourceRefused):
            return
        for waiter in self._waiters.pop(key, ()):
            if not waiter.future.done():
                waiter.future.set_exception(error)

    def _lost(self, member: Member) -> None:
        if member.state == "ending":
            return
        if not self._closing and member.worker is not None and member.worker.lost is not None:
            lost = member.worker.lost
            self._observe(SandboxWorkerLost(self._engine.name, lost.reason, lost.last_words))
        if member.state not in ("starting", "loading"):  # their own tasks see it
            self._retire(member)

    def _retire(self, member: Member) -> None:
        if member.state == "ending":
            return
        member.become("ending")
        self._background(self._end(member), member)

    async def _end(self, member: Member) -> None:
        if member.worker is not None:
            member.worker.lose("died")
        if member.end is not None:
            await member.end()
        self._members.discard(member)
        self._grow()

    def _background(self, work: Coroutine[None, None, None], member: Member) -> None:
        """A defect in `work` costs its member, and reaches the loop's own handler; it leaves nobody waiting."""

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled() or task.exception() is not None:
                self._fail(
                    member.key, SandboxUnavailable("the sandbox worker could not be started")
                )
                if member.state == "ending":
                    self._members.discard(member)
                else:
                    self._retire(member)
            if not task.cancelled():
                task.result()

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(done)

    async def watch(self) -> None:
        """Run until cancelled: find what has gone silent, hold the pool at its sizes."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            for member in list(self._members):
                self._look_at(member, now)
            self._grow()

    def _look_at(self, member: Member, now: float) -> None:
        if member.worker is None:
            return
        if member.state == "cleaning" and now - member.since > _CLEANING_SECONDS:
            member.worker.lose("silent")
        elif member.state == "idle" and now - member.since > _IDLE_SECONDS:
            self._retire(member)
        elif (
            member.state in ("idle", "spare")
            and now - max(member.pinged, member.since) > _PING_EVERY_SECONDS
        ):
            member.pinged = now
            if not member.worker.ping():
                member.worker.lose("silent")

    async def close(self) -> None:
        """End everything; whoever waits or runs is told that the sandbox is unavailable."""
        self._closing = True
        for key in list(self._waiters):
            for waiter in self._waiters.pop(key):
                if not waiter.future.done():
                    waiter.future.set_exception(SandboxUnavailable("the sandbox is stopping"))
        while self._members or self._tasks:
            for member in list(self._members):
                if member.state != "starting":
                    self._retire(member)
            if self._tasks:
                await asyncio.wait(self._tasks)


@contextlib.asynccontextmanager
async def open_pool(
    engine: Engine, sizes: Sizes, spare_tag: str, observe: ObserveSandbox
) -> AsyncIterator[Pool]:
    """A pool with its spares starting; at the end every worker is gone."""
    pool = Pool(engine, sizes, spare_tag, observe)
    pool._restock()  # noqa: SLF001 - its own maker
    watching = asyncio.create_task(pool.watch())
    try:
        yield pool
    finally:
        watching.cancel()
        await asyncio.shield(pool.close())

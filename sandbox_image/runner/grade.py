"""One grade seen from the runner: fork ahead, hand over the request, watch, take one answer, kill and clear away."""

import gc
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import child
import grading_sandbox  # noqa: F401 - for the author's code
import wire
from buffers import READABLE, Buffers, Verdict, no_wait
from failures import Reporter
from isolation import Filter
from program import Program
from untrusted import Untrusted

_CHANNEL = 3
_OWN_DESCRIPTORS = 4
_DRAIN_READS = 8
_MEMORY_TICK_SECONDS = 0.05


class Isolation(Protocol):
    """Identities: see `uids.Uids` and `namespaces.Namespaces`."""

    tick: bool

    def fresh(self) -> Any: ...
    def enter(self, identity: Any) -> None: ...
    def end(self, identity: Any) -> None: ...
    def clear(self, identities: list[Any], pids: list[int]) -> bool: ...
    def was_killed_for_memory(self) -> bool: ...
    def overrun(self) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """What all grades of a runner share."""

    isolation: Isolation
    timeout_seconds: float
    buffers: Buffers
    inbox: int
    wake: int
    filter: Filter
    reporter: Reporter = field(default_factory=Reporter)

    def wait_idle(self) -> bool:
        """Until the service has something to say; False where a process died that nobody has asked for anything."""
        poll = select.poll()
        poll.register(self.inbox, READABLE)
        poll.register(self.wake, READABLE)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self.wake in ready:
                os.read(self.wake, 512)
                if os.waitpid(-1, os.WNOHANG)[0]:
                    return False
            if self.inbox in ready:
                return True


class Grade:
    """Its process exists, without a request, from the constructor on."""

    def __init__(self, watch: Watch, program: Program) -> None:
        watch.isolation.was_killed_for_memory()
        self._watch = watch
        self._identities = [watch.isolation.fresh()]
        self._channel, theirs = socket.socketpair()
        out, self._out_end = os.pipe()
        err, self._err_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._become(theirs.fileno(), program)
        theirs.close()
        os.close(self._out_end)
        os.close(self._err_end)
        self._streams = {no_wait(out): 0, no_wait(err): 1}
        self._nonce = os.urandom(wire.NONCE_BYTES)
        self._untrusted = Untrusted(watch.isolation, watch.filter)
        self._verdict: Verdict | None = None
        self._started = 0.0
        self._overran = False
        self._poll = select.poll()
        self._attended = {self._channel.fileno(), watch.inbox, watch.wake, *self._streams}
        for descriptor in self._attended:
            self._poll.register(descriptor, READABLE)

    def _become(self, channel: int, program: Program) -> NoReturn:
        """In the new process: nothing but its own channel, streams and identity; then the wait for the request."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # above the places they will take, so that none overwrites another
            moved = [os.dup(each) for each in (channel, self._out_end, self._err_end)]
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(moved[1], 1)
            os.dup2(moved[2], 2)
            os.dup2(moved[0], _CHANNEL, inheritable=False)
            self._watch.isolation.enter(self._identities[0])
            os.closerange(_OWN_DESCRIPTORS, 512)
            os.umask(0o077)
            os.chdir("/tmp")
            _fresh_streams()
            child.show_source(program.source)
            code, reporter, own_filter = program.code, self._watch.reporter, self._watch.filter
            _forget_runner()
            own_filter.enter()
            child.live(_CHANNEL, code, reporter)
        finally:
            os._exit(70)

    def run(self) -> Verdict:
        """Serve the request that lies in the buffers."""
        self._started = time.monotonic()
        self._hand_over()
        deadline = self._started + self._watch.timeout_seconds
        while self._verdict is None:
            now = time.monotonic()
            if now >= deadline:
                self._conclude(wire.TIMEOUT)
                break
            wait = min(deadline, self._untrusted.next_deadline()) - now
            if self._watch.isolation.tick:
                wait = min(wait, _MEMORY_TICK_SECONDS)
            for descriptor, _ in self._poll.poll(max(0.0, wait) * 1000 + 0.5):
                self._attend(descriptor)
            self._untrusted.expire()
            if self._watch.isolation.tick:
                self._overran = bool(self._watch.isolation.overrun()) or self._overran
        for descriptor in list(self._streams):
            self._drain(descriptor, _DRAIN_READS)
        return self._verdict  # type: ignore[return-value]

    def clear(self) -> bool:
        """Kill all that is left and remove its files; False where the worker must not be used again."""
        self._channel.close()
        for descriptor in self._streams:
            os.close(descriptor)
        pids = [self._pid, *self._untrusted.close()]
        return self._watch.isolation.clear(self._identities + self._untrusted.identities, pids)

    def _hand_over(self) -> None:
        request = self._watch.buffers.request
        try:
            head = wire.REQUEST.pack(len(request))
            if len(request) < 1 << 16:
                self._channel.sendmsg([head, request, self._nonce])
                return
            for part in (head, request, self._nonce):
                self._channel.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            return  # it died, of the request's size for one: `_reap` will say how

    def _attend(self, descriptor: int) -> None:
        if descriptor == self._channel.fileno():
            self._listen()
        elif descriptor in self._streams:
            self._drain(descriptor, 1)
        elif descriptor == self._watch.wake:
            os.read(descriptor, 512)
            self._reap()
        elif descriptor == self._watch.inbox:
            self._obey()

    def _listen(self) -> None:
        count, descriptors = self._watch.buffers.hear(self._channel)
        if not count:
            self._ignore(self._channel.fileno())  # closed by the grade: its process's end will tell
            return
        try:
            while self._verdict is None and self._understand(descriptors):
                pass
        finally:
            for each in descriptors:
                os.close(each)

    def _understand(self, descriptors: list[int]) -> bool:
        """Take one whole call from what was heard; False where there is none."""
        heard = self._watch.buffers.heard
        if len(heard) < wire.CALL.size:
            return False
        kind, length, nonce = wire.CALL.unpack(heard[: wire.CALL.size])
        end = wire.CALL.size + length
        if (
            kind not in (wire.CALL_VALUE, wire.CALL_ERROR, wire.CALL_UNTRUSTED)
            or length > wire.MAX_CALL_BYTES
        ):
            self._conclude(wire.FORGED)
            return False
        if len(heard) < end:
            return False
        body = heard[wire.CALL.size : end]
        if kind == wire.CALL_UNTRUSTED:
            self._untrusted.start(bytes(body), descriptors)
            self._watch.buffers.drop_call(end)
            return True
        genuine = nonce == self._nonce and len(heard) == end
        if genuine and kind == wire.CALL_VALUE:
            genuine = length == wire.DOUBLE.size
        self._conclude(kind, body) if genuine else self._conclude(wire.FORGED)
        return False

    def _drain(self, descriptor: int, reads: int) -> None:
        output = self._watch.buffers.outputs[self._streams[descriptor]]
        if all(output.drain(descriptor) for _ in range(reads)):
            return
        if reads == 1:
            self._ignore(descriptor)  # its end: everyone has closed it

    def _ignore(self, descriptor: int) -> None:
        if descriptor in self._attended:
            self._attended.discard(descriptor)
            self._poll.unregister(descriptor)

    def _reap(self) -> None:
        """Bury the dead, orphans too; the end of the grade's own process without an answer is an answer."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid != self._pid:
                self._untrusted.ended(pid, status)
                continue
            self._listen()
            if self._verdict is None:
                self._died(os.waitstatus_to_exitcode(status))

    def _died(self, code: int) -> None:
        if code == -signal.SIGKILL and (
            self._overran or self._watch.isolation.was_killed_for_memory()
        ):
            self._conclude(wire.MEMORY)
        elif code < 0:
            self._conclude(wire.SIGNAL, wire.INT.pack(-code))
        else:
            self._conclude(wire.EXITED, wire.INT.pack(code))

    def _obey(self) -> None:
        """The service speaks during a grade only to call it off, or by closing the stream when it ends."""
        header = b""
        while len(header) < wire.FRAME.size:
            part = os.read(self._watch.inbox, wire.FRAME.size - len(header))
            if not part:
                sys.exit(0)
            header += part
        if wire.FRAME.unpack(header)[0] == wire.CANCEL:
            self._conclude(wire.CANCELLED)

    def _conclude(self, kind: bytes, body: bytes | memoryview = b"") -> None:
        self._verdict = Verdict(kind, time.monotonic() - self._started, body)


def _fresh_streams() -> None:
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape")
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(descriptor, "w", buffering=-1, encoding="utf-8", errors="backslashreplace")
        stream.reconfigure(line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = ["grader.py"]


def _forget_runner() -> None:
    """The author's code finds no module of the runner by name, but `grading_sandbox`."""
    for name in (
        "__main__",
        "grade",
        "untrusted",
        "uids",
        "namespaces",
        "identities",
        "isolation",
        "buffers",
        "program",
        "cleanup",
        "wire",
        "child",
        "failures",
    ):
        sys.modules.pop(name, None)
    sys.path[:] = [path for path in sys.path if path != _HERE]
    gc.enable()


_HERE = os.path.dirname(os.path.abspath(__file__))

"""The runner's half of `run_untrusted`: a new interpreter under an identity of its own, that has never seen the item."""

import contextlib
import os
import resource
import signal
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from isolation import Filter

CALL = struct.Struct("!dQ")
"""Seconds and bytes of memory that the program may use."""
STATUS = struct.Struct("!i?")
"""Exit status (negative: the signal), and whether the time limit ended it."""

_DESCRIPTORS = 5  # source, stdin, stdout, stderr, status
_AT_ONCE = 16
_IN_ALL = 2_000
_FOREVER = float("inf")
_DISK_BYTES = 64 << 20
_BOOT = (
    "import os\n"
    "with os.fdopen(3, 'rb') as file: source = file.read()\n"
    "del file, os\n"
    "import sys\n"
    "sys.argv = ['program.py']\n"
    "exec(compile(source, 'program.py', 'exec', dont_inherit=True), {'__name__': '__main__', '__builtins__': __builtins__})\n"
)


@dataclass(slots=True)
class _Run:
    identity: Any
    status: int
    deadline: float
    timed_out: bool = False


class Untrusted:
    """The programs that one grade has started."""

    def __init__(self, isolation: Any, own_filter: Filter) -> None:
        self._isolation = isolation
        self._filter = own_filter
        self._running: dict[int, _Run] = {}
        self.identities: list[Any] = []

    def start(self, call: bytes, descriptors: list[int]) -> None:
        """Start one program; `descriptors` stay the caller's to close. A call that makes no sense is dropped."""
        if len(call) != CALL.size or len(descriptors) != _DESCRIPTORS:
            return
        if len(self._running) >= _AT_ONCE or len(self.identities) >= _IN_ALL:
            return  # its status pipe closes without a status
        seconds, memory_bytes = CALL.unpack(call)
        identity = self._isolation.fresh()
        self.identities.append(identity)
        pid = os.fork()
        if pid == 0:
            self._become(identity, memory_bytes, descriptors[:4])
        deadline = time.monotonic() + seconds if seconds > 0 else 0.0
        self._running[pid] = _Run(identity, os.dup(descriptors[4]), deadline)

    def _become(self, identity: Any, memory_bytes: int, descriptors: list[int]) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.setsid()
            moved = [os.dup(each) for each in descriptors]
            for place, each in zip((3, 0, 1, 2), moved, strict=True):
                os.dup2(each, place)
            self._isolation.enter(identity)
            os.closerange(4, 512)
            os.umask(0o077)
            os.chdir("/tmp")
            _limit(resource.RLIMIT_DATA, memory_bytes)
            _limit(resource.RLIMIT_FSIZE, _DISK_BYTES)
            self._filter.enter()
            os.execv(sys.executable, [sys.executable, "-P", "-s", "-B", "-c", _BOOT])
        finally:
            os._exit(70)

    def next_deadline(self) -> float:
        return min((run.deadline for run in self._running.values()), default=_FOREVER)

    def expire(self) -> None:
        """Kill those whose time is up; their end comes through `ended`."""
        now = time.monotonic()
        for pid, run in self._running.items():
            if run.deadline <= now:
                run.timed_out, run.deadline = True, _FOREVER
                os.kill(pid, signal.SIGKILL)

    def ended(self, pid: int, status: int) -> None:
        """A process of this worker has died: tell the grade, if it was a program of its own."""
        run = self._running.pop(pid, None)
        if run is None:
            return
        self._isolation.end(run.identity)
        os.set_blocking(run.status, False)
        with contextlib.suppress(OSError):  # the grade does not listen
            os.write(run.status, STATUS.pack(os.waitstatus_to_exitcode(status), run.timed_out))
        os.close(run.status)

    def close(self) -> list[int]:
        """Who still runs is about to be killed; returns their processes."""
        for run in self._running.values():
            os.close(run.status)
        return list(self._running)


def _limit(number: int, value: int) -> None:
    value = min(value, resource.getrlimit(number)[1])
    resource.setrlimit(number, (value, value))

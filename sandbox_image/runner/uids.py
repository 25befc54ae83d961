"""Identities in a container: every grade, and every `run_untrusted`, has a user of its own.

The runner is process 1 and root with the capabilities SETUID, SETGID and KILL, and no others.
"""

import os
import signal
from collections.abc import Callable, Sequence

import cleanup

_OOM_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


class Uids:
    """Implements the runner's `Isolation` with the next number of a range, which is used up before any comes again."""

    tick = False

    def __init__(self, first: int, count: int, skip: int) -> None:
        self._first = first
        self._count = count
        self._used = skip
        self._oom = _open_first(_OOM_COUNTERS)
        self._kills = self._read_kills()

    def fresh(self) -> int:
        uid = self._first + self._used % self._count
        self._used += 1
        return uid

    def enter(self, uid: int) -> None:
        """Become that user; for the new process itself."""
        with open(
            "/proc/self/oom_score_adj", "w"
        ) as file:  # before the change: afterwards it is not ours
            file.write("1000")
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)

    def end(self, uid: int) -> None:
        """Kill every process of one identity and remove its files, while others go on."""
        self._as_user(uid, lambda: os.kill(-1, signal.SIGKILL))
        if not cleanup.is_clean():
            self._as_user(uid, cleanup.empty)

    def clear(self, uids: Sequence[int], pids: Sequence[int]) -> bool:
        """Kill everything but the runner, remove what is left; False where something remains."""
        _kill_all()
        if cleanup.is_clean():
            return True
        for uid in (*uids, *uids):  # twice: a directory may hold another's
            self._as_user(uid, cleanup.empty)
            if cleanup.is_clean():
                return True
        return False

    def was_killed_for_memory(self) -> bool:
        """Whether the kernel has killed for memory since the last call."""
        kills = self._read_kills()
        rose = kills > self._kills
        self._kills = kills
        return rose

    def overrun(self) -> list[int]:
        """Nothing to do: the cgroup watches memory."""
        return []

    def _as_user(self, uid: int, action: Callable[[], None]) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                os.setresuid(uid, uid, uid)
                action()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)  # this one alone: others' ends are news for someone

    def _read_kills(self) -> int:
        if self._oom is None:
            return 0
        words = os.pread(self._oom, 4096, 0).split()
        return int(words[words.index(b"oom_kill") + 1]) if b"oom_kill" in words else 0


def _kill_all() -> None:
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def _open_first(paths: Sequence[str]) -> int | None:
    for path in paths:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
    return None

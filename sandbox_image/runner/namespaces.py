"""Identities in bubblewrap: every grade has a process, mount and IPC namespace of its own.

The runner is an ordinary user with CAP_SYS_ADMIN in bubblewrap's user namespace. Making a process
namespace takes a fork, and forking the runner with all that it has imported is dear: a small
process, forked before the imports, makes them, each with an init that does nothing. The runner
points its next fork there; killing the init kills all that lives in the namespace.
"""

import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import isolation
import memory

_END_SECONDS = 10.0
_NICE = 5  # no cgroup keeps a grade from the service's own share
_SHM_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Space:
    """A process namespace: the descriptor to enter it by, and its init's, to end it by."""

    entry: int
    init: int


class Namespaces:
    """Implements the runner's `Isolation`."""

    tick = True

    def __init__(self, memory_bytes: int, disk_bytes: int) -> None:
        with open("/proc/self/oom_score_adj", "w") as file:  # inherited; later not ours to write
            file.write("1000")
        isolation.prctl(isolation.PR_SET_DUMPABLE, 0)
        self._limit = memory_bytes
        self._disk_bytes = disk_bytes
        self._maker, theirs = socket.socketpair()
        self._maker_pid = os.fork()
        if self._maker_pid == 0:
            self._maker.close()
            _make_spaces(theirs)
        theirs.close()
        self._ours = frozenset((os.getpid(), self._maker_pid, 1))

    def fresh(self) -> Space:
        """A new namespace, which the next fork of this process will be in."""
        self._maker.send(b"n")
        message, descriptors, _, _ = socket.recv_fds(self._maker, 1, 2)
        if len(descriptors) != 2:
            sys.exit(f"no process namespace could be made: {message!r}")
        isolation.setns(descriptors[0], isolation.CLONE_NEWPID)
        return Space(*descriptors)

    def enter(self, space: Space) -> None:
        """Own mounts and IPC objects, then no more power over either; for the new process itself."""
        isolation.unshare(isolation.CLONE_NEWNS | isolation.CLONE_NEWIPC)
        isolation.mount("none", "/", None, isolation.MS_REC | isolation.MS_PRIVATE)
        safe = isolation.MS_NOSUID | isolation.MS_NODEV
        isolation.mount("proc", "/proc", "proc", safe | isolation.MS_NOEXEC)
        isolation.mount(
            "tmp", "/tmp", "tmpfs", safe, f"size={self._disk_bytes},nr_inodes=65536,mode=1777"
        )
        isolation.mount(
            "shm",
            "/dev/shm",
            "tmpfs",
            safe | isolation.MS_NOEXEC,
            f"size={_SHM_BYTES},nr_inodes=4096,mode=1777",
        )
        os.nice(_NICE)
        isolation.drop_capabilities()
        # the memory watch of the runner must look into it; who else could is in the same grade
        isolation.prctl(isolation.PR_SET_DUMPABLE, 1)

    def end(self, space: Space) -> None:
        """Kill everything of one identity."""
        try:
            signal.pidfd_send_signal(space.init, signal.SIGKILL)
        except ProcessLookupError:
            return

    def clear(self, spaces: Sequence[Space], pids: Sequence[int]) -> bool:
        """Kill everything and wait until it is gone; its files and IPC objects go with it.

        `pids` are forks of the runner: a namespace's init ends only after its last process was buried.
        """
        for space in spaces:
            self.end(space)
        for pid in pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue  # buried already
        return all([_is_gone(space) for space in spaces])  # noqa: C419 - each one is closed

    def was_killed_for_memory(self) -> bool:
        """There is no cgroup to ask; see `overrun`."""
        return False

    def overrun(self) -> list[int]:
        """Where the grade's processes and files together are over the limit: kill the largest, and name it."""
        return memory.end_largest(self._ours, self._limit)


def _is_gone(space: Space) -> bool:
    poll = select.poll()
    poll.register(space.init, select.POLLIN)
    gone = bool(poll.poll(_END_SECONDS * 1000))
    os.close(space.entry)
    os.close(space.init)
    return gone


def _make_spaces(requests: socket.socket) -> NoReturn:
    """The small process: one namespace for each byte; ends with the runner."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    isolation.prctl(isolation.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.closerange(0, requests.fileno())
    os.closerange(requests.fileno() + 1, 512)
    while requests.recv(1):
        if isolation.clone(isolation.CLONE_NEWPID) == 0:
            _be_init(requests)
    os._exit(0)


def _be_init(requests: socket.socket) -> NoReturn:
    """Only it may open its own namespace: it is not dumpable. Orphans are buried by the ignored signal."""
    entry = os.open("/proc/self/ns/pid", os.O_RDONLY)
    own = os.pidfd_open(os.getpid())
    socket.send_fds(requests, [b"s"], [entry, own])
    os.closerange(0, 512)
    while True:
        signal.pause()

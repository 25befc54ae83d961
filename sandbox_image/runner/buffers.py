"""Memory for what passes through the runner: no fork inherits it, so no grade can find an earlier one's data."""

import fcntl
import mmap
import os
import select
import socket
import struct
import sys
from dataclasses import dataclass

import wire

_MADV_DONTFORK = getattr(mmap, "MADV_DONTFORK", 10)
_MADV_DONTNEED = getattr(mmap, "MADV_DONTNEED", 4)
_KEEP_MAPPED = 1 << 20
_MAX_DESCRIPTORS = 8
_ANCILLARY = socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a grade ended; for a value or an error of the grade's own, `body` is a view into the buffers."""

    kind: bytes
    seconds: float
    body: bytes | memoryview = b""


class Output:
    """The first 64 kB of a stream; the rest is read and dropped."""

    def __init__(self, memory: memoryview, scratch: memoryview) -> None:
        self._memory = memory
        self._scratch = scratch
        self.length = 0
        self.cut = False

    def drain(self, descriptor: int) -> int:
        """Read once; returns the number of bytes, 0 at the end of the stream or where nothing is there now."""
        room = self._memory[self.length :] if self.length < len(self._memory) else self._scratch
        try:
            count = os.readv(descriptor, [room])
        except BlockingIOError:
            return 0
        if room is self._scratch:
            self.cut = self.cut or count > 0
        else:
            self.length += count
        return count

    @property
    def view(self) -> memoryview:
        return self._memory[: self.length]


class Buffers:
    """One private mapping, cut into the request, a grade's calls, its stdout and stderr, and a place to drop things."""

    def __init__(self) -> None:
        sizes = (
            wire.MAX_REQUEST_BYTES,
            2 * wire.MAX_CALL_BYTES,
            wire.MAX_OUTPUT_BYTES,
            wire.MAX_OUTPUT_BYTES,
            1 << 16,
        )
        self._map = mmap.mmap(-1, sum(sizes), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map.madvise(_MADV_DONTFORK)
        views = []
        rest = memoryview(self._map)
        for size in sizes:
            views.append(rest[:size])
            rest = rest[size:]
        self._request, self._calls, out, err, scratch = views
        self.outputs = Output(out, scratch), Output(err, scratch)
        self._request_bytes = 0
        self._heard = 0

    def receive(self, descriptor: int, length: int) -> None:
        """Read a request of the service."""
        if length > len(self._request):
            sys.exit("a request larger than the runner's buffer")
        self._request_bytes = 0
        while self._request_bytes < length:
            count = os.readv(descriptor, [self._request[self._request_bytes : length]])
            if not count:
                sys.exit(0)
            self._request_bytes += count

    @property
    def request(self) -> memoryview:
        return self._request[: self._request_bytes]

    def hear(self, channel: socket.socket) -> tuple[int, list[int]]:
        """Read once what a grade's process has sent: number of bytes (0: nothing now, or the end), descriptors."""
        try:
            count, ancillary, _, _ = channel.recvmsg_into(
                [self._calls[self._heard :]],
                _ANCILLARY,
                socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC,
            )
        except (BlockingIOError, ConnectionResetError):
            return 0, []
        self._heard += count
        descriptors: list[int] = []
        for _, _, data in ancillary:
            whole = len(data) - len(data) % 4
            descriptors.extend(struct.unpack(f"={whole // 4}i", data[:whole]))
        return count, descriptors

    @property
    def heard(self) -> memoryview:
        return self._calls[: self._heard]

    def drop_call(self, length: int) -> None:
        """Forget the first `length` bytes of what was heard."""
        rest = bytes(self._calls[length : self._heard])
        self._heard -= length
        self._calls[: self._heard] = rest

    def answer(self, token: bytes, verdict: Verdict) -> list[bytes | memoryview]:
        """The frame for the service."""
        out, err = self.outputs
        flags = (1 if out.cut else 0) | (2 if err.cut else 0)
        head = wire.VERDICT.pack(
            verdict.kind, flags, verdict.seconds, len(verdict.body), out.length, err.length
        )
        length = len(head) + len(verdict.body) + out.length + err.length
        frame = wire.FRAME.pack(wire.ANSWER, length, token)
        return [frame + head, verdict.body, out.view, err.view]

    def forget(self) -> None:
        """Ready for the next grade."""
        if self._request_bytes > _KEEP_MAPPED:
            self._map.madvise(_MADV_DONTNEED)
        self._request_bytes = self._heard = 0
        for output in self.outputs:
            output.length, output.cut = 0, False


def no_wait(descriptor: int) -> int:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    return descriptor


READABLE = select.POLLIN | select.POLLHUP | select.POLLERR

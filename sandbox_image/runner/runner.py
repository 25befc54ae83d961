"""The one process of a warm worker that outlives a grade: forks, watches, kills and cleans up; runs none of the author's code.

Started as `python3 -P -s -B runner.py [options]`, with PYTHONHASHSEED=0 in the environment. Speaks
`wire` frames on its stdin and stdout. Has one thread, and keeps what grades sent in memory that no
fork inherits.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import argparse
import gc
import json
import signal
import time

import isolation
import program
import wire
from buffers import Buffers
from grade import Grade, Watch
from identities import choose

_GONE = 0
_DIRTY = 3
_IDLE_DEATH = 4


class Runner:
    """Waits for a source, then serves one grade after the other, each in a process of its own."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._inbox, self._outbox = os.dup(0), os.dup(1)
        _silence()
        self._wake = _wake_on_death()
        self._watch = Watch(
            choose(options),
            options.timeout_seconds,
            Buffers(),
            self._inbox,
            self._wake,
            isolation.Filter(),
        )

    def serve(self) -> None:
        self._send(wire.HELLO)
        loaded = self._load()
        while True:
            grade = Grade(self._watch, loaded)
            self._send(wire.READY)
            token = self._next_request()
            verdict = grade.run()
            wire.write_all(self._outbox, self._watch.buffers.answer(token, verdict))
            clean = grade.clear()
            self._watch.buffers.forget()
            if not clean:
                self._send(wire.DIRTY)
                sys.exit(_DIRTY)

    def _send(self, kind: bytes, token: bytes = wire.NO_TOKEN, body: bytes = b"") -> None:
        wire.write_all(self._outbox, [wire.FRAME.pack(kind, len(body), token), body])

    def _load(self) -> program.Program:
        """Wait for a source that compiles; the service drops a worker whose source was refused."""
        while True:
            kind, length, token = self._header()
            source = self._body(length)
            if kind == wire.PING:
                self._send(wire.PING, token)
            if kind != wire.LOAD:
                continue
            try:
                return program.load(source, self._watch.isolation)
            except program.Refused as refusal:
                self._send(wire.REFUSED, token, json.dumps({"details": str(refusal)}).encode())

    def _next_request(self) -> bytes:
        """Wait, with the next process ready; its request then lies in the buffers."""
        while True:
            if not self._watch.wait_idle():
                sys.exit(_IDLE_DEATH)
            kind, length, token = self._header()
            self._watch.buffers.receive(self._inbox, length)
            if kind == wire.PING:
                self._send(wire.PING, token)
            if kind == wire.GRADE:
                return token

    def _header(self) -> tuple[bytes, int, bytes]:
        kind, length, token = wire.FRAME.unpack(self._body(wire.FRAME.size))
        return kind, length, token

    def _body(self, length: int) -> bytes:
        parts = []
        while length:
            part = os.read(self._inbox, min(length, 1 << 20))
            if not part:
                sys.exit(_GONE)
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def _silence() -> None:
    """No import and no library may write into the stream of answers."""
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


def _wake_on_death() -> int:
    """A descriptor that becomes readable when a child has died."""
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(
        signal.SIGTERM, lambda *_: os._exit(_GONE)
    )  # else process 1 ignores it, and an engine waits
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    return read_end


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--isolation", choices=("uids", "namespaces"), default="uids")
    parser.add_argument("--first-uid", type=int, default=10_000)
    parser.add_argument("--uids", type=int, default=50_000)
    parser.add_argument("--skip-uids", type=int, default=0)
    parser.add_argument("--timeout-seconds", type=float, default=120.0)
    parser.add_argument("--memory-bytes", type=int, default=2 << 30)
    parser.add_argument("--disk-bytes", type=int, default=1 << 30)
    return parser.parse_args()


def _environment() -> None:
    kept = {name: os.environ[name] for name in ("NLTK_DATA", "PYTHONPATH") if name in os.environ}
    os.environ.clear()
    os.environ.update(
        kept,
        PATH=f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        HOME="/tmp",
        LANG="C.UTF-8",
        TZ="UTC",
        PYTHONHASHSEED="0",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        MKL_NUM_THREADS="1",
    )
    time.tzset()


def main() -> None:
    options = _options()
    _environment()
    gc.disable()
    Runner(options).serve()


if __name__ == "__main__":
    main()

"""Runs several server processes at one address, and a new one for each that dies.

Each process has a listening socket of its own, and the kernel deals connections out among them: over one shared
socket, whichever wakes first takes a whole burst. The sockets stay open here, so what is dealt to a process that has
died waits for the next one.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

from grader_service.errors import CannotStart
from grader_service.logs import open_log
from grader_service.metrics import shared
from grader_service.metrics.shared import Place
from grader_service.server import BACKLOG, Member, bound, say_where, serve
from grader_service.settings import Settings

_FORK = multiprocessing.get_context("fork")
_STOPS = (signal.SIGTERM, signal.SIGINT)
_RESTART_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_SECONDS = 60.0
"""A process that has lived for so long was no failed start, however it ended."""

_GRACE_SECONDS = 15.0
"""Beyond GRADER_SHUTDOWN_SECONDS, for engines to end what they have started."""


def run_processes(settings: Settings) -> None:
    """Serve with `settings.processes` processes until SIGTERM or SIGINT; then each finishes what it has in flight.

    Raises:
        CannotStart: the address cannot be had, or the first processes say what is not there.
    """
    with (
        _listening(settings) as listeners,
        tempfile.TemporaryDirectory(prefix="grader-metrics-") as folder,
    ):
        slots = [
            _Slot(Place(Path(folder), number), listener)
            for number, listener in enumerate(listeners)
        ]
        _Supervisor(settings, slots).run()


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        with bound(
            settings, settings.port
        ) as alone:  # or another server's processes would share with ours
            port = alone.getsockname()[1]
        listeners = [
            stack.enter_context(bound(settings, port, together=True))
            for _ in range(settings.processes)
        ]
        for listener in listeners:
            listener.listen(BACKLOG)
        yield listeners


@dataclass(eq=False, slots=True)
class _Slot:
    """The place of one process. `due` is when (`time.monotonic`) the next is started, while there is none."""

    place: Place
    listener: socket.socket
    process: ForkProcess | None = None
    messages: Connection | None = None
    listens: bool = False
    since: float = 0.0
    due: float = 0.0
    failures: int = 0


class _Supervisor:
    """Does nothing but start and end processes, in one thread, so that it can fork."""

    def __init__(self, settings: Settings, slots: list[_Slot]) -> None:
        self._settings = settings
        self._slots = slots
        self._log = open_log(settings)
        self._lifeline, self._held = os.pipe()
        self._woken, waking = socket.socketpair()
        waking.setblocking(False)
        self._waking = waking
        self._stopping = False
        self._announced = False

    def run(self) -> None:
        """Raises CannotStart where the processes do not come to listen."""
        for stop in _STOPS:
            signal.signal(stop, self._stop)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # or the first collection in each process would copy every page
        try:
            while not self._stopping:
                self._start_due()
                self._look(self._seconds_to_next())
        finally:
            self._end_all()
            signal.set_wakeup_fd(-1)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _start_due(self) -> None:
        for slot in self._slots:
            if slot.process is None and time.monotonic() >= slot.due:
                self._start(slot)

    def _start(self, slot: _Slot) -> None:
        slot.messages, told = _FORK.Pipe(duplex=False)
        slot.process = _FORK.Process(target=self._be_process, args=(slot, told))
        slot.listens, slot.since = False, time.monotonic()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # our handler is not the process's
        try:
            slot.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        told.close()

    def _be_process(self, slot: _Slot, told: Connection) -> None:
        """In the new process."""
        signal.set_wakeup_fd(-1)
        for stop in _STOPS:
            signal.signal(stop, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        os.close(self._held)
        for other in self._slots:
            if other is not slot:
                other.listener.close()
        member = Member(slot.place, self._lifeline)
        try:
            serve(self._settings, slot.listener, lambda: told.send(""), member)
        except CannotStart as fault:
            told.send(str(fault))
            sys.exit(1)

    def _look(self, seconds: float | None) -> None:
        """Wait for what the processes tell, for the end of one, or for a signal."""
        waited: list[object] = [self._woken]
        for slot in self._slots:
            if slot.process is not None:
                waited += (
                    [slot.process.sentinel, slot.messages]
                    if slot.messages
                    else [slot.process.sentinel]
                )
        ready = wait(waited, seconds)  # type: ignore[arg-type]
        if self._woken in ready:
            self._woken.recv(4096)
        for slot in self._slots:
            if slot.messages in ready:
                self._hear(slot)
            if slot.process is not None and slot.process.sentinel in ready and not self._stopping:
                self._bury(slot)

    def _hear(self, slot: _Slot) -> None:
        assert slot.messages is not None
        fault = ""
        try:
            fault = slot.messages.recv()
            slot.listens = not fault
        except EOFError:
            pass
        slot.messages.close()
        slot.messages = None
        if fault and not self._announced:
            raise CannotStart(fault)
        if fault:
            self._log.error("process_fault", process=slot.place.number, fault=fault)
        if not self._announced and all(each.listens for each in self._slots):
            self._announced = True
            say_where(self._settings, slot.listener)

    def _bury(self, slot: _Slot) -> None:
        """Of a process that has ended by itself."""
        if slot.messages is not None and slot.messages.poll():
            self._hear(slot)
        code = self._forget(slot)
        if not self._announced:
            sys.exit(1)  # it has said why
        steady = slot.listens and time.monotonic() - slot.since > _STEADY_SECONDS
        slot.failures = 1 if steady else slot.failures + 1
        delay = _RESTART_SECONDS[min(slot.failures, len(_RESTART_SECONDS)) - 1]
        slot.due = time.monotonic() + delay
        self._log.error(
            "process_ended", process=slot.place.number, exit_code=code, restart_seconds=delay
        )

    def _forget(self, slot: _Slot) -> int | None:
        assert slot.process is not None
        slot.process.join()
        code = slot.process.exitcode
        slot.process.close()
        slot.process = None
        shared.forget(slot.place)
        return code

    def _seconds_to_next(self) -> float | None:
        due = [slot.due for slot in self._slots if slot.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _end_all(self) -> None:
        """Refuse new connections, SIGTERM to all at once, SIGKILL to what does not end."""
        for slot in self._slots:
            slot.listener.close()
        running = [slot for slot in self._slots if slot.process is not None]
        for slot in running:
            assert slot.process is not None
            slot.process.terminate()
        end = time.monotonic() + self._settings.shutdown_seconds + _GRACE_SECONDS
        for slot in running:
            assert slot.process is not None
            slot.process.join(max(0.0, end - time.monotonic()))
            slot.process.kill()
            self._forget(slot)

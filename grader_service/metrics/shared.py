"""Numbers of several server processes in one place: files in a folder, which whichever process is asked adds up.

The library decides for a whole process where its numbers are, and finds the folder through the environment. So this
is set anew whenever `Metrics` are made, and a folder that somebody else's environment names is never used.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of several processes keeps its numbers. The next process with this number goes on counting there."""

    folder: Path
    number: int


def choose(place: Place | None) -> None:
    """All metrics made from now on keep their values there; None is this process's own memory."""
    if place is None:
        values.ValueClass = values.MutexValue
        return
    number = place.number
    os.environ[FOLDER_VARIABLE] = str(place.folder)
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def exposition(place: Place) -> bytes:
    """Prometheus text with the sums over all processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(place.folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget(place: Place) -> None:
    """A process has ended: what it did stays counted, what it was doing does not."""
    mark_process_dead(place.number, str(place.folder))  # type: ignore[no-untyped-call]


class OwnProcess:
    """`process_…` as the library has them for one process, in a form that can be added up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._source = ProcessCollector(registry=None)
        self._cpu_seconds = 0.0
        self._gauges: dict[str, Gauge] = {}
        for family in self._source.collect():
            if family.type == "counter":
                self._cpu = Counter(family.name, family.documentation, registry=registry)
            else:
                oldest = family.name == "process_start_time_seconds"
                self._gauges[family.name] = Gauge(
                    family.name,
                    family.documentation,
                    multiprocess_mode="livemin" if oldest else "livesum",
                    registry=registry,
                )

    def look(self) -> None:
        """Read the numbers of this process as they are now."""
        for family in self._source.collect():
            now = family.samples[0].value
            if family.type == "counter":
                self._cpu.inc(max(0.0, now - self._cpu_seconds))
                self._cpu_seconds = now
            else:
                self._gauges[family.name].set(now)

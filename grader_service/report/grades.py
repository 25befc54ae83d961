"""The numbers of a rewards file in arrays; its texts stay in the file."""

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from grader_service.datasets.records import Record
from grader_service.errors import GraderServiceError, Usage
from grader_service.events import State
from grader_service.report.visible import line

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

STATES: Final[tuple[State, ...]] = ("value", "invalid", "failed")
FAILED: Final = STATES.index("failed")

N_BITS: Final = 20
MAX_N: Final = 1 << N_BITS
MAX_INDEX: Final = 1 << 40
"""A sample's key is its row's index and its own number in one integer of 64 bits."""

CauseKey = tuple[str, str]
"""`kind` and `where` of a cause."""


class BadRecord(GraderServiceError):
    """A record with numbers that cannot be; the text says which."""


@dataclass(frozen=True, slots=True)
class Grades:
    """Samples in the order of their keys; all arrays have one place for each.

    `states` are places in `STATES`, `places` where the source has the record, `parts` NaN where a
    record lacks the part. `causes` has the samples (places in the arrays) of each cause. `usage`
    is everything that was paid for, also for grades that a later one replaced, of which there
    were `replaced`.
    """

    keys: Integers
    rewards: Floats
    states: NDArray[np.int8]
    seconds: Floats
    places: Integers
    parts: Mapping[str, Floats]
    causes: Mapping[CauseKey, Integers]
    usage: Mapping[str, Usage]
    replaced: int

    @property
    def rows(self) -> Integers:
        return self.keys >> N_BITS

    @property
    def numbers(self) -> Integers:
        """`n` of each sample."""
        return self.keys & (MAX_N - 1)

    @property
    def rewarded(self) -> Flags:
        """Samples whose reward a trainer would use: all that did not fail, invalid ones with their `invalid_grade`."""
        flags: Flags = self.states != FAILED
        return flags


def collect(records: Iterable[tuple[int, Record]]) -> Grades:
    """Reads all records once; each comes with its place. The last one of a sample counts.

    Raises:
        BadRecord: no finite number where one must be.
    """
    columns = _Columns()
    for place, record in records:
        columns.add(place, record)
    return columns.grades()


class _Columns:
    """Grows by 33 bytes and 8 for each part with every record."""

    def __init__(self) -> None:
        self.keys = array("q")
        self.places = array("q")
        self.rewards = array("d")
        self.seconds = array("d")
        self.states = array("b")
        self.parts: dict[str, array[float]] = {}
        self.causes: dict[CauseKey, array[int]] = {}
        self.usage: dict[str, Usage] = {}

    def add(self, place: int, record: Record) -> None:
        position = len(self.keys)
        self.keys.append(_key(record))
        self.places.append(place)
        self.rewards.append(_finite(record["reward"], "reward"))
        self.seconds.append(_finite(record["seconds"], "seconds"))
        self.states.append(STATES.index(record["state"]))
        for name, reward in record["parts"].items():
            column = self.parts.setdefault(name, array("d"))
            _pad(column, position)
            column.append(_finite(reward, f"parts.{line(name, 60)}"))
        for key in {(cause["kind"], cause["where"]) for cause in record["causes"]}:
            self.causes.setdefault(key, array("q")).append(position)
        for model, tokens in record["usage"].items():
            self.usage[model] = self.usage.get(model, Usage()) + Usage(**tokens)

    def grades(self) -> Grades:
        keys = np.array(self.keys, dtype=np.int64)
        _, from_end = np.unique(keys[::-1], return_index=True)
        kept: Integers = len(keys) - 1 - from_end
        for column in self.parts.values():
            _pad(column, len(keys))
        new_places = np.full(len(keys), -1)
        new_places[kept] = np.arange(len(kept))
        causes = {key: new_places[np.array(found)] for key, found in self.causes.items()}
        return Grades(
            keys=keys[kept],
            rewards=np.array(self.rewards)[kept],
            states=np.array(self.states, dtype=np.int8)[kept],
            seconds=np.array(self.seconds)[kept],
            places=np.array(self.places, dtype=np.int64)[kept],
            parts={name: np.array(column)[kept] for name, column in self.parts.items()},
            causes={key: found[found >= 0] for key, found in causes.items() if (found >= 0).any()},
            usage=self.usage,
            replaced=len(keys) - len(kept),
        )


def _key(record: Record) -> int:
    index, n = record["index"], record["n"]
    if not (0 <= index < MAX_INDEX and 0 <= n < MAX_N):
        raise BadRecord(f"index {index}, n {n}: they count from 0, to {MAX_INDEX} and {MAX_N}")
    return index << N_BITS | n


def _finite(number: float, name: str) -> float:
    if not math.isfinite(number):
        raise BadRecord(f"{name} is {number}, and must be finite")
    return number


def _pad(column: "array[float]", length: int) -> None:
    column.extend([math.nan] * (length - len(column)))

"""What the source has, what has come of it, and what has not, each with its reason."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

from grader_service.evals.migrate.base import NotHandedOut

Kind = Literal["eval", "run", "output item", "file"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of the source's, and what is to be said of it."""

    kind: Kind
    id: str
    reason: str


@dataclass(slots=True)
class Counts:
    """`source` has so many; `here` are so many, found anew at the end; `new` of them came now."""

    source: int = 0
    here: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """Output items of a run: how many its counts name, and how many the source has listed, if it was asked."""

    total: int
    listed: int | None
    whole: bool


Observe = Callable[[Kind, Counts], None]


class Ledger:
    """`observe` is told of every change of a count."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self.counts: dict[Kind, Counts] = {kind: Counts() for kind in KINDS}
        self.evals: list[str] = []
        self.runs: dict[str, Expected] = {}
        self.files: dict[str, int] = {}
        self.missing: list[Entry] = []
        self.notes: list[Entry] = []

    def count(self, kind: Kind, *, source: int = 0, here: int = 0, new: int = 0) -> None:
        """Add to the counts of a kind."""
        counts = self.counts[kind]
        counts.source += source
        counts.here += here
        counts.new += new
        self._observe(kind, counts)

    @contextmanager
    def losing_only(
        self,
        kind: Kind,
        id: str,  # noqa: A002 - as the API names it
        what: str = "",
    ) -> Iterator[None]:
        """What the source does not hand out inside the block is named, and all else goes on."""
        try:
            yield
        except NotHandedOut as error:
            self.miss(kind, id, f"{what}{error}")

    def miss(self, kind: Kind, id: str, reason: str) -> None:  # noqa: A002
        """It is at the source, and not here."""
        self.missing.append(Entry(kind, id, reason))

    def note(self, kind: Kind, id: str, reason: str) -> None:  # noqa: A002
        """It is here, but not all is as it was. Said once."""
        entry = Entry(kind, id, reason)
        if entry not in self.notes:
            self.notes.append(entry)

    def answer(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "counts": {
                f"{kind}s": {"source": counts.source, "here": counts.here, "new": counts.new}
                for kind, counts in self.counts.items()
            },
            "missing": [_shown(entry) for entry in self.missing],
            "notes": [_shown(entry) for entry in self.notes],
        }


def _shown(entry: Entry) -> dict[str, str]:
    return {"kind": entry.kind, "id": entry.id, "reason": entry.reason}

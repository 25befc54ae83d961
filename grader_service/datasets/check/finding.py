"""What a check of a dataset says: complaints of single rules, gathered into findings with their lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

Severity = Literal["fault", "warning"]
Source = Literal["grader", "response_format", "tools", "train", "validation"]

SHOWN_LINES: Final = 5
SHOWN_FINDINGS: Final = 10
"""Of one rule in one file; the rows of all others are counted together."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A rule's word on one row, or on the job: what is wrong and what to do.

    Those of one rule with the same `key` are one finding, told in the words of the first; without
    a key it is the message that counts. `place` is where in the grader's or the tools' JSON.
    """

    message: str
    advice: str
    severity: Severity = "fault"
    place: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`rows` is how many it holds for, 0 where it is not about rows; `lines` are the first of them, from 1."""

    severity: Severity
    rule: str
    source: Source
    place: str
    rows: int
    lines: tuple[int, ...]
    message: str
    advice: str


@dataclass(slots=True)
class Lines:
    """How many, and the first few."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """One more; lines come in rising order."""
        self.count += 1
        if len(self.first) < SHOWN_LINES:
            self.first.append(line)

    def merge(self, other: "Lines") -> None:
        """All of another's, too."""
        self.count += other.count
        self.first = sorted({*self.first, *other.first})[:SHOWN_LINES]


class Tally:
    """Gathers the complaints about one source; its memory does not grow with the rows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._groups: dict[str, dict[str, tuple[Complaint, Lines]]] = {}
        self._others: dict[str, tuple[Complaint, Lines]] = {}

    def add(self, rule: str, complaints: Iterable[Complaint], line: int | None = None) -> None:
        """Complaints about the row of this line, or about none."""
        for complaint in complaints:
            lines = self._lines(rule, complaint)
            if line is not None:
                lines.add(line)

    def add_many(self, rule: str, complaint: Complaint, lines: Lines) -> None:
        """One complaint about many rows."""
        self._lines(rule, complaint).merge(lines)

    def _lines(self, rule: str, complaint: Complaint) -> Lines:
        groups = self._groups.setdefault(rule, {})
        key = complaint.key or complaint.message
        known = groups.get(key)
        if known is None and len(groups) < SHOWN_FINDINGS:
            known = groups[key] = (complaint, Lines())
        if known is None:
            more = Complaint("more of this kind", "mend those above first", complaint.severity)
            known = self._others.setdefault(rule, (more, Lines()))
        return known[1]

    def findings(self) -> list[Finding]:
        """In the order of the rules' first complaints."""
        found = []
        for rule, groups in self._groups.items():
            others = [self._others[rule]] if rule in self._others else []
            for complaint, lines in (*groups.values(), *others):
                found.append(
                    Finding(
                        complaint.severity,
                        rule,
                        self._source,
                        complaint.place,
                        lines.count,
                        tuple(lines.first),
                        complaint.message,
                        complaint.advice,
                    )
                )
        return found

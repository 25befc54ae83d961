"""What the doctor says: one finding for each attack that worked, and the report of all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Severity = Literal["danger", "warning", "note"]
"""The reward can be had without being right, or tells nothing; an honest answer or a run can come to harm; strict, as
the author may have meant it (a note is no finding)."""


Family = Literal["judge", "texts", "tools", "json", "code", "stability", "rewards"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Kinds of attacks, as `--only` takes them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attack that worked.

    `sent` is the output, shortened, that worked best, for the row `index` (from 0; -1 for one that was
    made up). `earned` is its reward, `right` and `wrong` what an honest right and wrong answer to
    the same row earned; None where that is not known, or where no reward came. `rows` is in how
    many of the rows it worked, `tried` in how many it was tried.
    """

    attack: str
    family: Family
    severity: Severity
    index: int
    sent: str
    earned: float | None
    right: float | None
    wrong: float | None
    rows: int
    tried: int
    observed: str
    danger: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that one examination gave. `notes` say what could not be looked at, and what is strict by design."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    grades: int
    judge_calls: int
    attacks: int
    seconds: float
    failed: Mapping[str, int] = field(default_factory=dict)
    """Grades that failed for no fault of the outputs, by kind."""

    @property
    def dangerous(self) -> bool:
        return any(finding.severity == "danger" for finding in self.findings)

"""Checks a job before it starts: the grader, what belongs to it, and every row of its files in one pass."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from typing_extensions import TypedDict

from grader_service.datasets.check import hosted
from grader_service.datasets.check.finding import Complaint, Finding, Lines, Source, Tally
from grader_service.datasets.check.job import Job
from grader_service.datasets.check.row_rule import RowRule
from grader_service.datasets.check.rules import JOB_RULES, ROWS_RULES
from grader_service.datasets.rows import RowFault, read_rows
from grader_service.graders.context import Engines

MAX_ROWS: Final[Mapping[Source, int]] = MappingProxyType({"train": 50_000, "validation": 1_000})
"""What hosted jobs take (grader-api §10)."""


class Answer(TypedDict):
    """A report as JSON; the keys of a finding are those of `Finding`."""

    ok: bool
    faults: int
    warnings: int
    rows: dict[str, int]
    findings: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` counts those of each file that was there, broken lines too; the faults come first in `findings`."""

    rows: Mapping[Source, int]
    findings: tuple[Finding, ...]

    @property
    def faults(self) -> int:
        """How many findings a job would fail on."""
        return sum(finding.severity == "fault" for finding in self.findings)

    def answer(self) -> Answer:
        """For machines."""
        return {
            "ok": not self.faults,
            "faults": self.faults,
            "warnings": len(self.findings) - self.faults,
            "rows": {str(source): count for source, count in self.rows.items()},
            "findings": [asdict(finding) for finding in self.findings],
        }


async def check_grader(job: Job, engines: Engines) -> list[Finding]:
    """What can be said without a row."""
    tallies = {source: Tally(source) for source in ("grader", "response_format", "tools")}
    tallies["grader"].add("grader", await hosted.checked(job, engines))
    for rule in JOB_RULES:
        tallies[rule.source].add(rule.name, rule.look(job))
    return [finding for tally in tallies.values() for finding in tally.findings()]


def check_rows(
    job: Job, files: Mapping[Source, Iterable[bytes]], findings: Iterable[Finding] = ()
) -> Report:
    """Every rule over the lines of the files, `train` first, added to what was found without them.

    No more than one row is in memory at once.
    """
    rules = [(rule.name, rule.make(job)) for rule in ROWS_RULES]
    counts: dict[Source, int] = {}
    found = list(findings)
    for source, lines in files.items():
        tally = Tally(source)
        counts[source] = _check_file(lines, source, rules, tally)
        found += tally.findings()
    if "validation" not in files:
        missing = Tally("validation")
        missing.add("row-count", [_NO_VALIDATION])
        found += missing.findings()
    return Report(counts, tuple(sorted(found, key=lambda finding: finding.severity != "fault")))


def _check_file(
    lines: Iterable[bytes], source: Source, rules: list[tuple[str, RowRule]], tally: Tally
) -> int:
    count = 0
    for _, rule in rules:
        rule.begin(source)
    for row in read_rows(_without_gaps(lines, tally)):
        count += 1
        if isinstance(row, RowFault):
            tally.add(
                "json-line",
                [Complaint(row.message, "write one JSON object on each line")],
                row.line,
            )
            continue
        for name, rule in rules:
            tally.add(name, rule.row(row), row.line)
    for name, rule in rules:
        for complaint, told in rule.end():
            tally.add_many(name, complaint, told)
    tally.add("row-count", _counted(count, source))
    return count


def _without_gaps(lines: Iterable[bytes], tally: Tally) -> Iterator[bytes]:
    """The lines as they are; blank ones are told once a row follows."""
    blank = Lines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            blank.add(number)
        elif blank.count:
            tally.add_many("blank-line", _BLANK, blank)
            blank = Lines()
        yield line


def _counted(count: int, source: Source) -> Iterator[Complaint]:
    most = MAX_ROWS[source]
    if count == 0:
        yield Complaint("there is no row", "put one JSON object on each line")
    elif count > most:
        yield Complaint(
            f"{count:,} rows, and a job takes at most {most:,}", f"leave out {count - most:,}"
        )


_BLANK: Final = Complaint(
    "a blank line stands between rows, which not every parser skips", "remove it", "warning"
)
_NO_VALIDATION: Final = Complaint(
    "there is no validation file, and Azure starts no job without one",
    "name one by --validation",
    "warning",
)

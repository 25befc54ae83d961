"""One examination: rows, honest answers, then every attack of the table, and what worked."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from grader_service.doctor import (
    code,
    json_outputs,
    judge_injections,
    rewards,
    stability,
    texts,
    tools,
)
from grader_service.doctor.answers import answers_of
from grader_service.doctor.attack import Attack, Hit
from grader_service.doctor.baseline import Case, measure
from grader_service.doctor.bench import Bench, Budget, Trial
from grader_service.doctor.findings import Family, Finding, Report
from grader_service.doctor.rows import AttackRow, made_up
from grader_service.doctor.subject import Subject
from grader_service.errors import CannotGrade, CannotStart
from grader_service.graders.base import Grader
from grader_service.graders.context import Engines

ATTACKS: tuple[Attack, ...] = (
    *judge_injections.ATTACKS,
    *texts.ATTACKS,
    *tools.ATTACKS,
    *json_outputs.ATTACKS,
    *code.ATTACKS,
    *stability.ATTACKS,
    *rewards.ATTACKS,
)
"""All attacks, the costliest dangers first: a budget that runs out leaves the others undone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is examined. `rows` empty: they are made up from what the grader reads; `others` are further items
    of the dataset, from which wrong but plausible values are taken; `families` empty: all attacks."""

    grader: Grader
    rows: Sequence[AttackRow] = ()
    others: Sequence[Mapping[str, object]] = ()
    families: Collection[Family] = ()
    budget: Budget = field(default_factory=Budget)

    def wants(self, attack: Attack) -> bool:
        return not self.families or attack.family in self.families


@dataclass(frozen=True, slots=True)
class Tried:
    """One attack over all rows: in how many it was tried, and where it worked."""

    attack: Attack
    rows: list[int] = field(default_factory=list)
    worked: list[tuple[Case, Hit]] = field(default_factory=list)

    def counts(self, *, note: bool = False) -> bool:
        """Whether it worked often enough to be told, as a finding or as a note."""
        often = len(self.worked) >= self.attack.least * len(self.rows)
        return bool(self.worked) and often and (self.attack.severity == "note") is note

    def _best(self) -> tuple[Case, Hit]:
        return max(self.worked, key=lambda each: each[0].share(each[1].trial.reward))

    def note(self) -> str:
        _, hit = self._best()
        return f"{self.attack.name}: {self.attack.danger} ({hit.observed}; sent {hit.trial.output.shown()})"

    def finding(self) -> Finding:
        case, hit = self._best()
        return Finding(
            attack=self.attack.name,
            family=self.attack.family,
            severity=self.attack.severity,
            index=case.row.index,
            sent=hit.trial.output.shown(),
            earned=hit.trial.reward if hit.trial.result.state == "value" else None,
            right=case.right,
            wrong=case.wrong,
            rows=len(self.worked),
            tried=len(self.rows),
            observed=hit.observed,
            danger=self.attack.danger,
            remedy=self.attack.remedy,
        )


async def examine(plan: Plan, engines: Engines, progress: Callable[[int], None]) -> Report:
    """Attack, within the budget. `progress` hears the number of grades so far.

    Raises:
        CannotStart: no row got a grade, so nothing can be said.
    """
    subject = Subject(plan.grader)
    bench = Bench(subject, engines, plan.budget, progress)
    notes: list[str] = []
    rows = list(plan.rows) or made_up(subject)
    cases = await _cases(bench, subject, rows, plan.others, notes)
    if not cases:
        raise CannotStart(_nothing(bench, rows, notes))
    attacks = [each for each in ATTACKS if each.applies(subject) and plan.wants(each)]
    records = {attack.name: Tried(attack) for attack in attacks}
    for case in cases:
        await _attack_row(case, bench, records)
    findings = [record.finding() for record in records.values() if record.counts()]
    notes += [record.note() for record in records.values() if record.counts(note=True)]
    notes += _limits(bench, cases, subject)
    return Report(
        findings=tuple(sorted(findings, key=lambda finding: finding.severity != "danger")),
        notes=tuple(dict.fromkeys(notes)),
        grades=bench.grades,
        judge_calls=bench.judge_calls,
        attacks=len(attacks),
        seconds=bench.seconds,
        failed=dict(bench.failed),
    )


async def _cases(
    bench: Bench,
    subject: Subject,
    rows: Sequence[AttackRow],
    others: Sequence[Mapping[str, object]],
    notes: list[str],
) -> list[Case]:
    cases = []
    for row in rows:
        siblings = [each.item for each in rows if each is not row] + [*others]
        try:
            answers = answers_of(subject, row.item, siblings)
        except CannotGrade as error:
            notes.append(f"row {row.index} is left out: {error.details}")
            continue
        case = await measure(bench, subject, row, answers)
        if case is not None:
            cases.append(case)
        elif not row.made_up:
            notes.append(f"row {row.index} is left out: no honest answer to it got a grade")
    return cases


async def _attack_row(case: Case, bench: Bench, records: Mapping[str, Tried]) -> None:
    """Every attack on one row; a budget that ends leaves later rows, not later attacks, undone."""
    seen: list[Trial] = []
    for record in records.values():
        attack = record.attack
        trials = await _trials(attack, case, bench)
        if attack.family != "code":
            seen += trials
        if trials or attack.watches:
            record.rows.append(case.row.index)
        hit = attack.judge(case, seen if attack.watches else trials)
        if hit is not None and attack.confirmed:
            hit = attack.judge(
                case, await bench.grade_all(case.item, [hit.trial.output], fresh=True)
            )
        if hit is not None:
            record.worked.append((case, hit))


async def _trials(attack: Attack, case: Case, bench: Bench) -> list[Trial]:
    outputs = list(dict.fromkeys(attack.probes(case)))
    if not attack.again:
        return await bench.grade_all(case.item, outputs)
    trials = []
    for _ in range(attack.again):
        trials += await bench.grade_all(case.item, outputs, fresh=True)
    return trials


def _nothing(bench: Bench, rows: Sequence[AttackRow], notes: Sequence[str]) -> str:
    if notes and not bench.failed:
        return f"no row can be attacked; {notes[0]}"
    if bench.failed:
        kinds = ", ".join(sorted(bench.failed))
        return f"nothing could be graded ({kinds}); `grader-service run` on one row says why"
    if bench.exhausted:
        return f"the budget of {bench.exhausted} does not reach for the honest answers; raise it"
    if rows and rows[0].made_up:
        return "the rows that the doctor made up do not fit this grader; give some of yours with --data"
    return "no honest answer to any row got a grade; `grader-service run` on one row says why"


def _limits(bench: Bench, cases: Sequence[Case], subject: Subject) -> list[str]:
    """What the report must not be silent about."""
    notes = []
    if any(case.row.made_up for case in cases):
        notes.append(
            "the rows were made up from what the grader reads; --data with real rows looks sharper"
        )
    unknown = [case for case in cases if case.right is None]
    if unknown:
        notes.append(
            f"in {len(unknown)} of {len(cases)} rows no output was found that earns more than a wrong answer; "
            "rows with good samples (--samples) give attacks a measure"
        )
    if bench.exhausted:
        notes.append(f"the budget of {bench.exhausted} ended the attacks early")
    if bench.failed:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(bench.failed.items()))
        notes.append(
            f"grades that failed for no fault of the outputs, and count for nothing: {counts}"
        )
    return notes

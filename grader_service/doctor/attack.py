"""What an attack is: outputs for a row, and a look at what they earned."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grader_service.doctor.baseline import SAME, Case
from grader_service.doctor.bench import Trial
from grader_service.doctor.findings import Family, Severity
from grader_service.doctor.outputs import Output
from grader_service.doctor.subject import Subject

HALF = 0.5
"""An attack has worked where it earned this share of the way from a wrong to a right answer."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The trial that worked best, and what was seen in words."""

    trial: Trial
    observed: str


Probes = Callable[[Case], Iterable[Output]]
Judge = Callable[[Case, Sequence[Trial]], Hit | None]


def nothing(_case: Case) -> Iterable[Output]:
    """For attacks that look at what the others were given."""
    return ()


def always(_subject: Subject) -> bool:
    return True


def reads_text(subject: Subject) -> bool:
    """Not for what executes the output: there a text is at best a program with a fault."""
    return not subject.facts.runs_code


def earns(share: float = HALF) -> Judge:
    """An output earned at least this share of what a right answer earns beyond a wrong one."""

    def judge(case: Case, trials: Sequence[Trial]) -> Hit | None:
        best = best_of(trials)
        if best is None or case.share(best.reward) < share:
            return None
        return Hit(best, f"{case.share(best.reward):.0%} of the way from wrong to right")

    return judge


def best_of(trials: Sequence[Trial]) -> Trial | None:
    graded = [trial for trial in trials if not trial.failed]
    return max(graded, key=lambda trial: trial.reward, default=None)


def differs(first: float, second: float) -> bool:
    return abs(first - second) > SAME


@dataclass(frozen=True, slots=True)
class Attack:
    """One line of the table.

    `watches` says that `judge` gets all trials of the row, those of the other attacks too. `again` is
    how often each output is graded anew; `confirmed` that the output which worked must work once more,
    for what a busy machine alone could bring about. It counts where it worked in at least `least` of the rows.
    """

    name: str
    family: Family
    severity: Severity
    probes: Probes
    judge: Judge
    danger: str
    remedy: str
    applies: Callable[[Subject], bool] = always
    watches: bool = False
    again: int = 0
    confirmed: bool = False
    least: float = 0.34

"""What a step of a check may expect of a run: each function makes a judge, which gives None or says what is wrong."""

from collections.abc import Callable

from grader_service.errors import CannotGrade
from grader_service.sandbox.base import Outcome

Judge = Callable[[Outcome | CannotGrade], str | None]


def value(expected: float, *, stdout: str | None = None, stderr: str | None = None) -> Judge:
    """Exactly this number; and exactly this output, where one is given."""

    def judge(run: Outcome | CannotGrade) -> str | None:
        if isinstance(run, CannotGrade):
            return f"expected the value {expected!r}, got {_told(run)}"
        if run.value != expected:
            return f"expected the value {expected!r}, got {run.value!r}"
        for name, text in (("stdout", stdout), ("stderr", stderr)):
            if text is not None and getattr(run, name) != text:
                return f"expected the {name} {text!r}, got {getattr(run, name)[:300]!r}"
        return None

    return judge


def between(low: float, high: float) -> Judge:
    """A number that the program counted."""

    def judge(run: Outcome | CannotGrade) -> str | None:
        if isinstance(run, CannotGrade):
            return f"expected a value from {low} to {high}, got {_told(run)}"
        return (
            None
            if low <= run.value <= high
            else f"expected a value from {low} to {high}, got {run.value!r}"
        )

    return judge


def output_at_most(expected: float, size: int) -> Judge:
    """This number, and at most `size` characters on each stream, of which there are some."""

    def judge(run: Outcome | CannotGrade) -> str | None:
        wrong = value(expected)(run)
        if wrong or isinstance(run, CannotGrade):
            return wrong
        lengths = len(run.stdout), len(run.stderr)
        return (
            None
            if all(0 < length <= size for length in lengths)
            else f"lengths of the streams: {lengths}"
        )

    return judge


def fails(kind: type[CannotGrade], *texts: str, without: tuple[str, ...] = ()) -> Judge:
    """This very error, with all of the texts in its details, none of `without`, and details of a bounded length."""

    def judge(run: Outcome | CannotGrade) -> str | None:
        if type(run) is not kind:
            return f"expected {kind.__name__}, got {_told(run)}"
        missing = [text for text in texts if text not in run.details]
        if missing:
            return f"details lack {missing}: {run.details[:1000]!r}"
        surplus = [text for text in without if text in run.details]
        if surplus:
            return f"details hold {surplus}: {run.details[:1000]!r}"
        return None if len(run.details) <= 32_000 else f"details of {len(run.details)} characters"

    return judge


def any_of(*judges: Judge) -> Judge:
    """Where more than one ending is right."""

    def judge(run: Outcome | CannotGrade) -> str | None:
        wrong = [each(run) for each in judges]
        return None if None in wrong else "; or ".join(str(text) for text in wrong)

    return judge


def _told(run: Outcome | CannotGrade) -> str:
    if isinstance(run, Outcome):
        return f"the value {run.value!r}"
    return f"{type(run).__name__}: {run.details[:1000]!r}"

"""Rules for the rewards that a grader can give at all."""

import math
from collections.abc import Iterator
from itertools import islice, product
from typing import Final

from grader_service import formula
from grader_service.datasets.check.finding import Complaint
from grader_service.datasets.check.job import Job
from grader_service.errors import FormulaUndefined
from grader_service.graders.multi import Multi

MAX_TRIED: Final = 256


def constant(job: Job) -> Iterator[Complaint]:
    """Training learns from differences."""
    if job.grader is None:
        return
    low, high = job.grader.bounds()
    if low == high:
        yield Complaint(
            f"every output gets the reward {low:g}",
            "let the grader tell good outputs from bad ones",
            place="passing_labels" if job.grader.type == "label_model" else "",
        )


def threshold(job: Job) -> Iterator[Complaint]:
    """`pass_threshold` lies among the rewards."""
    if job.grader is None or job.grader.pass_threshold is None:
        return
    low, high = job.grader.bounds()
    at = job.grader.pass_threshold
    place = "pass_threshold"
    span = f"rewards lie between {low:g} and {high:g}"
    if at > high:
        yield Complaint(
            f"no output can pass: pass_threshold is {at:g}, and {span}",
            f"set it to {high:g} at most, or widen the grader's range",
            place=place,
        )
    elif at <= low:
        yield Complaint(
            f"every graded output passes: pass_threshold is {at:g}, and {span}",
            f"set it above {low:g}",
            "warning",
            place=place,
        )
    if job.grader.invalid_grade >= at:
        yield Complaint(
            f"outputs that cannot be graded pass: their reward, invalid_grade, is {job.grader.invalid_grade:g}",
            f"set it below pass_threshold, {at:g}",
            "warning",
            place="invalid_grade",
        )


def part_thresholds(job: Job) -> Iterator[Complaint]:
    """Those of a multi's parts are not looked at (grader-api §8.6)."""
    for prefix, part in job.parts.items():
        if prefix and part.pass_threshold is not None:
            yield Complaint(
                f"the pass_threshold of {prefix.rstrip('.')} has no effect inside a multi",
                "set that of the whole grader",
                "warning",
                place=f"{prefix}pass_threshold",
            )


def undefined(job: Job) -> Iterator[Complaint]:
    """A formula that has no value at the ends of its parts' rewards; what has no ends is tried at 0 and 1."""
    if not isinstance(job.grader, Multi):
        return
    parsed = formula.parse(job.grader.calculate_output, job.grader.graders)
    ends = {
        key: _ends(part.bounds()) for key, part in job.grader.graders.items() if key in parsed.names
    }
    unused = dict.fromkeys(job.grader.graders, 0.0)
    for values in islice(product(*ends.values()), MAX_TRIED):
        tried = dict(zip(ends, values, strict=True))
        try:
            parsed.evaluate(unused | tried)
        except FormulaUndefined as error:
            at = ", ".join(f"{key} = {value:g}" for key, value in islice(tried.items(), 5))
            yield Complaint(
                f"where {at}: {error.details}",
                "keep the formula off such values, as by max(…, 0.01)",
                "warning",
                place="calculate_output",
            )
            return


def _ends(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    return (low if math.isfinite(low) else 0.0, high if math.isfinite(high) else 1.0)

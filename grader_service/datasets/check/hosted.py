"""Rules for what a hosted job asks of a grader beyond what this service does (grader-api §8, §9, §15)."""

import re
from collections.abc import Iterator
from typing import Final

from grader_service import jsontext
from grader_service.datasets.check.finding import Complaint
from grader_service.datasets.check.job import Job
from grader_service.datasets.check.row_rule import RowRule
from grader_service.datasets.rows import Row
from grader_service.errors import InvalidGrader
from grader_service.graders.context import Engines
from grader_service.graders.model_grader import ModelGrader
from grader_service.graders.python import Python
from grader_service.graders.text_similarity import TextSimilarity

JUDGES: Final = frozenset(
    {
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4.1-nano",
        "o1",
        "o3-mini",
        "o3",
        "o4-mini",
    }
)
"""Judge models that the hosted services document (grader-api §8.3), without their dates."""

MAX_ENDPOINT_BYTES: Final = 1_000_000

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


async def checked(job: Job, engines: Engines) -> list[Complaint]:
    """What the grader's own check says; what the hosted service would refuse of a source is a fault here."""
    if job.grader is None:
        return []
    try:
        warnings = await job.grader.check(engines)
    except InvalidGrader as error:
        return [Complaint(error.message, "mend the grader", place=error.param or "")]
    refused: set[str] = set()
    for prefix, part in job.parts.items():
        if isinstance(part, Python):
            findings = await engines.sources.look_at(part.source)
            refused.update(
                f"{prefix.rstrip('.')}: {each}" if prefix else each for each in findings.warnings
            )
    return [
        Complaint(each, "write it without this import")
        if each in refused
        else Complaint(each, "see whether it is meant so", "warning")
        for each in warnings
    ] + _unknown_judges(job, engines)


def _unknown_judges(job: Job, engines: Engines) -> list[Complaint]:
    """Where no judge is configured here, the hosted services' own list is what is known."""
    return [
        Complaint(
            f"{prefix}model: no hosted service documents the judge {part.model[:100]!r}",
            f"see whether yours has it; documented are {', '.join(sorted(JUDGES))}",
            "warning",
            place=f"{prefix}model",
        )
        for prefix, part in job.parts.items()
        if isinstance(part, ModelGrader)
        and engines.judge.check_model(part.model) is None
        and _DATE.sub("", part.model) not in JUDGES
    ]


def taken(job: Job) -> Iterator[Complaint]:
    """Types and metrics that not every hosted service trains with."""
    for prefix, part in job.parts.items():
        place = f"{prefix}type"
        where = prefix.rstrip(".") or "the grader"
        if part.type == "endpoint":
            yield Complaint(
                f"{where} is an endpoint grader, which only Azure knows",
                "train there, or on a trainer that posts to this service",
                "warning",
                place=place,
            )
        elif part.type == "label_model" and not prefix:
            yield Complaint(
                "reinforcement jobs do not take a label_model by itself",
                "put it into a multi, or write a score_model",
                "warning",
                place=place,
            )
        elif isinstance(part, TextSimilarity) and part.evaluation_metric == "cosine":
            yield Complaint(
                f"{where} uses cosine, which Azure's reinforcement jobs do not list",
                "train elsewhere, or use another metric",
                "warning",
                place=f"{prefix}evaluation_metric",
            )


class EndpointPayload(RowRule):
    """A scorer gets the whole row, of a megabyte at most with the output."""

    def __init__(self, job: Job) -> None:
        self._posted = any(part.type == "endpoint" for part in job.parts.values())

    def row(self, row: Row) -> Iterator[Complaint]:
        if self._posted and len(jsontext.dumps(row.item)) > MAX_ENDPOINT_BYTES:
            yield Complaint(
                f"the row is larger than {MAX_ENDPOINT_BYTES:,} bytes, the most that an endpoint grader is posted",
                "leave out what the scorer does not need",
            )

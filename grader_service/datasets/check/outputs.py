"""Rules for what the grader reads of outputs, and for the response format that promises it (grader-api §7)."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from grader_service.datasets.check.finding import Complaint
from grader_service.datasets.check.job import Job, shown
from grader_service.datasets.check.schema import (
    faults_of_schema,
    faults_of_strictness,
    is_bare,
    promised,
    usable_name,
)
from grader_service.template import Variable
from grader_service.template_faults import SAMPLE_KEYS

_FORM: Final = (
    'write {"type": "json_schema", "json_schema": {"name": "…", "strict": true, "schema": {…}}}'
)
_KNOWN: Final = (*SAMPLE_KEYS, "model")


def sample_keys(job: Job) -> Iterator[Complaint]:
    """`sample` has a closed set of keys."""
    for variable, places in job.sample_variables.items():
        key = variable.path[0] if variable.path else "output_text"
        if key in _KNOWN:
            continue
        near = get_close_matches(str(key)[:60], _KNOWN, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        yield Complaint(
            f"{shown(places)} names {{{{ {variable.text} }}}}, and sample has no {str(key)[:60]!r}",
            f"{hint}It has {', '.join(_KNOWN)}",
            place=places[0],
        )


def reads_output(job: Job) -> Iterator[Complaint]:
    """A grader whose templates never name `sample` gives every output the same reward."""
    naming = {place for places in job.sample_variables.values() for place in places}
    for prefix, part in job.parts.items():
        own = {prefix + place for place, _ in part.texts()}
        if own and not own & naming:
            yield Complaint(
                f"{prefix.rstrip('.') or 'the grader'} names nothing of `sample`: every output gets the same reward",
                "name {{ sample.output_text }} where the output belongs",
                "fault" if len(job.parts) == 1 else "warning",
                place=prefix.rstrip("."),
            )


def output_json(job: Job) -> Iterator[Complaint]:
    """It is filled only where the job has a response format, and only with what the schema has."""
    for variable, places in job.sample_variables.items():
        if not variable.is_output_json:
            continue
        where = f"{shown(places)} names {{{{ {variable.text} }}}}"
        if job.schema is None:
            yield Complaint(
                f"{where}, and the job has no response format with a schema: outputs are free text",
                f"give the job one by --response-format; {_FORM}",
                place=places[0],
            )
        else:
            yield from _against_schema(job, variable, where, places[0])


def _against_schema(job: Job, variable: Variable, where: str, place: str) -> Iterator[Complaint]:
    path = variable.path[1:]
    answer = promised(job.schema, path)
    if answer.promise == "never":
        step = str(path[answer.depth])[:60]
        near = get_close_matches(step, answer.known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(map(repr, answer.known[:10])) or "nothing"
        yield Complaint(
            f"{where}, and the response format's schema has no {step!r}",
            f"{hint}It has {known} there",
            place=place,
        )
    elif answer.promise == "perhaps":
        yield Complaint(
            f"{where}, which the response format's schema lets outputs leave out, or be null",
            "make it required: an output without it cannot be graded",
            "warning",
            place=place,
        )


def response_format(job: Job) -> Iterator[Complaint]:
    """Of the job's form, and its schema as structured output needs it."""
    given = job.response_format
    if given is None:
        return
    if not isinstance(given, dict):
        yield Complaint("the response format is no object", _FORM)
    elif given.get("type") == "text":
        return
    elif given.get("type") == "json_object":
        yield Complaint(
            "a response format of type 'json_object' promises no field", _FORM, "warning"
        )
    elif is_bare(given):
        yield Complaint("this is a schema, without the response format around it", _FORM)
        yield from _schema(job, strict=False)
    elif given.get("type") != "json_schema":
        yield Complaint("the response format is of no known type", _FORM, place="type")
    elif not isinstance(given.get("json_schema"), dict):
        said = "the Responses API's spelling" if "schema" in given else "no json_schema"
        yield Complaint(f"the response format has {said}", _FORM, place="json_schema")
        if "schema" in given:
            yield from _schema(job, strict=given.get("strict") is True)
    else:
        inner = given["json_schema"]
        if not usable_name(inner.get("name")):
            yield Complaint(
                "the response format has no usable name",
                "give it 1 to 64 letters, digits, underscores and dashes",
                place="json_schema.name",
            )
        yield from _schema(job, strict=inner.get("strict") is True)


def _schema(job: Job, *, strict: bool) -> Iterator[Complaint]:
    schema = job.schema
    place = "json_schema.schema"
    if not isinstance(schema, dict):
        yield Complaint("the response format has no schema", _FORM, place=place)
        return
    for fault in faults_of_schema(schema):
        yield Complaint(fault, "write JSON Schema", place=place)
        return
    if not strict:
        return
    if schema.get("type") != "object":
        yield Complaint(
            "a strict schema must be of an object", 'write "type": "object"', place=place
        )
    for fault in faults_of_strictness(schema):
        yield Complaint(
            f"a strict schema does not go so: {fault}",
            "mend it, or take `strict` away",
            place=place,
        )

"""What a source tells of an eval, a run, an item or a file, as rows of the store.

What this server would tell otherwise than the source goes into the label as `told`, and is told as the source did:
keys that only the source has, and values in a form of its own.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from grader_service import jsontext
from grader_service.evals.answers import eval_answer, run_answer
from grader_service.evals.criteria import CriterionForm
from grader_service.evals.migrate.base import NotHandedOut, Told
from grader_service.wire import MASK

ENDED: Final = ("completed", "failed", "canceled")
OURS: Final = frozenset({"name", "metadata", "report_url"})
"""Told from columns that can change here, or of this server."""

ITEM_KEYS: Final = frozenset(
    {
        "id",
        "object",
        "created_at",
        "run_id",
        "eval_id",
        "status",
        "datasource_item",
        "datasource_item_id",
        "results",
        "sample",
        "_datasource_item_content_hash",
    }
)
"""What is kept of an output item."""

_Count = Annotated[int, Field(ge=0, lt=2**31)]
_Time = Annotated[int, Field(ge=0, lt=2**62)]
_CRITERIA: TypeAdapter[list[Any]] = TypeAdapter(list[CriterionForm])


def _empty(value: Any) -> Any:
    return {} if value is None else value


class _Form(BaseModel):
    """What must be as it is for a row to be kept; the rest is kept whatever it is."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[!-~]{1,256}$")]
    created_at: _Time


class _Eval(_Form):
    updated_at: _Time | None = None
    name: str | None = None
    metadata: dict[str, Any] | None = None
    data_source_config: dict[str, Any]
    testing_criteria: list[dict[str, Any]]
    warnings: list[str] = []


class _Counts(BaseModel):
    total: _Count = 0
    passed: _Count = 0
    failed: _Count = 0
    errored: _Count = 0


class ToldRun(_Form):
    """A run as far as its copy needs to know it."""

    status: str
    name: str | None = None
    metadata: dict[str, Any] | None = None
    data_source: Annotated[dict[str, Any], BeforeValidator(_empty)] = {}
    result_counts: _Counts = _Counts()
    error: Any = None
    warnings: list[str] = []


class _Item(_Form):
    datasource_item_id: _Count
    datasource_item: Any
    status: str
    results: list[Any]
    sample: Any = None
    hash: str | None = Field(None, alias="_datasource_item_content_hash")


class ToldFile(_Form):
    """A file without its content."""

    bytes: Annotated[int, Field(ge=0)]
    filename: str
    purpose: str
    expires_at: _Time | None = None


Form = TypeVar("Form", bound=_Form)


def read(form: type[Form], told: Told) -> Form:
    """Raises NotHandedOut: something is not as it must be."""
    try:
        return form.model_validate(told)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise NotHandedOut(f"its {place!r} cannot be kept: {fault['msg']}") from None


def eval_values(tenant: str, told: Told) -> dict[str, Any]:
    """The row of an eval."""
    form = read(_Eval, told)
    shown = {
        **told,
        "testing_criteria": [_veiled(criterion) for criterion in form.testing_criteria],
    }
    values: dict[str, Any] = {
        "tenant": tenant,
        "id": form.id,
        "created_at": form.created_at,
        "updated_at": form.created_at if form.updated_at is None else form.updated_at,
        "config": _text(form.data_source_config),
        "criteria": _text(_gradable(form.testing_criteria)),
        "warnings": _text(form.warnings),
    }
    label = {"name": form.name, "metadata": form.metadata}
    if can_grade(form.testing_criteria):
        ours: Mapping[str, Any] = eval_answer({**values, "label": _text(label)})
    else:
        ours = {}
    return {**values, "label": _text(_with_told(label, shown, ours))}


def can_grade(criteria: list[dict[str, Any]]) -> bool:
    """Whether this server has graders of these kinds."""
    try:
        _CRITERIA.validate_python(criteria)
    except ValidationError:
        return False
    return True


def masked_headers(criteria: list[dict[str, Any]]) -> list[str]:
    """Names of criteria whose secrets the source keeps to itself."""
    return [
        str(criterion.get("name"))
        for criterion in criteria
        if any(MASK in (part.get("headers") or {}).values() for part in _parts(criterion))
    ]


def _parts(criterion: dict[str, Any]) -> list[dict[str, Any]]:
    """The criterion, and the graders of a multi."""
    inner = criterion.get("graders")
    parts = list(inner.values()) if isinstance(inner, dict) else []
    return [part for part in (criterion, *parts) if isinstance(part.get("headers") or {}, dict)]


def _gradable(criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the nulls with which servers fill up what was not given: graders do not take them."""
    return [_without_nulls(criterion) for criterion in criteria]


def _without_nulls(criterion: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in criterion.items() if value is not None}
    if isinstance(kept.get("graders"), dict):
        kept["graders"] = {
            key: _without_nulls(part) if isinstance(part, dict) else part
            for key, part in kept["graders"].items()
        }
    return kept


def _veiled(criterion: dict[str, Any]) -> dict[str, Any]:
    """With masked headers, as every server shows them; one that does not is not imitated."""
    veiled = dict(criterion)
    if isinstance(veiled.get("headers"), dict):
        veiled["headers"] = dict.fromkeys(veiled["headers"], MASK)
    if isinstance(veiled.get("graders"), dict):
        veiled["graders"] = {
            key: _veiled(part) if isinstance(part, dict) else part
            for key, part in veiled["graders"].items()
        }
    return veiled


def run_values(tenant: str, eval_key: int, told: Told) -> dict[str, Any]:
    """The row of a run at its end. Its copy begins now, and so does the time that its items are kept."""
    form = read(ToldRun, told)
    label = {"name": form.name, "metadata": form.metadata}
    values: dict[str, Any] = {
        "tenant": tenant,
        "id": form.id,
        "eval_key": eval_key,
        "created_at": form.created_at,
        "finished_at": int(time.time()),
        "status": form.status,
        "label": _text(label),
        "data_source": _text(form.data_source),
        "total": form.result_counts.total,
        "passed": form.result_counts.passed,
        "failed": form.result_counts.failed,
        "errored": form.result_counts.errored,
        "tally": "{}",
        "error": None if form.error is None else _text(form.error),
        "warnings": _text(form.warnings),
    }
    ours = run_answer(values, str(told.get("eval_id")), "")
    return {**values, "label": _text(_with_told(label, told, ours))}


def item_values(run_key: int, told: Told) -> dict[str, Any]:
    """The row of an output item."""
    form = read(_Item, told)
    item = jsontext.dumps(form.datasource_item)
    return {
        "run_key": run_key,
        "position": form.datasource_item_id,
        "id": form.id,
        "created_at": form.created_at,
        "status": form.status,
        "item": item.decode(),
        "item_hash": form.hash or hashlib.sha256(item).hexdigest(),
        "sample": None if form.sample is None else _text(form.sample),
        "results": _text(form.results),
    }


def _with_told(label: dict[str, Any], told: Told, ours: Mapping[str, Any]) -> dict[str, Any]:
    other = {
        key: value
        for key, value in told.items()
        if key not in OURS and (key not in ours or ours[key] != value)
    }
    return {**label, "told": other} if other else label


def _text(value: Any) -> str:
    return jsontext.dumps(value).decode()

"""Testing criteria: graders with an id and a threshold that says which scores pass (evals-api §2.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from grader_service import jsontext
from grader_service.errors import InvalidGrader, RequestRefused
from grader_service.evals import ids
from grader_service.graders import GRADER, AnyGrader
from grader_service.graders.base import Grader
from grader_service.graders.context import Engines
from grader_service.graders.python import Python
from grader_service.graders.score_model import DEFAULT_RANGE, ScoreModel
from grader_service.wire import masked

DEFAULT_THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {
        "string_check": 1.0,
        "label_model": 1.0,
        "python": 0.5,
        "endpoint": 0.5,
        "multi": 0.5,
    }
)
"""What must be reached where a criterion names no threshold; a score_model's is the middle of its range."""


def _without_nulls(value: Any) -> Any:
    """Clients send null for what they leave out (`image_tag` of azure-ai-evaluation)."""
    if not isinstance(value, dict):
        return value
    kept = {key: part for key, part in value.items() if part is not None}
    if kept.get("type") == "multi" and isinstance(kept.get("graders"), dict):
        kept["graders"] = {key: _without_nulls(part) for key, part in kept["graders"].items()}
    return kept


CriterionForm = Annotated[AnyGrader, BeforeValidator(_without_nulls)]
"""A criterion as it is sent."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """`id` is the name in every result. A score of `threshold` or more passes."""

    id: str
    grader: Grader
    threshold: float


def kept(graders: Sequence[Grader]) -> str:
    """New criteria as they are stored, each with its id."""
    return jsontext.dumps(
        [
            {**grader.spelled, "name": grader.name, "id": ids.new_criterion(grader.name)}
            for grader in graders
        ]
    ).decode()


def criteria_of(stored: str) -> list[Criterion]:
    """The criteria of an eval, ready to grade."""
    found = []
    for spelled in jsontext.kept(stored):
        grader = GRADER.validate_python(spelled)
        found.append(Criterion(spelled["id"], grader, _threshold(grader)))
    return found


def check_gradable(stored: str) -> None:
    """An eval that came from another server may have criteria that no grader here is for.

    Raises:
        RequestRefused: 400.
    """
    for position, spelled in enumerate(jsontext.kept(stored)):
        try:
            _threshold(GRADER.validate_python(spelled))
        except (ValidationError, KeyError):
            raise RequestRefused(
                f"testing_criteria[{position}] of this eval was made elsewhere and is none that this server can grade: its type is {str(spelled.get('type'))[:60]!r}.",
                param="eval_id",
            ) from None


def _threshold(grader: Grader) -> float:
    if grader.pass_threshold is not None:
        return grader.pass_threshold
    if isinstance(grader, ScoreModel):
        return sum(grader.range or DEFAULT_RANGE) / 2
    return DEFAULT_THRESHOLDS[grader.type]


def shown(stored: str) -> list[dict[str, Any]]:
    """As the API shows them: secrets masked, and what the hosted service fills in (evals-api §2.2)."""
    return [_shown(spelled) for spelled in jsontext.kept(stored)]


def _shown(spelled: dict[str, Any]) -> dict[str, Any]:
    echo = masked(spelled)
    kind = echo["type"]
    if kind == "python":
        echo.setdefault("image_tag", Python.model_fields["image_tag"].default)
    elif kind == "endpoint":
        echo = {"grdr_id": None, "inactive_at": None, "max_rps": None, "headers": None} | echo
    elif kind in ("score_model", "label_model"):
        echo.setdefault("sampling_params", None)
        echo["input"] = [{**message, "type": "message"} for message in echo["input"]]
    return echo


async def check(graders: Sequence[Grader], engines: Engines) -> list[str]:
    """Warnings for the author.

    Raises:
        RequestRefused: 400 with the place in the body.
    """
    warnings = []
    for position, grader in enumerate(graders):
        place = f"testing_criteria[{position}]"
        if grader.pass_threshold is None and grader.type == "text_similarity":
            raise RequestRefused(
                f"Missing required parameter: '{place}.pass_threshold'. A text_similarity criterion passes from this score on.",
                param=f"{place}.pass_threshold",
            )
        try:
            warnings += [f"{place}: {warning}" for warning in await grader.check(engines)]
        except InvalidGrader as error:
            param = f"{place}.{error.param}" if error.param else place
            raise RequestRefused(error.message, param=param, code=error.code) from None
    return warnings

"""The discriminated union of all graders, as the wire spells them."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from grader_service.graders.base import Grader
from grader_service.graders.multi import Multi
from grader_service.graders.parts import Part

__all__ = ["GRADER", "AnyGrader", "Grader", "Multi", "Part"]

AnyGrader = Annotated[Part | Multi, Field(discriminator="type")]

GRADER: TypeAdapter[AnyGrader] = TypeAdapter(AnyGrader)
"""`GRADER.validate_python(value)` raises pydantic's `ValidationError` with the place of each fault."""

GRADER_TYPES = (
    "string_check",
    "text_similarity",
    "python",
    "score_model",
    "label_model",
    "endpoint",
    "multi",
)
"""The words of `type`."""

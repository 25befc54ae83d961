"""Every grader, as the union that its `type` discriminates."""

from typing import Annotated

from pydantic import Field

from grader_service.graders.python import Python
from grader_service.graders.string_check import StringCheck

AnyGrader = Annotated[StringCheck | Python, Field(discriminator="type")]

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

"""The graders that can stand alone and inside a multi: one union, told apart by `type`."""

from typing import Annotated

from pydantic import Field

from grader_service.graders.endpoint import Endpoint
from grader_service.graders.label_model import LabelModel
from grader_service.graders.python import Python
from grader_service.graders.score_model import ScoreModel
from grader_service.graders.string_check import StringCheck
from grader_service.graders.text_similarity import TextSimilarity

Part = Annotated[
    StringCheck | TextSimilarity | Python | ScoreModel | LabelModel | Endpoint,
    Field(discriminator="type"),
]
"""A grader of any type but `multi`."""

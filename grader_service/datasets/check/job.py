"""What would be trained with: the grader, and what the job says of outputs and tools."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grader_service import template
from grader_service.datasets.check.schema import schema_in
from grader_service.graders.base import Grader
from grader_service.template import Variable


@dataclass(frozen=True)
class Job:
    """`grader` is None where its file holds none; `response_format` and `tools` are JSON as given, None where they are not."""

    grader: Grader | None = None
    response_format: Any = None
    tools: Any = None

    @cached_property
    def parts(self) -> Mapping[str, Grader]:
        """The graders that look at samples, by their place."""
        return self.grader.parts() if self.grader else {}

    @cached_property
    def variables(self) -> Mapping[Variable, tuple[str, ...]]:
        """Each variable of the grader's templates once, with the places that name it."""
        found: dict[tuple[str, tuple[str | int, ...]], tuple[Variable, dict[str, None]]] = {}
        for place, text in self.grader.texts() if self.grader else ():
            for variable in template.parse(text).variables:
                found.setdefault((variable.namespace, variable.path), (variable, {}))[1][place] = (
                    None
                )
        return {variable: tuple(places) for variable, places in found.values()}

    @cached_property
    def item_variables(self) -> Mapping[Variable, tuple[str, ...]]:
        """Those that each row must have."""
        return {v: places for v, places in self.variables.items() if v.namespace == "item"}

    @cached_property
    def sample_variables(self) -> Mapping[Variable, tuple[str, ...]]:
        """Those that each output must have."""
        return {v: places for v, places in self.variables.items() if v.namespace == "sample"}

    @cached_property
    def schema(self) -> Any:
        """The JSON schema of outputs, None where outputs are free text."""
        return schema_in(self.response_format)


def shown(places: tuple[str, ...]) -> str:
    """The first place, and how many more there are."""
    return places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "")

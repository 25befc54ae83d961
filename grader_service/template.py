"""The template language of graders' texts: `{{ item.path }}` and `{{ sample.path }}` (grader-api §6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class TemplateError(ValueError):
    """A template that cannot be parsed; its text names the place and the right spelling."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text; immutable, shared by all requests that spell the same one."""

    text: str

    def render(self, item: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
        """Replace every variable in one pass.

        Raises:
            VariableMissing: a path is not there; the details name it.
            SampleNotJson: `sample.output_json` is named and the sample is no JSON.
        """
        raise NotImplementedError


def parse(text: str) -> Template:
    """Raises TemplateError."""
    return Template(text)

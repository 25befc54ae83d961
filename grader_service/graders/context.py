"""The one frozen thing that a grader gets: the two namespaces, and the engines it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from grader_service import template
from grader_service.endpoints.base import Endpoints
from grader_service.events import Observe
from grader_service.graders.source import Sources
from grader_service.judge.base import Judge
from grader_service.judge.sampler import Sampler
from grader_service.sandbox.base import Sandbox
from grader_service.similarity.base import Similarity
from grader_service.trace import Trace


@dataclass(frozen=True, slots=True)
class Engines:
    """The outside world as graders see it; `sampler` is for datasets, no grader draws."""

    similarity: Similarity
    sandbox: Sandbox
    judge: Judge
    sampler: Sampler
    endpoints: Endpoints
    sources: Sources
    observe: Observe
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """One sample of one dataset row, to be graded.

    `sample` has at least `output_text` (grader-api §7); `tenant` names the API key's owner, ""
    without keys; `catalogue` is the grader's name in the catalogue, None for one from a request.
    `use_cache=False` wants a verdict of its own from the judge, that is not kept either (`no-store`).
    `deadline_seconds` bounds the whole grade; a multi's parts share the multi's. `of_batch` is for
    one of many that are told of together in the log.
    """

    item: Mapping[str, Any]
    sample: Mapping[str, Any]
    engines: Engines
    tenant: str = ""
    trace_id: str | None = None
    request_id: str = ""
    deadline_seconds: float | None = None
    catalogue: str | None = None
    part: bool = False
    use_cache: bool = True
    of_batch: bool = False

    def render(self, text: str) -> str:
        """The template with its variables replaced, in one pass.

        Raises:
            VariableMissing, SampleNotJson: see `template.Template.render`.
        """
        if self.engines.trace is None:
            return template.parse(text).render(self.item, self.sample)
        with self.engines.trace.span("render"):
            return template.parse(text).render(self.item, self.sample)

    def for_part(self) -> "Context":
        """The same sample for a part of a multi."""
        return replace(self, part=True, deadline_seconds=None)

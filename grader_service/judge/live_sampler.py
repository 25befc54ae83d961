"""The sampler that asks: one prompt, one output of its own."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType, ModuleType
from typing import Any, Final

from grader_service.errors import (
    CannotGrade,
    JudgeContentFiltered,
    JudgeRejected,
    JudgeTimedOut,
    JudgeUnavailable,
    RequestRefused,
    SampleFiltered,
    SampleRejected,
    SampleTimedOut,
    SampleUnavailable,
    Usage,
)
from grader_service.events import JudgeOutcome
from grader_service.judge import chat_api, faults, models, request, responses_api
from grader_service.judge.client import Answered, Client
from grader_service.judge.config import Configuration
from grader_service.judge.faults import TryFailed
from grader_service.judge.models import Route
from grader_service.judge.reading import Broken, Output, Unfinished
from grader_service.judge.sampler import Generation, Prompt
from grader_service.judge.upstream import Call, HeldUpstream, Reply

OWN_ERRORS: Final[Mapping[type[CannotGrade], type[CannotGrade]]] = MappingProxyType(
    {
        JudgeUnavailable: SampleUnavailable,
        JudgeRejected: SampleRejected,
        JudgeTimedOut: SampleTimedOut,
        JudgeContentFiltered: SampleFiltered,
    }
)
"""What the upstream does to a judge's question it does to a prompt, too; here it is no judge's fault."""


class LiveSampler:
    """Implements `Sampler` over the upstreams of the judge: one gate, breaker and budget for both."""

    def __init__(
        self,
        configuration: Configuration,
        upstreams: Mapping[str, HeldUpstream],
        timeout_seconds: float,
    ) -> None:
        self._configuration = configuration
        self._upstreams = upstreams
        self._timeout_seconds = timeout_seconds
        self._only_chat: set[tuple[str, str]] = set()

    def check(self, prompt: Prompt) -> bool | None:
        route = models.sampled_route(self._configuration, prompt.model)
        hosted = [str(tool["type"]) for tool in prompt.tools if chat_api.is_hosted(tool)]
        allowed = self._upstreams[route.upstream].limits.hosted_tools
        refused = next((kind for kind in hosted if kind not in allowed), None)
        if refused is not None:
            raise RequestRefused(
                f"Built-in tools of the type {refused[:60]!r} are not allowed at the upstream "
                f"{route.upstream!r}; its `hosted_tools` in the file of GRADER_JUDGES must name them.",
                param="sampling_params.tools",
            )
        if hosted and prompt.api == "chat":
            raise RequestRefused(
                f"A tool of the type {hosted[0][:60]!r} needs the data source `responses`.",
                param="sampling_params.tools",
            )
        return route.reasoning

    async def sample(self, prompt: Prompt) -> Generation:
        try:
            self.check(prompt)
            route = models.sampled_route(self._configuration, prompt.model)
        except RequestRefused as refused:
            raise SampleRejected(refused.message) from None
        try:
            return await self._sample(prompt, route)
        except TryFailed as failed:
            error = failed.error
        except CannotGrade as failure:
            error = failure
        own = OWN_ERRORS.get(type(error), type(error))
        raise own(error.details, spent=error.spent) from None

    async def _sample(self, prompt: Prompt, route: Route) -> Generation:
        """By the API that the caller meant; where the upstream does not know it, by the other in translation.

        That is remembered once the upstream has answered there: a 404 may be the model's.
        """
        deadline = time.monotonic() + self._timeout_seconds
        if not self._speaks_responses(prompt, route):
            return await self._ask(prompt, route, chat_api, deadline)
        try:
            return await self._ask(prompt, route, responses_api, deadline)
        except TryFailed as failed:
            limits = self._upstreams[route.upstream].limits
            if not failed.no_route or limits.responses_api == "native":
                raise
        generation = await self._ask(prompt, route, chat_api, deadline)
        self._only_chat.add((route.upstream, route.model))
        return generation

    def _speaks_responses(self, prompt: Prompt, route: Route) -> bool:
        if prompt.api == "chat" or (route.upstream, route.model) in self._only_chat:
            return False
        return self._upstreams[route.upstream].limits.responses_api != "chat"

    async def _ask(
        self, prompt: Prompt, route: Route, api: ModuleType, deadline: float
    ) -> Generation:
        if api is chat_api and any(map(chat_api.is_hosted, prompt.tools)):
            raise SampleRejected(
                f"the upstream {route.upstream!r} has no /responses, which built-in tools need"
            )
        upstream = self._upstreams[route.upstream]
        body = api.body(prompt, route, upstream.limits)
        seconds = upstream.limits.sample_timeout_seconds

        async def send(client: Client) -> Reply[Generation]:
            return _reply(client.name, api, await client.generate(api.PATH, body, seconds))

        call = Call(
            route,
            request.estimated_tokens(prompt.messages) + _tokens_of_rest(prompt),
            prompt.sampling.max_completions_tokens,
            send,
            try_seconds=seconds,
            deadline_setting="GRADER_SAMPLE_TIMEOUT_SECONDS",
        )
        reply = await upstream.call(call, deadline)
        if isinstance(reply.value, CannotGrade):
            raise reply.value
        return replace(reply.value, seed=body.get("seed"))


def _tokens_of_rest(prompt: Prompt) -> int:
    if not prompt.tools and prompt.response_format is None:
        return 0
    return len(json.dumps([list(prompt.tools), prompt.response_format])) // 3


def _reply(name: str, api: ModuleType, answered: Answered) -> Reply[Generation]:
    """Read an answer. What a content filter has cut is not what the model said: no output."""
    output = _read(name, api, answered)
    usage = answered.usage
    if output.finish_reason == "content_filter":
        spent = {answered.model: usage} if usage is not None else None
        details = "the upstream's content filter stopped the model's answer"
        return Reply(SampleFiltered(details, spent=spent), "filtered", usage)
    generation = Generation(
        message=output.message(),
        finish_reason=output.finish_reason,
        model=answered.model,
        usage=usage or Usage(),
        reasoning=output.reasoning,
        hosted_calls=output.hosted_calls,
    )
    return Reply(generation, _outcome(output), usage)


def _read(name: str, api: Any, answered: Answered) -> Output:
    try:
        output: Output = api.read(answered)
    except Broken as fault:
        raise faults.broken(name, str(fault)) from None
    except Unfinished as failed:
        raise faults.gave_up(name, failed.details, again=failed.again) from None
    return output


def _outcome(output: Output) -> JudgeOutcome:
    if output.refusal is not None:
        return "refused"
    return "truncated" if output.finish_reason == "length" else "answered"

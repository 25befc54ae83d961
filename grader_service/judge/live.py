"""The judge that asks: from a question to a verdict, paid at most once."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

from grader_service.errors import (
    CannotGrade,
    InvalidGrader,
    JudgeAnswerInvalid,
    JudgeAnswerTruncated,
    JudgeContentFiltered,
    JudgeOff,
    JudgeRefused,
    JudgeRejected,
    Usage,
)
from grader_service.events import JudgeAnswerSought, JudgeOutcome, Observe
from grader_service.judge import models, request
from grader_service.judge.base import Embeddings, Load, Question, Sampling, Verdict
from grader_service.judge.cache import Cache, CacheUnavailable, key_of
from grader_service.judge.client import Client, Completion
from grader_service.judge.config import AnswerForm, Configuration
from grader_service.judge.faults import FormRefused, TryFailed
from grader_service.judge.flight import Flights
from grader_service.judge.models import Route
from grader_service.judge.upstream import Call, HeldUpstream, Reply

T = TypeVar("T")
SingleFlight = Literal["identical", "deterministic", "off"]

SIMPLER_FORM: Final[Mapping[AnswerForm, AnswerForm]] = MappingProxyType(
    {"json_schema": "json_object", "json_object": "text"}
)


@dataclass(frozen=True, slots=True)
class Manners:
    """How the judge treats a question: its deadline, waiting and retries included, and what may share a call."""

    timeout_seconds: float
    single_flight: SingleFlight


class LiveJudge:
    """Implements `Judge` over the configured upstreams.

    The road of a question: the cache, a call of the same question under way, the upstream. The
    verdict of each is read anew from the answer's text, in the form that this question asks.
    """

    def __init__(
        self,
        configuration: Configuration,
        upstreams: Mapping[str, HeldUpstream],
        cache: Cache | None,
        observe: Observe,
        manners: Manners,
    ) -> None:
        self._configuration = configuration
        self._upstreams = upstreams
        self._cache = cache
        self._observe = observe
        self._manners = manners
        self._flights: Flights[Any] = Flights()
        self._forms: dict[tuple[str, str], AnswerForm] = {}

    def load(self) -> Mapping[str, Load]:
        return {name: upstream.load() for name, upstream in self._upstreams.items()}

    def check_model(self, model: str) -> bool | None:
        return models.route(self._configuration, model).reasoning

    async def complete(self, question: Question[T]) -> Verdict[T]:
        try:
            route = models.route(self._configuration, question.model)
        except InvalidGrader as error:
            raise JudgeRejected(error.message) from None
        shares = self._shares(question.sampling)
        if not question.use_cache or (self._cache is None and not shares):
            return _unpacked(await self._ask(question, route), pays=True)
        key = key_of(question, route)
        kept = await self._kept(key, question)
        if kept is not None:
            return kept
        if not shares:
            return _unpacked(await self._ask(question, route, key), pays=True)
        if key in self._flights:
            self._observe(JudgeAnswerSought("flight", "hit"))
        outcome, pays = await self._flights.join(key, lambda: self._ask(question, route, key))
        return _unpacked(outcome, pays=pays)

    async def embed(self, texts: Sequence[str], tenant: str = "") -> Embeddings:
        route = models.embedding_route(self._configuration)
        if route is None:
            raise JudgeOff(
                "no embedding model is configured; add `embedding` to the file of GRADER_JUDGES"
            )
        body = {"model": route.model, "input": list(texts)}

        async def send(client: Client) -> Reply[Embeddings]:
            vectors, model, usage = await client.embed(body)
            return Reply(Embeddings(vectors, model, usage or Usage()), "answered", usage)

        tokens = request.estimated_tokens([{"content": text} for text in texts])
        reply = await self._call(Call(route, tokens, 0, send), self._deadline())
        return _value(reply)

    def _shares(self, sampling: Sampling) -> bool:
        if self._manners.single_flight == "deterministic":
            return sampling.temperature == 0 or sampling.seed is not None
        return self._manners.single_flight == "identical"

    async def _ask(
        self, question: Question[T], route: Route, key: str | None = None
    ) -> Verdict[T] | CannotGrade:
        """A verdict from the upstream, kept under `key`; an error is returned, for all who share it to raise their own."""
        deadline = self._deadline()
        try:
            verdict, form = await self._in_some_form(question, route, deadline)
        except CannotGrade as error:
            return error
        if key is not None:
            await self._keep(key, verdict, form)
        return verdict

    async def _in_some_form(
        self, question: Question[T], route: Route, deadline: float
    ) -> tuple[Verdict[T], AnswerForm]:
        """Ask in the form that is known to be taken, else in the next simpler one.

        It is remembered once the upstream has taken it: where the fault was the prompt's, whose
        words an upstream may quote, it takes no form, and nobody else must suffer for that.
        """
        form = known = self._form(route)
        while True:
            try:
                reply = await self._call(self._chat(question, route, form), deadline)
            except FormRefused as refused:
                if form not in SIMPLER_FORM:
                    raise refused.error from None
                form = SIMPLER_FORM[form]
                continue
            if form != known:
                self._forms[route.upstream, route.model] = form
            return _value(reply), form

    def _chat(self, question: Question[T], route: Route, form: AnswerForm) -> Call[Verdict[T]]:
        upstream = self._upstreams[route.upstream].limits
        body = request.chat_body(question, route, upstream, form)

        async def send(client: Client) -> Reply[Verdict[T]]:
            return _reply(question, form, await client.chat(body))

        return Call(
            route,
            request.estimated_tokens(body["messages"]),
            question.sampling.max_completions_tokens,
            send,
        )

    async def _call(self, call: Call[T], deadline: float) -> Reply[T]:
        try:
            return await self._upstreams[call.route.upstream].call(call, deadline)
        except FormRefused:
            raise
        except TryFailed as failed:
            raise failed.error from None

    def _deadline(self) -> float:
        return time.monotonic() + self._manners.timeout_seconds

    def _form(self, route: Route) -> AnswerForm:
        """The form that this upstream is known to take for this model of its."""
        first = self._upstreams[route.upstream].limits.answer_form
        return self._forms.get((route.upstream, route.model), first)

    async def _kept(self, key: str, question: Question[T]) -> Verdict[T] | None:
        if self._cache is None:
            return None
        try:
            text = await self._cache.get(key)
            verdict = None if text is None else _reread(question, text)
        except CacheUnavailable:
            self._observe(JudgeAnswerSought("cache", "error"))
            return None
        self._observe(JudgeAnswerSought("cache", "miss" if verdict is None else "hit"))
        return verdict

    async def _keep(self, key: str, verdict: Verdict[Any], form: AnswerForm) -> None:
        if self._cache is None:
            return
        kept = {"form": form, "text": verdict.text, "model": verdict.model}
        try:
            await self._cache.put(key, json.dumps(kept))
        except CacheUnavailable:
            self._observe(JudgeAnswerSought("cache", "error"))


def _reply(question: Question[T], form: AnswerForm, completion: Completion) -> Reply[Verdict[T]]:
    """Read an answer, or say why it is none."""
    usage = completion.usage

    def unscored(
        error: type[CannotGrade], outcome: JudgeOutcome, details: str
    ) -> Reply[Verdict[T]]:
        spent = {completion.model: usage} if usage is not None else None
        return Reply(error(details, spent=spent), outcome, usage)

    if completion.finish_reason == "content_filter":
        details = "the upstream's content filter stopped the judge's answer"
        return unscored(JudgeContentFiltered, "filtered", details)
    if completion.refusal:
        return unscored(JudgeRefused, "refused", f"the judge refused: {completion.refusal[:300]!r}")
    if completion.finish_reason == "length":
        limit = question.sampling.max_completions_tokens
        details = (
            f"the judge's answer was cut at {limit} tokens (sampling_params.max_completions_tokens)"
        )
        return unscored(JudgeAnswerTruncated, "truncated", details)
    try:
        result = _read(question, form, completion.text)
    except JudgeAnswerInvalid as error:
        return unscored(JudgeAnswerInvalid, "malformed", error.details)
    return Reply(
        Verdict(result, completion.text, completion.model, usage or Usage()), "answered", usage
    )


def _reread(question: Question[T], kept: str) -> Verdict[T]:
    """A verdict as it was kept. Others can write to a shared cache: what is not of ours is as good as no cache."""
    try:
        fields = json.loads(kept)
        text, model = str(fields["text"]), str(fields["model"])
        return Verdict(_read(question, fields["form"], text), text, model, Usage())
    except (ValueError, TypeError, KeyError, JudgeAnswerInvalid):
        raise CacheUnavailable from None


def _read(question: Question[T], form: AnswerForm, text: str) -> T:
    if form == "text":
        return question.form.read_last_line(text)
    return question.form.read_json(text)


def _value(reply: Reply[T]) -> T:
    if isinstance(reply.value, CannotGrade):
        raise reply.value
    return reply.value


def _unpacked(outcome: Verdict[T] | CannotGrade, *, pays: bool) -> Verdict[T]:
    """The outcome as this caller's own: tokens count once, an exception is raised once."""
    if isinstance(outcome, CannotGrade):
        raise type(outcome)(outcome.details, spent=outcome.spent if pays else None)
    return outcome if pays else replace(outcome, usage=Usage())

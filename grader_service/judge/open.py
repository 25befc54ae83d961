"""Opens the two who ask LLMs, the judge and the sampler, as the settings describe them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from grader_service import settings as environment
from grader_service.errors import CannotStart
from grader_service.events import JudgeOpened, Observe
from grader_service.judge import budget, config
from grader_service.judge.base import Judge
from grader_service.judge.cache import open_cache
from grader_service.judge.config import KNOWN_MODELS, Configuration, ModelRule, Price, Upstream
from grader_service.judge.off import NoJudge, NoSampler
from grader_service.judge.sampler import Sampler
from grader_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Llm:
    """Who asks the configured upstreams, with one budget and one place in the queue for both."""

    judge: Judge
    sampler: Sampler


@asynccontextmanager
async def open_llm(settings: Settings, observe: Observe) -> AsyncIterator[Llm]:
    """Judge and sampler for as long as the server lives.

    Raises:
        CannotStart: a setting or the file of GRADER_JUDGES is wrong, or a price that a budget needs is not there.
    """
    configuration = read_configuration(settings)
    if configuration is None:
        yield Llm(NoJudge(), NoSampler())
        return
    configuration = configuration.among(settings.processes)
    # Below this line only: the SDK takes some 30 MB, which a server without a judge need not have.
    from grader_service.judge.client import open_client  # noqa: PLC0415
    from grader_service.judge.live import LiveJudge, Manners  # noqa: PLC0415
    from grader_service.judge.live_sampler import LiveSampler  # noqa: PLC0415
    from grader_service.judge.upstream import HeldUpstream  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        ledger = None
        if settings.budget_per_day is not None or settings.budget_total is not None:
            _check_prices(configuration)
            ledger = stack.enter_context(
                budget.open_ledger(
                    settings.state_dir, settings.budget_per_day, settings.budget_total, observe
                )
            )
        cache = await stack.enter_async_context(
            open_cache(
                settings.judge_cache, settings.judge_cache_entries, settings.judge_cache_seconds
            )
        )
        upstreams: dict[str, HeldUpstream] = {}
        for name, upstream in configuration.upstreams.items():
            secret = configuration.keys.get(name)
            key = secret.get_secret_value() if secret else ""
            client = await stack.enter_async_context(open_client(name, upstream, key))
            upstreams[name] = HeldUpstream(client, upstream, ledger, observe)
        observe(_opened(configuration, settings))
        manners = Manners(settings.judge_timeout_seconds, settings.judge_single_flight)
        yield Llm(
            LiveJudge(configuration, upstreams, cache, observe, manners),
            LiveSampler(configuration, upstreams, settings.sample_timeout_seconds),
        )


def _opened(configuration: Configuration, settings: Settings) -> JudgeOpened:
    limits = {"day": settings.budget_per_day, "total": settings.budget_total}
    return JudgeOpened(
        models=tuple((rule.upstream, name) for name, rule in configuration.rules()),
        budgets={period: limit for period, limit in limits.items() if limit is not None},
    )


def read_configuration(settings: Settings) -> Configuration | None:
    """The upstreams that the settings name, None where they name none.

    Raises:
        CannotStart: see `open_llm`.
    """
    if settings.judges is not None:
        if settings.llm_base_url is not None:
            raise CannotStart(
                "GRADER_JUDGES and GRADER_LLM_BASE_URL are both set; write the one upstream into the file, and unset GRADER_LLM_BASE_URL"
            )
        return config.read(settings.judges, environment.secret)
    if settings.llm_base_url is None:
        return None
    return _single(settings, settings.llm_base_url)


def _single(settings: Settings, base_url: str) -> Configuration:
    """One upstream, called "llm": it judges in the place of every known model, and is sampled by any name."""
    price = single_price(settings.llm_price)
    rule = ModelRule(upstream="llm", model=settings.llm_model, price=price)
    names = KNOWN_MODELS if settings.llm_model is None else (*KNOWN_MODELS, settings.llm_model)
    try:
        upstream = Upstream(base_url=base_url, concurrency=settings.llm_concurrency)
    except ValidationError:
        raise CannotStart(
            "GRADER_LLM_BASE_URL: no address of an API; write it as http://127.0.0.1:8000/v1"
        ) from None
    configuration = Configuration(
        upstreams={"llm": upstream},
        models=dict.fromkeys(names, rule),
        embedding=ModelRule(upstream="llm", model=settings.llm_embedding_model, price=price),
        sampled={"*": ModelRule(upstream="llm", price=price)},
    )
    if settings.llm_api_key is None:
        return configuration
    return configuration.model_copy(update={"keys": {"llm": settings.llm_api_key}})


def single_price(text: str | None) -> Price | None:
    if text is None:
        return None
    try:
        prompt, cached, completion = (float(part) for part in text.split(","))
        return Price(input=prompt, cached=cached, output=completion)
    except ValueError:
        raise CannotStart(
            f"GRADER_LLM_PRICE: {text!r} is no price; write input, cached and output tokens as 2.5,1.25,10"
        ) from None


def _check_prices(configuration: Configuration) -> None:
    unpriced = configuration.unpriced()
    if unpriced:
        where = "`price` in the file of GRADER_JUDGES, or GRADER_LLM_PRICE with one upstream"
        raise CannotStart(
            f"a budget is set, and there is no price for {', '.join(map(repr, unpriced[:5]))}; give it as {where}"
        )

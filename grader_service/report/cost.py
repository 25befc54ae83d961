"""What the judges have cost, by model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from grader_service.errors import InvalidGrader, Usage
from grader_service.judge import config
from grader_service.judge.budget import cost
from grader_service.judge.config import DEFAULT_EMBEDDING_MODEL, Configuration, Price
from grader_service.judge.models import route
from grader_service.judge.open import single_price
from grader_service.settings import Settings

PriceOf = Callable[[str], Price | None]


@dataclass(frozen=True, slots=True)
class ModelCost:
    """`cost` is in the currency of the prices, None where the settings know no price; cached tokens are among the prompt's."""

    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None


def model_costs(usage: Mapping[str, Usage], price_of: PriceOf) -> tuple[ModelCost, ...]:
    return tuple(_model_cost(model, usage[model], price_of(model)) for model in sorted(usage))


def _model_cost(model: str, usage: Usage, price: Price | None) -> ModelCost:
    return ModelCost(
        model,
        usage.prompt_tokens,
        usage.cached_tokens,
        usage.completion_tokens,
        None if price is None else cost(price, usage),
    )


def prices(settings: Settings) -> PriceOf:
    """As GRADER_JUDGES has them, or GRADER_LLM_PRICE for every model.

    Raises:
        CannotStart: the setting or the file is wrong.
    """
    if settings.judges is None:
        price = single_price(settings.llm_price)
        return lambda _model: price
    # Nothing is asked here, so the keys need not be there.
    configuration = config.read(settings.judges, lambda _name: SecretStr(""))
    return lambda model: _price_of(configuration, model)


def _price_of(configuration: Configuration, model: str) -> Price | None:
    """Records have the name by which the upstream called its model; the file has that, or the one that graders ask for."""
    rules = [*configuration.models.items()]
    if configuration.embedding is not None:
        rules.append((DEFAULT_EMBEDDING_MODEL, configuration.embedding))
    for asked, rule in rules:
        if model in (asked, rule.model):
            return rule.price
    try:
        return route(configuration, model).price
    except InvalidGrader:
        return None

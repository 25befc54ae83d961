"""What became of the work on a run, read from how its task ended."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader_service.errors import StoreUnavailable
from grader_service.evals.job import RunBroken
from grader_service.events import StoreFailed
from grader_service.store.leases import LeaseLost


@dataclass(frozen=True, slots=True)
class Ending:
    """Complete, or failed with an `error` as the API tells it; `defect` is an exception of ours."""

    error: Mapping[str, str] | None = None
    defect: BaseException | None = None


def ending_of(error: BaseException | None) -> Ending | StoreFailed | None:
    """None where the run is no longer this server's; StoreFailed where somebody can go on with it later."""
    if error is None:
        return Ending()
    leaves = list(_leaves(error))
    if any(isinstance(leaf, LeaseLost | asyncio.CancelledError) for leaf in leaves):
        return None
    for leaf in leaves:
        if isinstance(leaf, RunBroken):
            return Ending({"code": leaf.code, "message": leaf.message})
    for leaf in leaves:
        if isinstance(leaf, StoreUnavailable):
            return StoreFailed(str(leaf))
    defect = leaves[0]
    message = f"A defect of the grader service: {type(defect).__name__}; its log has more."
    return Ending({"code": "internal_error", "message": message}, defect)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error

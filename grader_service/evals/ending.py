"""What became of the work on a run, read from how its task ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from grader_service.evals.job import RunBroken
from grader_service.events import StoreFailed
from grader_service.store.leases import LeaseLost

STORE_ERRORS = (OperationalError, InterfaceError, PoolTimeout, OSError)
"""The database is away, or too slow: what is tried again."""


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
    if any(isinstance(leaf, LeaseLost) for leaf in leaves):
        return None
    for leaf in leaves:
        if isinstance(leaf, RunBroken):
            return Ending({"code": leaf.code, "message": leaf.message})
    for leaf in leaves:
        if isinstance(leaf, STORE_ERRORS):
            return StoreFailed(type(leaf).__name__)
    defect = leaves[0]
    message = f"A defect of the grader service: {type(defect).__name__}; its log has more."
    return Ending({"code": "internal_error", "message": message}, defect)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error

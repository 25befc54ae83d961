"""Everything of one source, copied and counted."""

from collections.abc import Collection

from grader_service.errors import CannotStart, StoreUnavailable
from grader_service.evals.migrate.base import NotHandedOut, Part, Source
from grader_service.evals.migrate.files import FileCopies
from grader_service.evals.migrate.ledger import Ledger
from grader_service.evals.migrate.runs import RunCopies
from grader_service.evals.migrate.verify import verify
from grader_service.store.database import Database


async def migrate(
    source: Source, database: Database, tenant: str, parts: Collection[Part], ledger: Ledger
) -> None:
    """Copy what is not here yet.

    Raises:
        CannotStart: the source or the database is not to be had, now or at all.
    """
    try:
        if Part.EVALS in parts:
            await RunCopies(source, database, tenant, ledger).copy_all()
        if Part.FILES in parts:
            await FileCopies(source, database, tenant, ledger).copy_all()
        await verify(database, tenant, ledger)
    except (NotHandedOut, CannotStart, BaseExceptionGroup, StoreUnavailable) as error:
        raise _told(error) from None


def _told(error: BaseException) -> BaseException:
    """The one reason in a group: the first that a person can do something about."""
    leaves = [error]
    while any(isinstance(leaf, BaseExceptionGroup) for leaf in leaves):
        leaves = [
            part
            for leaf in leaves
            for part in (leaf.exceptions if isinstance(leaf, BaseExceptionGroup) else (leaf,))
        ]
    for leaf in leaves:
        if isinstance(leaf, CannotStart):
            return leaf
        if isinstance(leaf, NotHandedOut):
            return CannotStart(f"--from: the source does not hand out its evals: {leaf}")
        if isinstance(leaf, StoreUnavailable):
            return CannotStart(
                f"the database is not to be had: {leaf}; run migrate again, it goes on where it was"
            )
    return leaves[0]

"""Who works on a run: a process that holds its lease, and nobody else writes its items.

A lease ends by itself, so that the run of a process that died is taken over. Every write of a
holder asks for its lease in the same transaction: a holder that was slow, or whose run was
cancelled or deleted, writes nothing and learns it by `LeaseLost`.
"""

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Integer, RowMapping, cast, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grader_service.errors import GraderServiceError
from grader_service.store import deliveries
from grader_service.store.database import Database
from grader_service.store.runs import drop_inline
from grader_service.store.tables import EVALS, OUTPUT_ITEMS, RUNS

LEASE_SECONDS = 30.0
BOOT = Path("/proc/sys/kernel/random/boot_id")
NUMBERS = Path("/proc/self/ns/pid")


class LeaseLost(GraderServiceError):
    """The run is no longer this process's: cancelled, deleted, or taken over."""


def owner_name(token: str) -> str:
    """This process, as leases name it; `token` tells apart two servers in one process."""
    number = os.getpid()
    return f"{_machine()}|{number}|{_started(number)}|{token}"


def _machine() -> str:
    """Where process numbers mean the same: hosts may share a name, and containers count their own."""
    try:
        return f"{socket.gethostname()}/{BOOT.read_text().strip()}/{NUMBERS.readlink()}"
    except OSError:
        return socket.gethostname()


def _started(number: int) -> str:
    """When a process began, which tells it from a later one with its number; "" where nobody says."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _is_dead(owner: str) -> bool:
    """Whether the process was on this machine, and is not any more."""
    host, number, started, _ = owner.rsplit("|", 3)
    if host != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's
        pass
    return _started(int(number)) != started


async def free_the_dead(database: Database) -> None:
    """Let the runs of processes of this machine that are gone be claimed at once."""
    async with database.reading() as connection:
        owners = await connection.scalars(
            select(RUNS.c.lease_owner).where(RUNS.c.lease_owner.is_not(None)).distinct()
        )
        dead = [owner for owner in owners if _is_dead(owner)]
    if dead:
        async with database.writing() as connection:
            await connection.execute(
                update(RUNS).where(RUNS.c.lease_owner.in_(dead)).values(lease_until=0.0)
            )


def _claimable(database: Database) -> ColumnElement[bool]:
    return or_(
        RUNS.c.status == "queued",
        (RUNS.c.status == "in_progress") & (RUNS.c.lease_until < database.clock),
    )


async def oldest_claimable(database: Database, full: Collection[str]) -> Mapping[str, int]:
    """For each tenant but those that are `full`, the key of its oldest run that nobody works on."""
    query = (
        select(RUNS.c.tenant, func.min(RUNS.c.key))
        .where(_claimable(database), RUNS.c.tenant.not_in(full))
        .group_by(RUNS.c.tenant)
    )
    async with database.reading() as connection:
        found = await connection.execute(query)
        return {tenant: key for tenant, key in found}  # noqa: C416 - rows are no plain tuples


async def claim(database: Database, key: int, owner: str) -> RowMapping | None:
    """The run as it stands with its eval's `criteria` and `eval_id`, or None where another was faster."""
    async with database.writing() as connection:
        made = await connection.execute(
            update(RUNS)
            .where(RUNS.c.key == key, _claimable(database))
            .values(
                status="in_progress",
                lease_owner=owner,
                lease_until=database.clock + LEASE_SECONDS,
            )
        )
        if made.rowcount == 0:
            return None
        found = await connection.execute(
            select(RUNS, EVALS.c.criteria, EVALS.c.id.label("eval_id"))
            .join(EVALS)
            .where(RUNS.c.key == key)
        )
        return found.mappings().one()


async def renew(database: Database, owner: str, keys: Collection[int]) -> None:
    """Those of these runs that the process still has."""
    async with database.writing() as connection:
        await connection.execute(
            update(RUNS)
            .where(RUNS.c.lease_owner == owner, RUNS.c.key.in_(keys))
            .values(lease_until=database.clock + LEASE_SECONDS)
        )


async def held(database: Database, owner: str) -> set[int]:
    """The keys of the runs whose leases a process has."""
    async with database.reading() as connection:
        return set(await connection.scalars(select(RUNS.c.key).where(RUNS.c.lease_owner == owner)))


async def _write(
    connection: AsyncConnection, key: int, owner: str, values: Mapping[str, Any]
) -> None:
    done = await connection.execute(
        update(RUNS).where(RUNS.c.key == key, RUNS.c.lease_owner == owner).values(**values)
    )
    if done.rowcount != 1:
        raise LeaseLost


async def record(
    database: Database,
    key: int,
    owner: str,
    items: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Any],
) -> None:
    """Add items and set the counts that belong to them, both or neither.

    Raises:
        LeaseLost: neither.
    """
    until = database.clock + LEASE_SECONDS
    async with database.writing() as connection:
        await _write(connection, key, owner, {**counts, "lease_until": until})
        await connection.execute(insert(OUTPUT_ITEMS), [dict(item) for item in items])


async def finish(
    database: Database, key: int, owner: str, status: str, error: str | None = None
) -> None:
    """The run is at its end.

    Raises:
        LeaseLost: somebody else says so.
    """
    values = {
        "status": status,
        "error": error,
        "finished_at": cast(database.clock, Integer),
        "lease_owner": None,
        "lease_until": 0.0,
    }
    async with database.writing() as connection:
        await _write(connection, key, owner, values)
        await drop_inline(connection, key)
        await deliveries.enqueue(database, connection, key, status)


async def hand_back(database: Database, owner: str, keys: Collection[int]) -> None:
    """Let others go on with these runs at once."""
    async with database.writing() as connection:
        await connection.execute(
            update(RUNS)
            .where(RUNS.c.lease_owner == owner, RUNS.c.key.in_(keys))
            .values(lease_owner=None, lease_until=0.0)
        )

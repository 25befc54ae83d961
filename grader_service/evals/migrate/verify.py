"""Counts what is here now, whatever the copy believes to have done."""

from grader_service.evals.migrate.ledger import Expected, Ledger
from grader_service.store import imports
from grader_service.store.database import Database


async def verify(database: Database, tenant: str, ledger: Ledger) -> None:
    """Set the counts of what is here, and name what should be and is not."""
    named = {(entry.kind, entry.id) for entry in ledger.missing}
    here = await imports.evals_here(database, tenant, ledger.evals)
    ledger.counts["eval"].here = len(here)
    for eval_id in ledger.evals:
        if eval_id not in here and ("eval", eval_id) not in named:
            ledger.miss("eval", eval_id, "is not in the store")
    await _verify_runs(database, tenant, ledger)
    sizes = await imports.files_here(database, tenant, list(ledger.files))
    ledger.counts["file"].here = len(sizes)
    for file_id, size in ledger.files.items():
        if ("file", file_id) not in named and sizes.get(file_id) != size:
            ledger.miss(
                "file", file_id, f"{sizes.get(file_id, 0):,} of its {size:,} bytes are here"
            )


async def _verify_runs(database: Database, tenant: str, ledger: Ledger) -> None:
    here = await imports.runs_here(database, tenant, list(ledger.runs))
    ledger.counts["run"].here = len(here)
    items = ledger.counts["output item"]
    items.source, items.here = 0, sum(here.values())
    for run_id, expected in ledger.runs.items():
        count = here.get(run_id)
        if count is None:
            ledger.miss("run", run_id, "is not in the store")
            continue
        wanted = _wanted(expected, count)
        items.source += wanted
        if count < wanted:
            ledger.miss("run", run_id, _reason(expected, count))


def _wanted(expected: Expected, count: int) -> int:
    """A run that failed or was cancelled has fewer items than rows."""
    listed = count if expected.listed is None else expected.listed
    return max(expected.total, listed) if expected.whole else listed


def _reason(expected: Expected, count: int) -> str:
    if expected.listed is None:
        return (
            f"{count} of its {expected.total} output items came with an earlier migration; if the source has more,"
            " delete the run here and run migrate again"
        )
    if expected.listed > count:
        return f"{expected.listed - count} of the {expected.listed} output items that the source lists are not here"
    return f"the source counts {expected.total} rows and hands out {count} output items"

"""A ledger as it is, on another database: from a server into a file, and back."""

from sqlalchemy import func, insert, select

from storage import schema
from storage.database import REVISION, Database, DatabaseError, revision, upgrade

_AT_ONCE = 500


def copy(source: str, target: str) -> int:
    """Copy every row of the ledger at ``source`` to the empty one at ``target``; how many.

    Rows, numbers and hashes are the same, so the chain holds there as it did. What ``source``
    holds is of one instant, and ``target`` gets all of it or nothing.

    Raises:
        DatabaseError: one cannot be read or written, or ``target`` holds something.
    """
    upgrade(target)
    count = 0
    with Database(source).reading() as held, Database(target).writing() as there:
        here = held.execution_options(yield_per=_AT_ONCE)
        if revision(here) != REVISION:
            raise DatabaseError(
                "the ledger is of another version of culturewatch; start this one with it once"
            )
        if there.execute(select(func.count()).select_from(schema.act)).scalar():
            raise DatabaseError("the ledger to copy to holds entries; name an empty one")
        for table in schema.metadata.sorted_tables:
            rows = here.execute(select(table).order_by(*table.primary_key)).mappings()
            while some := [dict(row) for row in rows.fetchmany(_AT_ONCE)]:
                there.execute(insert(table), some)
                count += len(some)
    return count

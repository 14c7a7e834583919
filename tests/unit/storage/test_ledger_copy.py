"""A ledger on another database holds the same rows under the same chain, and goes on from there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import schema
from storage.acts import Act, append, head, verify_chain
from storage.database import Database, DatabaseError
from storage.ledger_copy import copy


def holding(url: str) -> dict[str, int]:
    with Database(url).reading() as connection:
        return {
            table.name: int(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
            )
            for table in schema.metadata.sorted_tables
        }


def test_there_and_back_every_row_and_the_chain_are_the_same(
    full: str, further_url: Callable[[str], str], tmp_path: Path
) -> None:
    file = f"sqlite:///{tmp_path}/copy.db"
    count = copy(full, file)
    rows = holding(full)
    assert (count, holding(file)) == (sum(rows.values()), rows)
    assert all(rows.values())
    # The chain covers every column of every row.
    with Database(full).reading() as here:
        end = head(here)
    assert (verify_chain(full, end), verify_chain(file, end)) == (None, None)
    back = further_url("back")
    copy(file, back)
    assert (holding(back), verify_chain(back, end)) == (rows, None)
    entry = Act(kind="close", subject="B-1", by="ben", at=13, entered=13, reason="")
    with Database(back).writing() as connection:
        assert append(connection, entry).sequence == end.sequence + 1
    assert verify_chain(back, end) is None


def test_nothing_is_copied_over_entries(url: str, tmp_path: Path) -> None:
    file = f"sqlite:///{tmp_path}/copy.db"
    copy(url, file)
    with pytest.raises(DatabaseError, match="holds entries; name an empty one"):
        copy(url, file)

"""What every migration of the ledger makes its tables of. Never changed: ledgers are made of it."""

import sqlalchemy as sa
from alembic import op

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def sequence() -> sa.Column[int]:
    """The key of a detail table: the act that entered the row."""
    key = sa.ForeignKey("act.sequence")
    return sa.Column("sequence", LONG, key, primary_key=True, autoincrement=False)


def append_only(table: str) -> None:
    """Refuse what would change or take away a row of ``table``, a name written in a migration."""
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN "
            f"SELECT RAISE(ABORT, '{table} is append-only: enter a correction instead'); END"
        )
    # INSERT OR REPLACE deletes the old row without firing the trigger above.
    exists = f"NEW.sequence IN (SELECT sequence FROM {table})"  # noqa: S608 # one of ours
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {exists} BEGIN "
        f"SELECT RAISE(ABORT, '{table} is append-only: this row exists'); END"
    )

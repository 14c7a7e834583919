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
    if op.get_bind().dialect.name == "sqlite":
        _in_sqlite(table)
    else:
        _in_postgresql(table)


def _in_sqlite(table: str) -> None:
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


def _in_postgresql(table: str) -> None:
    # A function of a temporary schema is found under its full name only.
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar()
    op.execute(
        f"CREATE OR REPLACE FUNCTION {schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION '% is append-only: enter a correction instead', TG_TABLE_NAME "
        "USING ERRCODE = 'restrict_violation'; END$$"
    )
    # By row where there are rows: a change made through a parent table fires nothing else.
    for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        name = f"{table}_no_{verb.lower()}"
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} "
            f"EXECUTE FUNCTION {schema}.refuse_change()"
        )
        # Else a session that plays a replica's part would pass it by.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

"""What the engine and the outbox remember to go on from: rows that are written over.

They prove nothing of the past, and a replay gives them again. Each carries a checksum of itself,
so that one which somebody changed is found before anything is made of it.
"""

import sqlite3

from storage.row_sum import crc

TABLES = ("progress", "state", "alarm", "just_paged", "just_paged_with")
"""Each row is called by its first column, and ends with its checksum."""


def sum_up(db: sqlite3.Connection) -> None:
    """Give each row of a store that had none its checksum."""
    for table in TABLES:
        listed = db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchone()
        for row in db.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608 # names of this file
            update = f"UPDATE {table} SET crc = ? WHERE {listed[0]} = ?"  # noqa: S608 # as above
            db.execute(update, (crc(table, row[:-1]), row[0]))

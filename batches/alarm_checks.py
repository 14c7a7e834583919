"""What ``verify`` says of ``alarms.db``: its history, what became of pages, and the file itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from alerts import history, proof
from alerts.proof import Proven
from alerts.schema import StoreError, open_read_only
from storage.chain import Head
from storage.consistency import Wrong
from storage.transaction import ERRORS

Noted = tuple[Head | None, ...]
"""Heads of a chain that were kept elsewhere."""


def check(path: Path, noted: Noted) -> Iterator[str | Wrong]:
    """What was checked, and what was found wrong; the history must pass the heads ``noted``."""
    try:
        with closing(open_read_only(path, copy=True)) as store:
            proven = proof.check(store)
            found = [history.verify(store, until=anchor) for anchor in distinct(noted)]
            structure = _structure(store)
    except (StoreError, *ERRORS, msgspec.MsgspecError) as error:
        yield Wrong(path.name, f"the alarm history cannot be read: {error}")
        return
    broken = next(filter(None, found), None)
    holds = f"{path.name}: the chain of the alarm history holds"
    yield holds if broken is None else Wrong(path.name, str(broken))
    yield from _deliveries(path.name, proven)
    if structure != "ok":
        what = f"the file is damaged: {structure}; put it back from a backup"
        yield Wrong(path.name, what)


def distinct(noted: Noted) -> list[Head | None]:
    """Each head once; one check is made also without any."""
    return [head for head in dict.fromkeys(noted) if head is not None] or [None]


def _structure(store: sqlite3.Connection) -> str:
    try:
        found = store.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except ERRORS as error:
        # What was found before it is told all the same.
        return str(error)
    return " ".join(str(found).split())


def _deliveries(name: str, proven: Proven | None) -> Iterator[str | Wrong]:
    """Pages, receipts and answers."""
    if proven is None:
        yield f"{name}: what became of pages is in no chain yet; the next start of the core begins"
        return
    yield from (Wrong(name, str(each)) for each in proven.broken)
    if not proven.broken:
        since = f"; the first {proven.found} stood before it" if proven.found else ""
        yield f"{name}: the chain of pages and answers holds, {proven.chained} rows{since}"

"""What is done to a device: cleaned, sterilised, maintained, serviced, filled.

21 CFR 211.182 asks for a log of it with date, time, person, and who checked.
"""

from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from batches import standing
from batches.batch import Signed
from batches.clerk import check_text
from batches.ledger import Ledger
from batches.placement import Refused, check_times
from batches.sensor import check_interval
from storage import schema
from storage.acts import append
from storage.chain import Scalar

SUBJECT = "device/"
"""Before the id of a device it is the subject of an act, so that no batch has the same one."""
_RETRACTABLE = frozenset({"care", "check"})


class Kind(StrEnum):
    """What was done; the words of a log."""

    CLEAN = "cleaned"
    STERILISE = "sterilised"
    MAINTAIN = "maintained"
    SERVICE = "serviced"
    FILL = "filled"


CHECKED = frozenset(kind.value for kind in Kind if kind is not Kind.FILL)
"""What a second person checks, by 21 CFR 211.182; filling a tank is no cleaning or maintenance."""


class Care(msgspec.Struct, frozen=True, kw_only=True):
    """Entry ``row``: what was done to ``device``, with what ``agent`` (or by which company).

    It lasted from ``start`` to ``end`` (epoch ms, UTC; None: the moment of ``start``).
    ``checked_by`` is the second person.
    """

    row: int
    device: str
    what: Kind
    agent: str
    start: int
    end: int | None
    by: str
    entered: int
    reason: str
    checked_by: str | None


class Caretaker:
    """Acts on devices, kept and refused like those of ``batches.ledger.Ledger``."""

    def __init__(self, ledger: Ledger) -> None:
        """Work on ``ledger``."""
        self._database = ledger.database
        self._clerk = ledger.clerk

    def enter(
        self,
        device: str,
        what: Kind,
        *,
        act: Signed,
        agent: str = "",
        until: int | None = None,
        checked_by: str = "",
        corrects: int | None = None,
    ) -> Care:
        """``what`` was done to ``device`` at ``act.at``, or from then ``until``.

        ``corrects`` is the row of an entry that this one takes the place of, with a reason.
        """
        self._clerk.check_place(device, "")
        check_text(agent=agent)
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            subject = SUBJECT + device
            if corrects is None:
                entry = self._clerk.entry("care", subject, act)
            else:
                _care(connection, corrects)
                entry = self._clerk.correction("care", subject, corrects, act)
            check_interval(device, entry.at, until)
            if until is not None:
                check_times(at=until, entered=entry.entered, reason=act.reason, what=device)
            detail: dict[str, Scalar] = {
                "device": device,
                "what": what.name.lower(),
                "agent": agent,
                "start_at": entry.at,
                "end_at": until,
            }
            row = append(connection, entry, "care", detail).sequence
            if checked_by.strip():
                self._check(connection, _care(connection, row), Signed(by=checked_by, at=entry.at))
            return _care(connection, row)

    def check(self, row: int, *, act: Signed) -> Care:
        """Enter that a second person has seen to what entry ``row`` says."""
        with self._database.writing() as connection:
            self._check(connection, _care(connection, row), act)
            return _care(connection, row)

    def withdraw(self, row: int, *, act: Signed) -> None:
        """Take back what was never done, or a check of it."""
        with self._database.writing() as connection:
            old = standing.act(connection, row)
            if old.kind not in _RETRACTABLE or not old.subject.startswith(SUBJECT):
                raise Refused(f"an entry of kind {old.kind!r} cannot be taken back here", row=row)
            append(connection, self._clerk.correction("withdraw", old.subject, row, act))

    def of(self, device: str, start: int, end: int) -> tuple[Care, ...]:
        """What was begun in ``[start, end)`` (epoch ms, UTC), in the order of time."""
        with self._database.reading() as connection:
            return cares(connection, device, start, end)

    def _check(self, connection: Connection, care: Care, act: Signed) -> None:
        if care.checked_by is not None:
            raise Refused(f"{care.device}: was checked by {care.checked_by} already", row=care.row)
        if act.by.strip().casefold() == care.by.strip().casefold():
            raise Refused(f"{care.device}: {act.by} did this and cannot check it as well")
        # Both stand in one entry where the second person is named at once: the reason is the same.
        reason = act.reason or care.reason
        entry = self._clerk.entry(
            "check", SUBJECT + care.device, msgspec.structs.replace(act, reason=reason)
        )
        append(connection, entry, "checking", {"entry": care.row})


def cares(connection: Connection, device: str, start: int, end: int) -> tuple[Care, ...]:
    """What was begun to be done to ``device`` in ``[start, end)``, in the order of time."""
    table = schema.care.c
    where = (table.device == device) & (table.start_at >= start) & (table.start_at < end)
    return _standing(connection, where)


def lasting(connection: Connection, device: str, start: int, end: int) -> tuple[Care, ...]:
    """What was being done to ``device`` in ``[start, end]``, also if it was begun before."""
    table = schema.care.c
    until = func.coalesce(table.end_at, table.start_at)
    where = (table.device == device) & (until >= start) & (table.start_at <= end)
    return _standing(connection, where)


def _care(connection: Connection, row: int) -> Care:
    found = _standing(connection, schema.care.c.sequence == row)
    if not found:
        raise Refused("that entry is no care of a device, or was corrected since", row=row)
    return found[0]


def _standing(connection: Connection, where: ColumnElement[bool]) -> tuple[Care, ...]:
    table, act = schema.care, schema.act
    checking, checked = schema.checking, schema.act.alias()
    second = (
        select(func.min(checked.c.done_by))
        .join(checking, checking.c.sequence == checked.c.sequence)
        .where((checking.c.entry == table.c.sequence) & ~_corrected(checked.c.sequence))
        .scalar_subquery()
        .label("checked_by")
    )
    query = (
        select(table, act.c.done_by, act.c.entered_at, act.c.reason, second)
        .join(act, act.c.sequence == table.c.sequence)
        .where(where & ~_corrected(table.c.sequence))
        .order_by(table.c.start_at, table.c.sequence)
    )
    return tuple(_row(row) for row in connection.execute(query).mappings())


def _corrected(sequence: ColumnElement[int]) -> ColumnElement[bool]:
    later = schema.act.alias()
    return select(later.c.sequence).where(later.c.corrects == sequence).exists()


def _row(row: RowMapping) -> Care:
    return Care(
        row=row["sequence"],
        device=row["device"],
        what=Kind[row["what"].upper()],
        agent=row["agent"],
        start=row["start_at"],
        end=row["end_at"],
        by=row["done_by"],
        entered=row["entered_at"],
        reason=row["reason"],
        checked_by=row["checked_by"],
    )

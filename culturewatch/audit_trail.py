"""The whole audit trail of a site: the ledger's entries, and what people did about alarms.

Acknowledgements, shelves and edited limits stand in the alarm history, which has a chain of its
own; they are read from there and not copied, so that nothing is said twice.
"""

import heapq
from pathlib import Path

import msgspec

from alerts.reader import AlarmReader, Recorded
from alerts.transition import Transition, What
from batches.clerk import check_text
from batches.ledger import Ledger
from batches.trail import Line, Note, keep
from culturewatch import paths
from culturewatch.site import Site
from storage.chain import GENESIS, Head

_ALWAYS = 2**62
_ROTA = frozenset({What.ROTA, What.DRILL, What.DRILL_ANSWERED})
_ACTS = _ROTA | {
    *(What.ACK, What.UNACK, What.RESET, What.DONE, What.EDITED, What.REMOVED, What.REFUSED),
    *(What.SHELVED, What.UNSHELVED, What.SUPPRESSED, What.UNSUPPRESSED),
    *(What.OUT_OF_SERVICE, What.IN_SERVICE),
}
"""What people do; the rest of the history is what the engine made of it."""


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of both chains, oldest first, and how far each was read: what a review signs."""

    ledger: Head
    alarms: Head
    lines: tuple[Line, ...]


def trail(
    site: Site, *, since: int | None = None, until: int | None = None, by: str = "", area: str = ""
) -> Trail:
    """The trail of ``site`` in [``since``, ``until``) (epoch ms, UTC), by the time of entry.

    Raises:
        DatabaseError: the ledger cannot be read.
        StoreError: the alarm store cannot be read.
    """
    page = Ledger(site.ledger_url).trail(since=since, until=until, by=by, area=area)
    told, head = _alarms(paths.alarms(site.data), since, until)
    mine = (line for line in told if by in {"", line.by} and area in {"", line.area})
    both = heapq.merge(page.lines, mine, key=lambda line: line.entered)
    return Trail(ledger=page.head, alarms=head, lines=tuple(both))


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What of the trail was read: between two times (epoch ms, UTC), whose, and which area."""

    since: int | None
    until: int | None
    by: str
    area: str


def sign_review(site: Site, read: Trail, of: Selection, by: str, meaning: str) -> None:
    """Enter that ``by``, who proves it once more, has reviewed ``read``, which is ``of`` the trail.

    Raises:
        batches.authority.Denied: reviews are not theirs to sign.
        Refused: they did not prove who they are, or the meaning cannot be kept.
        DatabaseError: the ledger cannot be written.
    """
    # Only who signs needs passwords and people.
    from culturewatch.who import Who  # noqa: PLC0415

    check_text(sign=meaning)
    ledger = Ledger(site.ledger_url)
    person = Who(site, ledger).signing(by)
    signed = {"ledger": read.ledger, "alarms": read.alarms, "of": of, "entries": len(read.lines)}
    note = Note(
        kind="sign-audit",
        by=person.id,
        subject="audit trail",
        area="signature",
        item="review",
        outcome="signed",
        new=msgspec.json.encode(signed, order="sorted").decode(),
        reason=meaning,
    )
    with ledger.database.writing() as connection:
        ledger.clerk.gate.check(note.kind, note.subject, note.by)
        keep(connection, note, at=ledger.clerk.now())


def enter_sending(site: Site, by: str, what: str, to: str) -> None:
    """Note that ``by`` has ``what`` mailed to the person ``to``.

    Raises:
        DatabaseError: the ledger cannot be written.
    """
    note = Note(
        kind="export", by=by, subject=what, area="export", item=f"mail to {to}", outcome="sending"
    )
    Ledger(site.ledger_url).note(note)


def _alarms(path: Path, since: int | None, until: int | None) -> tuple[list[Line], Head]:
    """What somebody did about alarms; nothing where no core has run."""
    if not path.exists():
        return [], Head(0, GENESIS)
    with AlarmReader(path) as reader:
        head = reader.head()
        rows = reader.between(since or 0, _ALWAYS if until is None else until)
    # Rows that came between are left to the next look.
    read = [row for row in rows if _is_act(row.transition) and row.number <= head.sequence]
    return sorted((_line(row) for row in read), key=lambda line: line.entered), head


def _is_act(done: Transition) -> bool:
    return bool(done.by) and done.what in _ACTS


def _line(row: Recorded) -> Line:
    done = row.transition
    edits = [text.partition(" → ") for text in done.detail.values()]
    old, new = None, None
    if done.what is What.EDITED:
        names = list(done.detail)
        old, new = (
            msgspec.json.encode(dict(zip(names, [edit[side] for edit in edits], strict=True)))
            for side in (0, 2)
        )
    return Line(
        chain="alarms",
        row=row.number,
        at=done.at,
        entered=done.at,
        by=done.by,
        area="rota" if done.what in _ROTA else "alarm",
        item=done.what.value,
        subject=done.rule or done.to,
        outcome="refused" if done.what is What.REFUSED else "done",
        old=None if old is None else old.decode(),
        new=None if new is None else new.decode(),
        reason=done.why,
    )

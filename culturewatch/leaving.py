"""What goes out stands in the audit trail before it is there, and what came of it after."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from msgspec import structs
from sqlalchemy import Connection

from batches.ledger import Ledger
from batches.trail import Note, keep, shown
from storage.database import DatabaseError

BEGUN, MADE, FAILED = "begun", "made", "failed"


class NotNotedError(DatabaseError):
    """Something was made, and only its beginning is in the trail; the text says both."""


class Leaving:
    """One thing on its way out, whose beginning is in the trail."""

    def __init__(self, ledger: Ledger, note: Note) -> None:
        self._ledger = ledger
        self._note = note
        self._came = structs.replace(note, outcome=MADE)
        self.is_entered = False

    def conclude(self, outcome: str, new: str | None = None) -> None:
        """Have that entered at its end: words, and the SHA-256 of what was made where it is new."""
        self._came = structs.replace(self._came, outcome=outcome, new=new or self._came.new)

    def enter(self, connection: Connection) -> None:
        """Enter what came of it in a transaction of the caller's: with that, or not at all."""
        keep(connection, self._came, at=self._ledger.clerk.now())
        self.is_entered = True

    def end(self, error: BaseException | None) -> None:
        """Enter what came of it in a transaction of its own.

        Raises:
            NotNotedError: it was made, and that cannot be entered.
        """
        if error is not None:
            why = shown(str(error) or type(error).__name__)
            failed = structs.replace(self._note, outcome=FAILED, reason=why)
            # The fault that ended it is the one to tell; that nothing followed, the trail shows.
            with suppress(DatabaseError):
                self._ledger.note(failed)
        elif not self.is_entered:
            try:
                self._ledger.note(self._came)
            except DatabaseError as fault:
                raise NotNotedError(
                    f"{self._note.item} was made; that it was begun is in the audit trail, and "
                    f"that it was made is not: {fault}"
                ) from fault


@contextmanager
def leaving(ledger: Ledger, note: Note) -> Iterator[Leaving]:
    """Enter ``note`` as begun, then what came of it: nothing goes out that the trail knows not of.

    A process that dies between the two leaves the first alone.

    Raises:
        DatabaseError: the first cannot be entered; nothing was begun.
        NotNotedError: it was made, and the second cannot be entered.
    """
    ledger.note(structs.replace(note, outcome=BEGUN))
    one = Leaving(ledger, note)
    try:
        yield one
    except BaseException as error:
        one.end(error)
        raise
    one.end(None)

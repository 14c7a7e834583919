"""People for whom a provider of identities vouches: who they are here, and what the trail says.

The provider says who somebody is; whether they work here, and what they may do, the ledger says
alone. Their kinds of entries are none of ``batches.proof``: what goes wrong there locks nobody out
of their password, and what goes well forgives no wrong one.
"""

from batches import roster, trail
from batches.ledger import Ledger
from batches.person import UNKNOWN, Person, is_id
from batches.proof import Outcome


class Vouching:
    """Judges by the ledger who comes with a provider's word."""

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database
        self._now = ledger.clerk.now

    def judge(self, person: str, issuer: str) -> Person | Outcome:
        """Who ``person`` is here, when they may work here; else why not. Either is entered first.

        Raises:
            storage.database.DatabaseError: the ledger cannot be written; nobody came in.
        """
        with self._database.writing() as connection:
            found = roster.find(connection, person) if is_id(person) else None
            if found is not None and found.active:
                outcome = Outcome.RIGHT
            else:
                outcome = Outcome.NOBODY if found is None else Outcome.ENDED
            who = UNKNOWN if found is None else person
            kind = "sign-on" if outcome is Outcome.RIGHT else "sign-on-failed"
            trail.keep(connection, _note(kind, who, issuer, outcome), at=self._now())
        return found if found is not None and found.active else outcome

    def failed(self, why: str, issuer: str) -> None:
        """Enter that somebody came back from the provider, and was nobody.

        Raises:
            storage.database.DatabaseError: the ledger cannot be written.
        """
        with self._database.writing() as connection:
            trail.keep(connection, _note("sign-on-failed", UNKNOWN, issuer, why), at=self._now())


def _note(kind: str, person: str, issuer: str, outcome: str) -> trail.Note:
    return trail.Note(
        kind=kind, by=person, subject=person, area="access", item=issuer, outcome=outcome
    )

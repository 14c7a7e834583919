"""Who may work with the ledger: people are entered, changed and ended, and prove who they are.

For whoever lets somebody sign or act:

    people = People(ledger, Passwords(folder), settings)
    found = people.authenticate("operator-1", password)     # Person | NotAuthenticated
    if isinstance(found, NotAuthenticated): ...       # found.why is for the person to read
    authority.may(found, "sign-approved")             # by the roles that hold now

The id and the password are the two components of 21 CFR 11.200(a)(1). Each attempt is an entry of
the audit trail before the answer is given. Acts themselves are judged once more by the ledger
(``batches.gate``), in the transaction that keeps them.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from batches import roster, trail
from batches.batch import Signed
from batches.enlisting import OneTime
from batches.ledger import Ledger
from batches.password import Hashed, PasswordError, Passwords, check
from batches.person import Person, Role, check_id, check_name, check_roles
from batches.placement import Refused
from batches.proof import NotAuthenticated, Proof, Settings
from batches.roster import Credential
from storage.acts import Act


class People:
    """Acts on people, kept and refused like those of ``batches.ledger.Ledger``.

    They raise ``PersonError`` or ``PasswordError`` for what can be no person or no password,
    ``Refused`` for what contradicts the ledger, ``authority.Denied`` for what is not theirs to do,
    and ``DatabaseError`` when the ledger cannot be used.
    """

    def __init__(
        self, ledger: Ledger, passwords: Passwords, settings: Settings | None = None
    ) -> None:
        """Work on ``ledger``, with the hashes that ``passwords`` keeps."""
        self._database = ledger.database
        self._clerk = ledger.clerk
        self._passwords = passwords
        self._settings = settings or Settings()
        self._proof = Proof(ledger, passwords, self._settings)

    def authenticate(self, person: str, password: str) -> Person | NotAuthenticated:
        """Who ``person`` is, when ``password`` is theirs and they may work here; else why not.

        Takes as long for a name that nobody has. The attempt is in the ledger when this returns.

        Raises:
            DatabaseError: the ledger cannot be written; nobody has proved anything.
            PasswordError: the file of hashes cannot be read.
        """
        return self._proof.judge(person, password)

    def find(self, person: str) -> Person | None:
        """The person with this id, by the newest entry; None when there is none."""
        with self._database.reading() as connection:
            return roster.find(connection, person)

    def everybody(self) -> tuple[Person, ...]:
        """All people, those who ended too."""
        with self._database.reading() as connection:
            return roster.everybody(connection)

    def credential(self, person: str) -> Credential | None:
        """The entry of the password that counts now; a session is good for that one only."""
        with self._database.reading() as connection:
            return next(iter(roster.credentials(connection, person, 1)), None)

    def locked_until(self, person: str) -> int | None:
        """Until when ``person`` is locked out for wrong passwords (epoch ms), if so."""
        with self._database.reading() as connection:
            return self._proof.standing(connection, person).locked_until

    def bootstrap(self, desk: OneTime, *, act: Signed) -> str:
        """A token that enters an admin where no admin can sign in; shown once, kept as a hash."""
        with self._database.writing() as connection:
            if any(self._can_sign_in(connection, each) for each in _admins(connection)):
                raise Refused(
                    "an admin of this ledger can sign in, and adds people: culturewatch user add"
                )
            token = desk.make(self._clerk.now())
            self._note(connection, "bootstrap", "admin", act, "a token was made")
            return token

    def begin(
        self, desk: OneTime, token: str, person: str, *, name: str, password: str, by: str
    ) -> Person:
        """Enter an admin by a token of ``bootstrap``, or give one who is there a new password."""
        check(password, check_id(person), self._settings.rules)
        detail, act = (check_name(name), (Role.ADMIN,), True), Signed(by=by, reason="bootstrap")
        hashed = self._passwords.hashed(password)
        with self._database.writing() as connection:
            good = desk.takes(token, self._clerk.now())
            self._note(connection, "bootstrap", person, act, "used" if good else "a wrong token")
            if good:
                there = roster.find(connection, person)
                if there is None:
                    self._check_new(connection, person)
                    roster.enter(connection, person, detail, self._own("user-add", person, act))
                elif not there.active or Role.ADMIN not in there.roles:
                    raise Refused(
                        f"{person}: is there and no admin; take another id", row=there.row
                    )
                self._set(connection, person, hashed, kind="password", act=Signed(by=person))
                desk.spend()
        if not good:
            raise Refused("this token was not made here, was used, or is too old; make another")
        return self._known(person)

    def add(
        self, person: str, *, name: str, roles: Iterable[str], password: str, act: Signed
    ) -> Person:
        """Enter a person, with a password that they must change before they use it."""
        check(password, check_id(person), self._settings.rules)
        detail = (check_name(name), check_roles(roles), True)
        self._check_may("user-add", person, act)
        hashed = self._passwords.hashed(password)
        with self._database.writing() as connection:
            entry = self._clerk.entry("user-add", person, act)
            self._check_new(connection, person)
            roster.enter(connection, person, detail, entry)
            self._set(connection, person, hashed, kind="password-reset", act=act)
        return self._known(person)

    def change(
        self,
        person: str,
        *,
        act: Signed,
        name: str | None = None,
        roles: Iterable[str] | None = None,
    ) -> Person:
        """Give a person another printed name or other roles; nobody gives themselves roles."""
        with self._database.writing() as connection:
            entry = self._clerk.entry("user-change", person, act)
            old = _there(connection, person)
            new = old.roles if roles is None else check_roles(roles)
            if act.by == person and new != old.roles:
                raise Refused(f"{person}: nobody changes their own roles; ask another admin")
            called = old.name if name is None else check_name(name)
            roster.enter(connection, person, (called, new, old.active), entry)
            _check_admin_left(connection)
        return self._known(person)

    def end(self, person: str, *, act: Signed) -> Person:
        """Enter that a person works here no more; their acts stay theirs."""
        return self._turn("user-end", person, act, active=False)

    def let_return(self, person: str, *, act: Signed) -> Person:
        """Enter that a person who ended works here again, in the roles they had."""
        return self._turn("user-return", person, act, active=True)

    def reset_password(self, person: str, password: str, *, act: Signed) -> None:
        """Give a person a password that they must change before they use it."""
        self._check_may("password-reset", person, act)
        self._choose(person, password, act, kind="password-reset")

    def change_password(self, person: str, old: str, new: str) -> Person | NotAuthenticated:
        """Let a person who proves who they are choose another password."""
        found = self._proof.judge(person, old, may_be_stale=True)
        if isinstance(found, Person):
            self._choose(person, new, Signed(by=person), kind="password")
        return found

    def unlock(self, person: str, *, act: Signed) -> None:
        """End a lock-out before its time."""
        with self._database.writing() as connection:
            self._clerk.entry("unlock", person, act)
            _there(connection, person)
            self._note(connection, "unlock", person, act, "done")

    def _turn(self, kind: str, person: str, act: Signed, *, active: bool) -> Person:
        with self._database.writing() as connection:
            entry = self._clerk.entry(kind, person, act)
            old = _there(connection, person)
            if old.active is active:
                raise Refused(f"{person}: is so already", row=old.row)
            roster.enter(connection, person, (old.name, old.roles, active), entry)
            _check_admin_left(connection)
        return self._known(person)

    def _choose(self, person: str, password: str, act: Signed, *, kind: str) -> None:
        rules = self._settings.rules
        check(password, person, rules)
        if act.by == person:
            # Whoever resets another's is not told what theirs was.
            self._check_unused(person, password)
        hashed = self._passwords.hashed(password)
        with self._database.writing() as connection:
            self._clerk.entry(kind, person, act)
            _there(connection, person)
            self._set(connection, person, hashed, kind=kind, act=act)

    def _check_unused(self, person: str, password: str) -> None:
        rules = self._settings.rules
        with self._database.reading() as connection:
            past = roster.credentials(connection, person, rules.kept)
        digests = list(dict.fromkeys(each.digest for each in past))[: rules.last]
        if self._passwords.was_used(person, digests, password):
            raise PasswordError(f"this was one of the last {rules.last} passwords; choose another")

    def _set(
        self, connection: Connection, person: str, hashed: Hashed, *, kind: str, act: Signed
    ) -> None:
        """The file first: an entry whose hash is not there would lock the person out."""
        past = roster.credentials(connection, person, self._settings.rules.kept)
        self._passwords.keep(person, hashed, [each.digest for each in past])
        now = self._clerk.now()
        new = Credential(
            row=0, person=person, digest=hashed.digest, chosen=now, set_by_other=act.by != person
        )
        roster.enter_credential(
            connection,
            new,
            kind=kind,
            by=act.by,
            scheme=hashed.scheme,
            now=now,
            reason=act.reason,
        )

    def _can_sign_in(self, connection: Connection, admin: Person) -> bool:
        given = next(iter(roster.credentials(connection, admin.id, 1)), None)
        until = self._proof.standing(connection, admin.id).locked_until
        # A lock-out of a clock that was years ahead is none that anybody could wait for.
        patient = until is None or until <= self._clerk.now() + self._settings.patience.locked_ms
        return given is not None and patient and self._passwords.has(admin.id, given.digest)

    def _check_may(self, kind: str, person: str, act: Signed) -> None:
        """Whoever may not is told before a hash is made, which costs time and memory."""
        with self._database.writing() as connection:
            self._clerk.entry(kind, person, act)
            if not roster.has_people(connection):
                raise Refused("the first person is an admin: culturewatch user bootstrap")

    def _check_new(self, connection: Connection, person: str) -> None:
        alike = [p for p in roster.everybody(connection) if p.id.casefold() == person.casefold()]
        if alike:
            raise Refused(f"{person}: there is {alike[0].id} already", row=alike[0].row)

    def _own(self, kind: str, person: str, act: Signed) -> Act:
        """An entry that a token allows, and no role."""
        now = self._clerk.now()
        return Act(kind=kind, subject=person, by=act.by, at=now, entered=now, reason=act.reason)

    def _note(
        self, connection: Connection, kind: str, person: str, act: Signed, outcome: str
    ) -> None:
        note = trail.Note(
            kind=kind,
            by=act.by,
            subject=person,
            area="user",
            item=kind,
            outcome=outcome,
            reason=act.reason,
        )
        trail.keep(connection, note, at=self._clerk.now())

    def _known(self, person: str) -> Person:
        with self._database.reading() as connection:
            return _there(connection, person)


def _there(connection: Connection, person: str) -> Person:
    found = roster.find(connection, person)
    if found is None:
        raise Refused(f"{person!a} is no person of this ledger; culturewatch user list names them")
    return found


def _admins(connection: Connection) -> list[Person]:
    return [p for p in roster.everybody(connection) if p.active and Role.ADMIN in p.roles]


def _check_admin_left(connection: Connection) -> None:
    if not _admins(connection):
        raise Refused("this is the last admin; make somebody else one first")

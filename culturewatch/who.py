"""Who does what is typed here: a person of the ledger who has proved it, where it knows people."""

import getpass
import sys
import time
from functools import cached_property

from alerts.token import KeyFileError, load_key
from batches.identities import IdentityError
from batches.ledger import Ledger
from batches.lockout import Patience
from batches.password import PasswordError, Passwords, Rules
from batches.people import People
from batches.person import Person, PersonError
from batches.placement import Refused
from batches.proof import NotAuthenticated, Settings, Why
from culturewatch import paths
from culturewatch.session import Session, Sessions
from culturewatch.site import Site, SiteError
from storage.database import DatabaseError

FAULTS: tuple[type[Exception], ...] = (
    *(Refused, DatabaseError, IdentityError, PasswordError, PersonError, KeyFileError),
)
"""What may come of asking who somebody is, for ``culturewatch.faults.told``."""
NOBODY_KNOWN = (
    "culturewatch: NOTE: this ledger knows no people, so whoever types here is believed to be "
    "{name}.\nculturewatch: NOTE: begin with culturewatch user bootstrap.\n"
)
_TRIES = 5
PATIENCE = Patience()


class Who:
    """The people at this terminal. Each is asked for a password at most once a command."""

    def __init__(self, site: Site, ledger: Ledger) -> None:
        self._site = site
        self._ledger = ledger
        self._typed: set[str] = set()
        self._noted = False

    @cached_property
    def people(self) -> People:
        """The people of the ledger, under the rules of the site."""
        access = self._site.file.access
        rules = Rules(
            least=access.least,
            last=access.last,
            expires_ms=None if access.expires is None else int(access.expires),
        )
        passwords = Passwords(paths.passwords(self._site.data))
        return People(self._ledger, passwords, Settings(rules=rules, patience=PATIENCE))

    @cached_property
    def sessions(self) -> Sessions:
        """Who is logged in here.

        Raises:
            KeyFileError: the key that signs sessions cannot be used.
        """
        # Not the key of links: who has one of them has not the other.
        return Sessions(load_key(paths.session_key(self._site.data), {}), self._site.data)

    def proven(self, by: str) -> str:
        """The id of who acts: ``by``, who is logged in, or the user of this machine; proved.

        Raises:
            Refused: they did not prove it.
            SiteError: that is no name that can be kept.
        """
        if not self._ledger.has_people():
            name = person(by)
            self._say_nobody_known(name)
            return name
        name = person(by or self.logged_in())
        if name not in self._typed and not self._has_session(name):
            self._prove(name)
        return name

    def second(self, by: str) -> str:
        """The id of a second person, who types a password: nobody's session stands for two."""
        name = person(by.strip()) if by.strip() else ""
        if name and self._ledger.has_people() and name not in self._typed:
            self._prove(name)
        return name

    def signing(self, by: str) -> Person:
        """Who signs: ``by`` or who is logged in, by id and password, typed for this signature.

        Raises:
            Refused: they did not prove it, or the ledger knows no people.
        """
        if not self._ledger.has_people():
            raise Refused(
                "a signature is of a person whom the ledger knows; begin with "
                "culturewatch user bootstrap"
            )
        name = person(by or self.logged_in())
        self._prove(name)
        found = self.people.find(name)
        if found is None:
            raise Refused(f"{name}: {Why.UNREADABLE}")
        return found

    def log_in(self, name: str, span_ms: int) -> Session:
        """Ask for the password of ``name``, and keep a session of ``span_ms``."""
        self._prove(person(name))
        credential = self.people.credential(name)
        if credential is None:
            raise Refused(f"{name}: {Why.UNREADABLE}")
        now = self._ledger.clerk.now()
        session = Session(name, credential.row, self.sessions.terminal, now, now + span_ms)
        self.sessions.keep(session)
        return session

    def logged_in(self) -> str:
        """The one person who is logged in here; empty when that is nobody, or several."""
        here = [name for name in self.sessions.people() if self._has_session(name)]
        return here[0] if len(here) == 1 else ""

    def _has_session(self, name: str) -> bool:
        # Who is in the ledger has a name that can be one of a file.
        found, credential = self.people.find(name), self.people.credential(name)
        if found is None or credential is None or not found.active:
            return False
        session = self.sessions.find(name)
        return (
            session is not None
            and session.person == name
            and session.is_good(
                credential=credential.row,
                terminal=self.sessions.terminal,
                now=self._ledger.clerk.now(),
            )
        )

    def _prove(self, name: str) -> None:
        password = asked(f"password of {name}")
        found = self.people.authenticate(name, password)
        for _ in range(_TRIES):
            if isinstance(found, Person) or found.why is not Why.BUSY:
                break
            # Somebody else was wrong just now.
            time.sleep(PATIENCE.pace_ms / 1000)
            found = self.people.authenticate(name, password)
        if isinstance(found, NotAuthenticated):
            raise Refused(f"{name}: {told(found, self._site)}")
        self._typed.add(name)

    def _say_nobody_known(self, name: str) -> None:
        # For people, not for programs whose output is read by others.
        if not self._noted and sys.stderr.isatty():
            sys.stderr.write(NOBODY_KNOWN.format(name=name))
        self._noted = True


def acting(site: Site, by: str, act: str, subject: str) -> str:
    """The id of who does ``act`` on ``subject`` elsewhere than in the ledger, who may.

    Raises:
        Refused: they did not prove who they are, or may not; what is denied is kept.
    """
    site.data.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(site.ledger_url)
    name = Who(site, ledger).proven(by)
    if ledger.has_people():
        ledger.authorise(act, subject, name)
    return name


def told(found: NotAuthenticated, site: Site) -> str:
    """Why somebody did not prove who they are, and until when that is so."""
    from console.words import moment  # noqa: PLC0415 # only where somebody failed

    if found.until is None or found.why is Why.BUSY:
        return found.why
    return f"{found.why} (until {moment(found.until, site.zone)})"


def asked(what: str, *, twice: bool = False) -> str:
    """A secret, typed unseen, or read as one line where there is no terminal.

    Raises:
        Refused: none was given, or the second time it was another.
    """
    if not sys.stdin.isatty():
        text = sys.stdin.readline().rstrip("\n")
    else:
        try:
            text = getpass.getpass(f"{what}: ")
            if twice and getpass.getpass(f"{what}, once more: ") != text:
                raise Refused("these were not the same; nothing was changed")
        except (EOFError, KeyboardInterrupt):
            text = ""
    if not text:
        raise Refused(f"no {what} was given; type it, or log in with culturewatch login")
    return text


def person(by: str) -> str:
    """Who does it: ``by``, or who is logged in at the machine.

    Raises:
        SiteError: that is no name that can be kept.
    """
    try:
        name = by or getpass.getuser()
    except (KeyError, OSError) as error:
        raise SiteError(["who is logged in here has no name; say who did it with --by"]) from error
    if not name.isprintable():
        raise SiteError([f"--by {name!a}: holds characters that cannot be shown or kept"])
    return name

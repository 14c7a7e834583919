"""Checks, copies and what is put back, noted in the audit trail of a site whose ledger is at hand.

Nothing of that depends on the ledger: a folder is checked without any, and what is put back after
a disaster is put back. Then it is said that no audit trail tells of it.
"""

import getpass
import hashlib
import os
import sys
from pathlib import Path

from batches.ledger import Ledger
from batches.person import UNKNOWN
from batches.trail import Note
from batches.verify import Report
from culturewatch.site import Site, SiteError, load
from culturewatch.who import Who
from storage.database import REVISION, Database, DatabaseError, file_of, revision


class Noting:
    """Of one command: who gives it, who may, and what came out."""

    def __init__(self, site: Site | None) -> None:
        """``site`` is that in whose audit trail it stands; None: in none."""
        self.site = site
        self._ledger: Ledger | None = None
        self._by = ""
        self._why = ""
        try:
            self._ledger = None if site is None else _at_hand(site)
        except DatabaseError as error:
            _say_untold(error)

    def allow(self, act: str, subject: str, by: str) -> None:
        """Go on only if ``by``, or who is logged in, proves who they are and may do ``act``.

        Raises:
            Refused: they did not, or may not; what is denied is kept.
        """
        if self.site is None or self._ledger is None:
            return
        self._by = Who(self.site, self._ledger).proven(by)
        if self._ledger.has_people():
            self._ledger.authorise(act, subject, self._by)

    def recognise(self, by: str) -> None:
        """Know who it is without asking, unless ``by`` says so: everybody may.

        Raises:
            Refused: ``by`` did not prove it.
        """
        if self.site is None or self._ledger is None:
            return
        who = Who(self.site, self._ledger)
        if by or not self._ledger.has_people():
            self._by = who.proven(by)
            return
        self._by = who.logged_in() or UNKNOWN
        if self._by == UNKNOWN:
            self._why = f"by the user {_user()} of this machine, who had not logged in"

    def keep(self, act: str, subject: str, *, area: str, outcome: str, new: str = "") -> None:
        """Enter what came of ``act``; where that cannot be, say so."""
        if self._ledger is None:
            return
        note = Note(
            kind=act,
            by=self._by,
            subject=subject,
            area=area,
            item=act,
            outcome=outcome,
            new=new or None,
            reason=self._why,
        )
        try:
            self._ledger.note(note)
        except DatabaseError as error:
            _say_untold(error)


def checking(path: Path, data: Path | None, site: Site | None, by: str) -> Noting:
    """Who checks ``path``, against ``data`` if any, in the trail of ``site`` or of whose those are.

    Raises:
        Refused: ``by`` did not prove who they are.
    """
    site = site or _whose({each.resolve() for each in (path, data) if each})
    if site is None or not _is_current(site):
        return Noting(None)
    noting = Noting(site)
    try:
        noting.recognise(by)
    except DatabaseError as error:
        _say_untold(error)
        return Noting(None)
    return noting


def checked(noting: Noting, report: Report) -> None:
    """Enter what came of a check."""
    first = str(report.faults[0]) if report.faults else ""
    outcome = "nothing was changed" if report.sound else f"NOT as it was written: {_count(report)}"
    noting.keep("verify", report.path, area="audit", outcome=outcome, new=first)


def restoring(site: Path | None, subject: str, by: str) -> Noting:
    """Who puts ``subject`` back, or checks it, at a site that is there.

    Raises:
        Refused: they may not.
        SiteError: the site's file cannot be used.
    """
    noting = Noting(None if site is None or not site.is_file() else load(site))
    try:
        noting.allow("restore", subject, by)
    except DatabaseError as error:
        # The ledger may be what is to be put back.
        _say_untold(error)
        return Noting(None)
    return noting


def sha256(path: Path) -> str:
    """The SHA-256 of the file at ``path``, read anew.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _at_hand(site: Site) -> Ledger | None:
    file = file_of(site.ledger_url)
    return Ledger(site.ledger_url) if file is None or file.exists() else None


def _is_current(site: Site) -> bool:
    """Whether the ledger has the tables of this version: what is checked is not to be upgraded."""
    file = file_of(site.ledger_url)
    if file is not None and not file.exists():
        return False
    database = Database(site.ledger_url, inspecting=True)
    try:
        with database.reading() as connection:
            found = revision(connection)
    except DatabaseError as error:
        _say_untold(error)
        return False
    finally:
        database.close()
    return found == REVISION


def _whose(folders: set[Path]) -> Site | None:
    """The site of this place, if its data are in one of ``folders``."""
    path = Path(os.environ.get("CULTUREWATCH_SITE") or "site.toml")
    try:
        site = load(path) if path.is_file() else None
    except SiteError:
        return None
    return site if site is not None and site.data.resolve() in folders else None


def _count(report: Report) -> str:
    return "1 fault" if len(report.faults) == 1 else f"{len(report.faults)} faults"


def _say_untold(error: DatabaseError) -> None:
    sys.stderr.write(f"culturewatch: NOTE: this is in no audit trail: {error}\n")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

"""The first start of a site: a token, said once, by which its first admin enters the console."""

from batches.batch import Signed
from batches.enlisting import OneTime
from batches.ledger import Ledger
from batches.password import Passwords
from batches.people import People
from batches.person import SOFTWARE
from culturewatch import paths
from culturewatch.site import Site


def first_admin(site: Site) -> str:
    """A new token while nobody is known there, else nothing; the one before counts no more.

    Raises:
        storage.database.DatabaseError: the ledger cannot be used.
        batches.password.PasswordError: the token cannot be kept.
    """
    site.data.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(site.ledger_url)
    if ledger.has_people():
        return ""
    people = People(ledger, Passwords(paths.passwords(site.data)))
    act = Signed(by=SOFTWARE, reason="first start: nobody is known yet")
    return people.bootstrap(OneTime(paths.bootstrap(site.data)), act=act)


def told(site: Site, token: str) -> str:
    """What whoever started the site reads."""
    return (
        "Nobody is known here yet. The first admin enters once, within an hour, at\n"
        f"  {site.public_url}/begin\n"
        f"with the token  {token}\n"
    )

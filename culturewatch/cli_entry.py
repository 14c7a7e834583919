"""How a command opens the ledger, and takes what people type: who, when and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from batches.batch import Signed
from culturewatch.faults import told
from culturewatch.site import Site, SiteError, load

if TYPE_CHECKING:
    from batches.ledger import Ledger
    from culturewatch.who import Who


class Signature:
    """What people type about who, when and why, as the ledger takes it."""

    def __init__(self, site: Site, who: "Who") -> None:
        self._site = site
        self._who = who

    def __call__(self, by: str, at: str, reason: str) -> Signed:
        when = self.instant("--at", at)
        return Signed(by=self._who.proven(by), at=when, reason=reason)

    def second(self, checked_by: str) -> str:
        """The second person, who proves it with a password."""
        return self._who.second(checked_by)

    def instant(self, option: str, text: str) -> int | None:
        return instant(self._site, option, text)


@contextmanager
def opened(path: Path) -> Iterator["tuple[Ledger, Signature]"]:
    """The ledger of the site at ``path``, and what signs for it; faults end the command."""
    from batches.ledger import Ledger  # SQLAlchemy is slow to import
    from culturewatch.paths import patients
    from culturewatch.who import FAULTS, Who

    with told(*FAULTS):
        site = load(path)
        site.data.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(
            site.ledger_url,
            devices=[device.id for device in site.devices],
            keys=patients(site.data),
        )
        yield ledger, Signature(site, Who(site, ledger))


def instant(site: Site, option: str, text: str) -> int | None:
    """Epoch milliseconds; a time without an offset is one of the site's zone.

    Raises:
        SiteError: the text given with ``option`` is no time.
    """
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise SiteError([f"{option} {text}: write 2026-01-05T08:00 or with an offset"]) from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=site.zone)
        if when.utcoffset() != when.replace(fold=1 - when.fold).utcoffset():
            why = (
                f"{option} {text}: the clocks of {site.zone} change then, so that this time comes "
                f"twice or never; write it with its offset, like {when.isoformat()}"
            )
            raise SiteError([why])
    at = round(when.timestamp() * 1000)
    if at < 0:
        raise SiteError([f"{option} {text}: lies before 1970; check the year"])
    return at


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone called ``name``; None when nothing is said.

    Raises:
        typer.BadParameter: none is called so.
    """
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError) as error:
        raise typer.BadParameter(f"--zone {name}: no time zone is called so") from error

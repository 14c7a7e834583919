"""The records that go with a month's report: the log of its device, and the device's excursions.

Each is made once for a month, as a version in the ledger, and kept in the folder of data: whoever
is written to later gets the same. One that cannot be made, or is too large for a mail, is told of
in the mail; the report goes nevertheless. Each is made in a process of its own: whatever becomes
of that one, the other is made, and the report goes.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from alerts.notify.mail import Attached
from batches.editions import of_manifest
from batches.export import manifest
from batches.export.manifest import PAPER, ManifestError
from batches.export.publish import RecordError
from batches.ledger import Ledger
from batches.placement import Interval
from console.worker import Tell, WorkError, work
from culturewatch import paths, record_work
from culturewatch.reports.facts import Told
from culturewatch.reports.schedule import Period
from culturewatch.site import Site
from culturewatch.site_file import ReportTable
from storage.database import DatabaseError

MOST_BYTES = 7_000_000
"""Of a mail, the report's own pages and words too: in it they grow by a third and more, and many
servers end at 10 MB."""
_BY = "culturewatch"
_TRIES = 9
_LONGEST_S = 600.0
"""For each of two: the core ends who makes both after half an hour."""
_FAULTS = (DatabaseError, ManifestError, OSError, RecordError, WorkError)
_Make = Callable[[Path, str, Interval, str, Path, Tell], Path]
_Write = Callable[[Path], Path]


class Enclosed(NamedTuple):
    """What goes with a mail, what is said of it by name, and why something does not go."""

    files: tuple[Attached, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    lacking: tuple[str, ...] = ()


def enclosed(
    site: Site, report: ReportTable, period: Period, *, room: int = MOST_BYTES
) -> Enclosed:
    """The records of a month, of ``room`` bytes at most; of other reports there are none."""
    if report.kind != "month":
        return Enclosed()
    ledger, span = Ledger(site.ledger_url), Interval(period.start, period.end)
    month = datetime.fromtimestamp(period.start / 1000, site.zone).strftime("%Y-%m")
    device, found = report.device, Enclosed()
    writers: tuple[tuple[str, str, _Write], ...] = (
        ("equipment log", "log", partial(_apart, record_work.log, site, device, span)),
        ("excursions", "excursions", partial(_apart, record_work.excursions, site, device, span)),
    )
    for name, short, write in writers:
        out = paths.reports(site.data) / f"{device}-{month}-{short}"
        try:
            found = _with(found, name, _kept(out, ledger, write), room)
        except _FAULTS as error:
            why = f"The record of the {name} could not be made, and is not attached: {error}"
            found = found._replace(lacking=(*found.lacking, why))
    return found


def _with(found: Enclosed, name: str, folder: Path, room: int) -> Enclosed:
    listed, pages = manifest.read(folder), (folder / PAPER).read_bytes()
    if manifest.describe(folder / PAPER) != listed.files[PAPER]:
        raise RecordError(f"{folder}: was changed since; culturewatch verify says what")
    if sum(len(one.content) for one in found.files) + len(pages) > room:
        why = (
            f"The record of the {name} has {len(pages) / 1e6:.1f} MB, which is too much for a "
            f"mail, and is not attached: it is in {folder}"
        )
        return found._replace(lacking=(*found.lacking, why))
    file = Attached(f"{folder.name}.pdf", "pdf", pages)
    fact = (f"Record of the {name}", f"{file.name}, seal {listed.seal}")
    return found._replace(files=(*found.files, file), facts=(*found.facts, fact))


def told_of(told: Told, found: Enclosed) -> Told:
    """The report, which also says what goes with it and what does not."""
    listing = structs.replace(
        told.listing,
        facts=(*told.listing.facts, *found.facts),
        open_items=(*found.lacking, *told.listing.open_items),
    )
    return told._replace(listing=listing)


def _apart(make: _Make, site: Site, device: str, span: Interval, out: Path) -> Path:
    return work(
        partial(make, site.path.absolute(), device, span, _BY, out),
        tell=lambda *_: None,
        stop=threading.Event(),
        name=f"{make.__name__} {device}",
        within_s=_LONGEST_S,
    )


def _kept(out: Path, ledger: Ledger, write: _Write) -> Path:
    """The folder of a record that was made of this month, or is made now.

    Raises:
        WorkError: it cannot be made.
        RecordError: too many were begun already.
    """
    for number in range(1, _TRIES + 1):
        folder = out if number == 1 else out.with_name(f"{out.name}-{number}")
        if not folder.exists():
            return write(folder)
        listed = folder / manifest.NAME
        # A process that died between folder and ledger left one that nobody can prove.
        if manifest.is_plain(listed) and _is_known(ledger, manifest.describe(listed).sha256):
            return folder
    raise RecordError(f"{out}: {_TRIES} folders of that name are no versions of the ledger's")


def _is_known(ledger: Ledger, digest: str) -> bool:
    with ledger.database.reading() as connection:
        return of_manifest(connection, digest) is not None

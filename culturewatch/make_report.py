"""Writes the log of a device, and the excursions of a period, from a site's data: as versions."""

from functools import partial
from pathlib import Path

import msgspec

from alerts.reader import AlarmReader
from batches.equipment_log import EquipmentLog, equipment_log
from batches.excursions import ExcursionReport, excursion_report
from batches.export.excursion_listing import Lines, excursions_report
from batches.export.listing import write_report
from batches.export.log_listing import log_report
from batches.ledger import Ledger
from batches.placement import Interval
from batches.record import Made
from culturewatch import paths
from culturewatch.make_record import Versions, past_of
from culturewatch.parts import rulebook, setting
from culturewatch.site import Site
from storage.archive.log import LogReader


def write_log(
    site: Site, device: str, span: Interval, out: Path, *, ledger: Ledger, by: str
) -> tuple[Path, EquipmentLog]:
    """Write the log of ``device`` over ``span`` as of now; where it is, and what it says.

    Where ``out`` holds an earlier version it stays, and the new one lies beside it: ``out-v2``.

    Raises:
        culturewatch.site.SiteError: the rules cannot be used.
        batches.placement.Refused: the site has no such device.
        batches.export.publish.RecordError: the folder cannot be written, or holds something else.
        storage.database.DatabaseError: the ledger cannot be used.
        storage.waiting.JournalError: the readings cannot be read.
    """
    with LogReader(site.data) as readings:
        found = equipment_log(
            device,
            span,
            ledger=ledger,
            setting=setting(site, rulebook(site)),
            made=Made(by=by, at=ledger.clerk.now()),
            readings=readings,
        )
    versions = Versions(ledger, found.subject, by)
    found = msgspec.structs.replace(found, version=versions.next(found.content))
    out = versions.beside(out)
    keeping = partial(versions.keeping, out, found)
    return write_report(log_report(found), out, keeping=keeping), found


def write_excursions(
    site: Site, devices: tuple[str, ...], span: Interval, out: Path, *, ledger: Ledger, by: str
) -> tuple[Path, ExcursionReport]:
    """Write the excursions of ``devices`` in ``span``; as ``write_log``.

    Raises:
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm history cannot be read.
    """
    lines = Lines()
    with LogReader(site.data) as readings, AlarmReader(paths.alarms(site.data)) as alarms:
        found = excursion_report(
            span,
            devices,
            ledger=ledger,
            readings=readings,
            alarms=alarms,
            setting=setting(site, rulebook(site)),
            made=Made(by=by, at=ledger.clerk.now()),
            past=past_of(site, readings, alarms),
            visit=lines,
        )
    versions = Versions(ledger, found.subject, by)
    found = msgspec.structs.replace(found, version=versions.next(found.content))
    out = versions.beside(out)
    keeping = partial(versions.keeping, out, found)
    return write_report(excursions_report(found, lines), out, keeping=keeping), found

"""Writes the record of a batch from a site's data."""

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from alerts.configuration import kept
from alerts.reader import AlarmReader
from batches.export.folder import make_record
from batches.in_force import InForce, in_force
from batches.ledger import Ledger
from batches.record import Made
from culturewatch import paths
from culturewatch.parts import rulebook, setting
from culturewatch.site import Site
from storage.archive.log import LogReader


def write_record(
    site: Site,
    batch: str,
    out: Path,
    *,
    by: str,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Path:
    """Write the record of ``batch`` as of now into ``out``; returns that folder.

    Raises:
        culturewatch.site.SiteError: the rules cannot be used.
        as ``batches.export.folder.make_record``.
    """
    with LogReader(site.data) as readings, AlarmReader(paths.alarms(site.data)) as alarms:
        return make_record(
            batch,
            out,
            ledger=Ledger(site.ledger_url),
            readings=readings,
            alarms=alarms,
            setting=setting(site, rulebook(site)),
            made=Made(by=by, at=time.time_ns() // 1_000_000),
            past=past_of(site, readings, alarms),
            progress=progress,
        )


def past_of(site: Site, readings: LogReader, alarms: AlarmReader) -> InForce:
    """What was in force at a site before now."""
    return in_force(readings.notes(), alarms.told(), cache(partial(kept, site.data)))

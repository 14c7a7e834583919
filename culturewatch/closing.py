"""What of a batch's environment is not known yet, for whoever is about to close it."""

from alerts.reader import AlarmReader
from batches.ledger import Ledger
from batches.record import Made, assemble
from culturewatch import paths
from culturewatch.make_record import past_of
from culturewatch.parts import rulebook, setting
from culturewatch.site import Site
from devices.duration import Duration
from storage.archive.log import LogReader
from storage.journalfile import NAME as JOURNAL
from storage.wall import wall_ms


def unknown(site: Site, ledger: Ledger, batch: str) -> tuple[str, ...]:
    """The channels with limits that went unmeasured at some time of a stay, and for how long.

    Nothing where no core has run yet: then there is nothing to wait for.

    Raises:
        Refused: the batch is unknown, or stood in a device that the site does not know.
        culturewatch.site.SiteError: the rules cannot be used.
        as ``batches.record.assemble``.
    """
    if not (site.data / JOURNAL).exists() or not paths.alarms(site.data).exists():
        return ()
    with LogReader(site.data) as readings, AlarmReader(paths.alarms(site.data)) as alarms:
        record = assemble(
            batch,
            ledger=ledger,
            readings=readings,
            alarms=alarms,
            setting=setting(site, rulebook(site)),
            made=Made(by="", at=wall_ms()),
            visit=lambda *_: None,
            past=past_of(site, readings, alarms),
        )
    return tuple(
        f"{each.channel}: {Duration(each.exposure.unknown_ms)} in {_gaps(len(each.exposure.gaps))}"
        for stay in record.stays
        for each in stay.channels
        if each.exposure.limits.given and each.exposure.unknown_ms
    )


def _gaps(count: int) -> str:
    return "1 gap" if count == 1 else f"{count} gaps"

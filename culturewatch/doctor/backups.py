"""Whether what a site keeps would outlive its disk."""

from collections.abc import Iterator

from culturewatch.doctor.finding import Finding
from culturewatch.site import Site
from devices.duration import Duration
from storage.backup import last

OVERDUE_MS = 30 * 3_600_000
UNCHECKED_MS = 8 * 24 * 3_600_000
"""As the rules ``backup-overdue`` and ``backup-unchecked`` of ``alerts/rules/system.toml``."""
_HOUR_MS = 3_600_000


def backups(site: Site, now: int) -> Iterator[Finding]:
    """How backups of ``site`` go at ``now`` (epoch ms, UTC); nothing where it never ran."""
    if not site.data.is_dir():
        return
    known = last.read(site.data)
    if known is None or known.good_at is None:
        waited = 0 if known is None else known.wait_ms(now)
        yield Finding(
            area="backup",
            what="no backup of this site was ever made",
            endangers="all of it is lost with the disk" if waited > OVERDUE_MS else "",
            do="run culturewatch backup each night, as deploy/systemd does",
        )
    elif (waited := known.wait_ms(now)) > OVERDUE_MS:
        yield Finding(
            area="backup",
            what=f"the last good backup, {known.path}, is {_hours(waited)} old",
            endangers="what was kept since then is lost with the disk",
            do="see why its timer makes none; run culturewatch backup",
        )
    if known is None:
        return
    if known.trouble:
        yield Finding(
            area="backup",
            what=f"the last backup is not as it should be: {known.trouble}",
            endangers="what is newer than the last good one is lost with the disk",
            do="mend that, and run culturewatch backup --check",
        )
    if known.good_at is not None and (unread := known.check_wait_ms(now)) > UNCHECKED_MS:
        yield Finding(
            area="backup",
            what=f"no backup was read back for {_hours(unread)}",
            endangers="nobody knows whether what is kept there can be put back",
            do="run culturewatch backup --check, or culturewatch restore BACKUP without --to",
        )


def _hours(ms: int) -> str:
    return str(Duration(ms // _HOUR_MS * _HOUR_MS))

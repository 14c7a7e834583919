"""What the demonstration has shown, counted from what it left on disk."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from alerts.reader import AlarmReader, Counts
from alerts.transition import What
from batches.verify import Report, verify
from console import run_status
from culturewatch import paths
from culturewatch.site import Site
from devices.quality import Quality
from devices.scan import Scan
from storage.archive.log import LogReader

_NO_ANSWER = bytes((Quality.NO_ANSWER,))
_AT_ONCE = 2_000


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must be true at the end, and whether it is."""

    text: str
    true: bool


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a demonstration; latencies are milliseconds from arrival to hand-over."""

    scans: int
    values: int
    journal_bytes: int
    mqtt_messages: int
    gaps: int
    alarms: int
    cleared: int
    pages: int
    acknowledged: int
    latency_p50_ms: int | None
    latency_p99_ms: int | None
    shown: tuple[Shown, ...]

    @property
    def all_true(self) -> bool:
        """Whether the demonstration has shown all it is for."""
        return all(one.true for one in self.shown)


class _Log(msgspec.Struct, kw_only=True):
    """What one pass over the journal finds."""

    scans: int = 0
    values: int = 0
    gaps: int = 0
    without_holes: bool = True
    heard: set[str] = msgspec.field(default_factory=set)
    silent: set[str] = msgspec.field(default_factory=set)

    def take(self, scan: Scan) -> None:
        self.scans += 1
        self.values += sum(value is not None for value in scan.values)
        if scan.qualities.strip(_NO_ANSWER):
            self.heard.add(scan.device)
            self.silent.discard(scan.device)
        elif scan.device in self.heard and scan.device not in self.silent:
            self.gaps += 1
            self.silent.add(scan.device)


def summarise(site: Site, record: Path) -> Summary:
    """Count what ``site`` has on disk, and check what must be true of it."""
    log = _read_log(site.data)
    status = run_status.read(site.data)
    with AlarmReader(paths.alarms(site.data)) as reader:
        counts, lags = reader.counts(), sorted(reader.lags_ms())
        told = [row.transition.what for row in reader.history(limit=100_000)]
        acks = told.count(What.ACK)
    reports = [verify(site.data), verify(record, data=site.data)]
    return Summary(
        scans=log.scans,
        values=log.values,
        journal_bytes=status.journal.bytes if status else 0,
        mqtt_messages=sum(b.messages for b in status.mqtt.values()) if status else 0,
        gaps=log.gaps,
        alarms=told.count(What.SET),
        cleared=told.count(What.CLEAR),
        pages=counts.pages,
        acknowledged=acks,
        latency_p50_ms=percentile(lags, 50),
        latency_p99_ms=percentile(lags, 99),
        shown=tuple(_shown(site, log, counts, acks, reports)),
    )


def percentile(ordered: Sequence[int], percent: float) -> int | None:
    """The value below which ``percent`` of ``ordered`` lie, nearest rank; None of nothing."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _read_log(data: Path) -> _Log:
    log, after = _Log(), 0
    with LogReader(data) as journal:
        while entries := journal.entries(after, _AT_ONCE):
            for seq, entry in entries:
                log.without_holes &= seq == after + 1
                after = seq
                if isinstance(entry, Scan):
                    log.take(entry)
    return log


def _shown(
    site: Site, log: _Log, counts: Counts, acks: int, reports: Sequence[Report]
) -> Iterable[Shown]:
    missing = [device.id for device in site.devices if device.id not in log.heard]
    yield Shown(
        text="every device was heard" + (f"; not: {', '.join(missing)}" if missing else ""),
        true=not missing,
    )
    yield Shown(text="the journal has no holes", true=log.without_holes and log.scans > 0)
    yield Shown(text="a silent device is a gap, not a value", true=log.gaps > 0)
    yield Shown(text="alarms were raised", true=counts.occurrences > 0)
    yield _handed_over(counts)
    yield Shown(text="a person acknowledged", true=acks > 0)
    for report in reports:
        faults = "; ".join(str(fault) for fault in report.faults[:3])
        yield Shown(
            text=f"{report.path} is as it was written" + (f": {faults}" if faults else ""),
            true=report.sound,
        )


def _handed_over(counts: Counts) -> Shown:
    # An answer or an end that comes before the page takes it back.
    taken_back = counts.pages - counts.handed - counts.failed - counts.waiting
    figures = f"{counts.handed} of {counts.pages}"
    if taken_back:
        figures += f"; {taken_back} no longer due, taken back"
    return Shown(
        text=f"every page was handed over ({figures})",
        true=counts.handed > 0 and counts.failed == 0 and counts.waiting == 0,
    )

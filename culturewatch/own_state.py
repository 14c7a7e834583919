"""The system watched as a device of its own, so that rules, pages and records know its faults."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from alerts.channel import ChannelSpec
from culturewatch.itself import DEVICE, PERIOD_MS
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.backup import last
from storage.backup.last import Backups
from storage.influx import ForwarderStatus
from storage.stats import JournalStats

_CHANNELS = (
    ("journal_fill", "share", 0.1, (0.0, 100.0)),
    ("disk_wait", "duration", 0.001, None),
    ("forwarding_behind", "duration", 0.001, None),
    ("forwarding_backlog", "count", 1.0, None),
    ("quarantined", "count", 1.0, None),
    ("lost", "count", 1.0, None),
    ("page_wait", "duration", 0.001, None),
    ("clock_unsure", "state", 1.0, (0.0, 1.0)),
    ("drills_unproven", "count", 1.0, None),
    ("rota_faults", "count", 1.0, None),
    ("disk_fill", "share", 0.1, (0.0, 100.0)),
    ("seal_wait", "duration", 1.0, None),
    ("archive_damaged", "count", 1.0, None),
    ("conflicts", "count", 1.0, None),
    ("renewal_wait", "duration", 1.0, None),
    ("reports_failed", "count", 1.0, None),
    ("backup_wait", "duration", 1.0, None),
    ("backup_check_wait", "duration", 1.0, None),
    ("backup_failed", "state", 1.0, (0.0, 1.0)),
    ("acts_wait", "duration", 1.0, None),
)
LAYOUT = Layout(
    DEVICE, tuple(key for key, *_ in _CHANNELS), tuple(quantity for _, quantity, *_ in _CHANNELS)
)


class OwnState(msgspec.Struct, frozen=True, kw_only=True):
    """What the core knows of itself at an instant; counts are those since its start.

    ``quarantined`` are messages and lines that nobody could read or that InfluxDB refused,
    ``lost`` readings that the journal could not take. ``page_wait_ms`` is the age of the oldest
    page that no provider has taken. ``drills_unproven`` are channels on which somebody has not
    answered a drill in time, ``rota_faults`` gaps and strangers in the coming days; None before
    anybody looked. ``disk_used`` is 0 … 1 of the disk that the data are on,
    ``seal_wait_s`` how long ago sealing last went well, ``damaged_segments`` stand aside.
    ``renewal_wait_s`` is for how long the console's certificate has been due to be renewed, 0
    before that or where it has none; None when it cannot be read. ``reports_failed`` are reports
    that did not reach somebody in their newest period; None before anybody looked.
    ``backups`` is how backups go, None where what says so cannot be read. ``acts_wait_s`` is for
    how long what people do has had no effect, 0 while it has.
    """

    journal: JournalStats
    forwarding: ForwarderStatus | None
    quarantined: int
    lost: int
    page_wait_ms: int
    clock_unsure: bool
    drills_unproven: int | None = 0
    rota_faults: int | None = 0
    disk_used: float
    seal_wait_s: float
    damaged_segments: int
    renewal_wait_s: float | None = 0.0
    reports_failed: int | None = 0
    backups: Backups | None
    acts_wait_s: float = 0.0


def channel_specs() -> tuple[ChannelSpec, ...]:
    """Its channels as the alarm engine must know them."""
    return tuple(
        ChannelSpec(
            id=f"{DEVICE}.{key}",
            quantity=quantity,
            period_ms=PERIOD_MS,
            resolution=resolution,
            range=range_,
        )
        for key, quantity, resolution, range_ in _CHANNELS
    )


def scan_of(state: OwnState, before: OwnState | None, at: int) -> Scan:
    """The state as a scan at ``at`` (epoch ms); counts are those since ``before``."""
    quarantined = state.quarantined - (before.quarantined if before else 0)
    lost = state.lost - (before.lost if before else 0)
    sent = state.forwarding
    values: tuple[float | None, ...] = (
        100 * state.journal.fill,
        state.journal.oldest_pending_ms / 1000,
        *((sent.behind_ms / 1000, float(sent.backlog)) if sent else (0.0, 0.0)),
        float(max(0, quarantined)),
        float(max(0, lost)),
        state.page_wait_ms / 1000,
        float(state.clock_unsure),
        state.drills_unproven,
        state.rota_faults,
        100 * state.disk_used,
        state.seal_wait_s,
        float(state.damaged_segments),
        float(max(0, state.journal.conflicts - (before.journal.conflicts if before else 0))),
        state.renewal_wait_s,
        state.reports_failed,
        *_of_backups(state.backups, at),
        state.acts_wait_s,
    )
    qualities = bytes(Quality.GOOD if value is not None else Quality.STALE for value in values)
    return Scan(LAYOUT, at, at, values, qualities)


def _of_backups(backups: Backups | None, at: int) -> tuple[float | None, ...]:
    if backups is None:
        return None, None, None
    waited_s, unread_s = backups.wait_ms(at) // 1000, backups.check_wait_ms(at) // 1000
    return float(waited_s), float(unread_s), float(bool(backups.trouble))


def backups(data: Path, now: int) -> Backups | None:
    """How backups go of what is in ``data``, waited for from ``now`` (epoch ms) on if need be."""
    if (known := last.read(data)) is not None:
        return known
    try:
        last.begin(data, now)
    except OSError:
        # The disk is watched by channels of its own.
        return None
    return last.read(data)


async def watch(
    look: Callable[[], Awaitable[OwnState]],
    deliver: Callable[[Scan], None],
    now: Callable[[], int],
) -> None:
    """Look each period and deliver what there is; only cancellation ends this.

    A core that is too busy to look is heard of by its silence.
    """
    before: OwnState | None = None
    while True:
        state = await look()
        deliver(scan_of(state, before, now()))
        before = state
        await asyncio.sleep(PERIOD_MS / 1000)


def quarantined(journal: JournalStats, forwarding: ForwarderStatus | None) -> int:
    """All that was put aside since the start."""
    return journal.quarantined + (forwarding.quarantined if forwarding is not None else 0)

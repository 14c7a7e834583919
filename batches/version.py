"""What a version of a record says in short, and what has changed since the version before it."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from batches.exposure import Exposure
from batches.findings import Stay
from batches.policy import Verdict
from devices.duration import Duration
from storage.acts import Act

_SHOWN = 12
"""Characters of a hash that stand for it."""
_HANDLINGS = "openings and fills"
MAKING = frozenset({"record", "sign-prepared", "sign-reviewed", "sign-approved", "sign-audit"})
"""Acts on a record, not on what it is about."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared. ``readings`` were received, ``late`` of them as backfill; spans are ms.

    ``handlings`` are openings and fills; None in what was kept before they were noted.
    """

    verdict: Verdict
    complete: bool
    until: int
    stays: int
    readings: int
    late: int
    out_ms: int
    unknown_ms: int
    excursions: int
    gaps: int
    alarms: int
    entries: int
    open_items: int
    protocols: str
    limits: str
    handlings: int | None = None


def hashed(value: object) -> str:
    """A few characters that are others when ``value`` is."""
    said = msgspec.json.encode(value, order="sorted", enc_hook=str)
    return hashlib.sha256(said).hexdigest()[:_SHOWN]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """``what`` was ``before`` and is ``now``, in words."""

    what: str
    before: str
    now: str


class Former(msgspec.Struct, frozen=True, kw_only=True):
    """The version before: its number, its record's id, the SHA-256 of its manifest."""

    version: int
    record: str
    manifest: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a record among those of its subject; ``changed`` since ``former``."""

    number: int = 1
    former: Former | None = None
    changed: tuple[Difference, ...] = ()


def content(
    stays: Sequence[Stay],
    *,
    verdict: Verdict,
    complete: bool,
    until: int,
    alarms: int,
    acts: Iterable[Act],
    open_items: int,
    protocols: Iterable[str],
) -> Content:
    """The short of a record."""
    measured = [s.exposure for stay in stays for s in stay.channels]
    limited = [exposure for exposure in measured if exposure.limits.given]
    return Content(
        verdict=verdict,
        complete=complete,
        until=until,
        stays=len(stays),
        readings=sum(each.received for each in measured),
        late=sum(each.backfilled for each in measured),
        out_ms=sum(each.out_ms or 0 for each in limited),
        unknown_ms=sum(each.unknown_ms for each in limited),
        excursions=sum(len(each.judged) for each in limited),
        gaps=sum(len(each.gaps) for each in limited),
        alarms=alarms,
        entries=sum(act.kind not in MAKING for act in acts),
        open_items=open_items,
        protocols=", ".join(protocols) or "none",
        limits=_limits(stays),
        handlings=sum(len(stay.handlings) for stay in stays),
    )


def _limits(stays: Sequence[Stay]) -> str:
    """A hash over the limits of every channel of every stay."""
    told = [
        (stay.placement.device, s.channel, *_ends(s.exposure))
        for stay in stays
        for s in stay.channels
    ]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _ends(exposure: Exposure) -> tuple[float | None, float | None]:
    return exposure.limits.low, exposure.limits.high


def differences(before: Content, now: Content) -> tuple[Difference, ...]:
    """What is not the same, in the order in which a reader asks."""
    old, new = _words(before), _words(now)
    if before.handlings is None:
        del old[_HANDLINGS]
    return tuple(
        Difference(what=what, before=said, now=new[what])
        for what, said in old.items()
        if said != new[what]
    )


def _words(said: Content) -> dict[str, str]:
    def time(ms: int) -> str:
        return str(Duration(ms))

    counts: dict[str, Any] = {
        "verdict": said.verdict.value,
        "complete": "yes" if said.complete else "no",
        "stays": said.stays,
        "readings": said.readings,
        "readings that came late": said.late,
        "excursions": said.excursions,
        "time out of limits, summed over channels": time(said.out_ms),
        "gaps": said.gaps,
        "time not known, summed over channels": time(said.unknown_ms),
        "alarms": said.alarms,
        "ledger entries": said.entries,
        "open items": said.open_items,
        "protocols": said.protocols,
        "limits": said.limits[:_SHOWN],
        _HANDLINGS: said.handlings or 0,
    }
    return {
        what: f"{each:,}" if isinstance(each, int) else str(each) for what, each in counts.items()
    }

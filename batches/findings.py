"""What follows from the measurements of all stays: complete? in limits? what is still open?"""

from collections.abc import Iterable, Sequence

import msgspec

from batches.batch import Batch
from batches.episode import Episode
from batches.handling import Handling
from batches.placement import Interval, Placement
from batches.policy import Verdict
from batches.survey import Summary
from batches.vial import Vial
from devices.duration import Duration


class Stamps(msgspec.Struct, frozen=True, kw_only=True):
    """How the live scans of a stay were stamped, in milliseconds.

    ``soonest`` and ``latest`` are the least and the most by which the collector had a scan after
    the time it bears (below zero: the device's clock was ahead); None without live scans.
    ``unsure`` are values whose time is in doubt.
    """

    soonest: int | None = None
    latest: int | None = None
    unsure: int = 0


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """One stay, up to its end or to the making of the record, with what was measured.

    Where what judges it changed meanwhile it is cut there, into two of one placement. ``protocol``
    is the ``name@version`` that judges, ``step`` its step; without a protocol, ``rules`` is the
    digest of the rulebook whose limits do (empty: those in force now). ``unchecked`` when the step
    demands a second person, and nobody has seen to it. ``stamps`` tells of the times, ``handlings``
    of when the device was opened or filled, as far as it tells.
    """

    number: int
    placement: Placement
    span: Interval
    protocol: str
    step: str
    rules: str
    unchecked: bool
    channels: tuple[Summary, ...]
    handlings: tuple[Handling, ...]
    stamps: Stamps


def complete(stays: Sequence[Stay]) -> bool:
    """Whether everything that has limits was measured during the whole of every stay."""
    limited = [s.exposure for stay in stays for s in stay.channels if s.exposure.limits.given]
    return bool(limited) and all(exposure.unknown_ms == 0 for exposure in limited)


def verdict(stays: Sequence[Stay]) -> Verdict:
    """In only when every stay has limits and every channel with limits was in them throughout."""
    given = [s.exposure.verdict for stay in stays for s in stay.channels]
    verdicts = {each for each in given if each is not None}
    if Verdict.OUT in verdicts:
        return Verdict.OUT
    judged = all(any(s.exposure.verdict for s in stay.channels) for stay in stays)
    return Verdict.IN if verdicts == {Verdict.IN} and judged else Verdict.UNKNOWN


def open_items(
    batch: Batch,
    stays: Sequence[Stay],
    bench: Iterable[Interval],
    alarms: Iterable[Episode],
    *,
    damaged: int,
    vial: Vial | None = None,
) -> Iterable[str]:
    """Sentences about what somebody must still look at before the record can be signed."""
    what = "batch" if vial is None else "vial"
    if batch.is_open if vial is None else vial.ended_at is None:
        still = "still open" if vial is None else "still kept"
        yield f"The {what} is {still}; this record ends where it was made."
    if not stays:
        yield f"The {what} was never placed in a device; nothing is known of its environment."
    for gap in bench:
        yield f"In no device for {Duration(gap.length)}; its environment there is not measured."
    for stay in stays:
        yield from _stay_items(stay)
    for alarm in alarms:
        yield from _alarm_items(alarm)
    if damaged:
        yield f"{damaged} entries of the journal are damaged and were left out."


def _stay_items(stay: Stay) -> Iterable[str]:
    where = f"Stay {stay.number} in {stay.placement.device}"
    if not any(summary.exposure.limits.given for summary in stay.channels):
        yield f"{where}: no limits are in force, so nothing can be said to be in limits."
    if stay.unchecked:
        yield f"{where}: step {stay.step} needs a second person's check, and has none."
    for summary in stay.channels:
        exposure, name = summary.exposure, summary.title
        if exposure.judged:
            out, count = Duration(exposure.out_ms or 0), len(exposure.judged)
            standings = ", ".join(sorted({each.standing for each in exposure.judged}))
            so = f" ({standings})" if exposure.policy.allowed else ""
            yield f"{where}, {name}: {_several(count, 'excursion')}, {out} out of limits{so}."
        if exposure.unknown_ms:
            gap, count = Duration(exposure.unknown_ms), len(exposure.gaps)
            yield f"{where}, {name}: {_several(count, 'gap')}, {gap} unknown."
        if exposure.unsure_ms:
            near = Duration(exposure.unsure_ms)
            yield f"{where}, {name}: {near} in the guard band, which is neither in limits nor out."


def _alarm_items(alarm: Episode) -> Iterable[str]:
    if alarm.cleared_at is None:
        yield f"Alarm {alarm.rule} no. {alarm.occurrence} has not cleared."
    if alarm.acknowledged_at is None:
        yield f"Alarm {alarm.rule} no. {alarm.occurrence} was never acknowledged."
    if alarm.not_reached:
        people = ", ".join(alarm.not_reached)
        yield f"Alarm {alarm.rule} no. {alarm.occurrence}: {people} could not be told."


def _several(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"

"""Where an alarm stands, as screens and stories show it."""

import msgspec

from alerts.engine.alarm import Phase
from alerts.engine.monitor import Monitor
from alerts.engine.overlay import Overlay
from alerts.engine.signal import Signal
from alerts.engine.site import explained


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps an alarm from paging: ``how``, ``by`` whom if anybody, ``why``, ``until`` when.

    ``until`` is epoch milliseconds, UTC: it ends by itself.
    """

    how: str
    until: int
    why: str
    by: str = ""


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's alarm now. Times are epoch milliseconds, UTC.

    ``state`` (N U A R LU LA), ``filter`` (F0 to F3), ``quality`` (NEVER GOOD SUSPECT BAD STALE),
    ``overlay`` and ``escalation`` (IDLE RUN HELD EXHAUSTED; ``step`` is the last one run) are the
    states of the tables A1 to A5. ``severity`` is the current one, ``worst`` the highest of the
    occurrence: what an acknowledgement must have seen. ``under`` is the active alarm that
    explains this one, ``consequences`` are the active alarms that this one explains.
    ``step_due`` is when the next step of its escalation is due.
    ``error`` is why its rule cannot be judged, empty when it can; the alarm is active then.
    ``quiet`` is what keeps it from paging, the strongest first; ``held`` counts what would have
    paged meanwhile. ``value`` and ``value_at`` are the newest good sample of the channel.
    """

    rule: str
    channel: str
    state: str
    filter: str
    quality: str
    overlay: str
    escalation: str
    step: int | None
    step_due: int | None = None
    severity: str
    worst: str
    occurrence: int
    activation: int
    since: int | None
    acked_by: tuple[str, ...]
    paged: tuple[str, ...]
    under: str
    consequences: tuple[str, ...]
    quiet: tuple[Quiet, ...] = ()
    held: int = 0
    error: str = ""
    value: float | None
    value_at: int | None


def view_of(monitor: Monitor, signal: Signal, offset: int) -> AlarmView:
    """The view on a monitor whose channel's quality is ``signal``."""
    alarm = monitor.alarm
    level = monitor.level
    open_ = alarm.phase is not Phase.N
    escalation = alarm.escalation
    return AlarmView(
        rule=monitor.rule.id,
        channel=monitor.spec.id,
        state=alarm.phase.value,
        filter=monitor.filters[max(level, 0)].stage.value,
        quality=signal.trust.value,
        overlay=alarm.overlay.shade.value,
        escalation=escalation.status.value,
        step=None if escalation.step < 0 else escalation.step,
        step_due=None if escalation.due is None else escalation.due + offset,
        severity=alarm.severity.word if alarm.severity else "",
        worst=alarm.worst.word if alarm.worst else "",
        occurrence=alarm.occurrence,
        activation=alarm.activation,
        since=alarm.since + offset if open_ else None,
        acked_by=alarm.acked_by,
        paged=alarm.paged,
        under=alarm.under,
        consequences=tuple(m.rule.id for m in explained(monitor)),
        quiet=_quiet(alarm.overlay, offset),
        held=alarm.overlay.held,
        error=monitor.error,
        value=signal.value,
        value_at=None if signal.good_at is None else signal.good_at + offset,
    )


def _quiet(overlay: Overlay, offset: int) -> tuple[Quiet, ...]:
    found = []
    if (permit := overlay.service) is not None:
        out = Quiet(how="out of service", until=permit.until + offset, why=permit.reason)
        found.append(msgspec.structs.replace(out, by=permit.by))
    if (design := overlay.design) is not None:
        until = (design.until if design.ends is None else design.ends) + offset
        found.append(Quiet(how="suppressed by design", until=until, why=design.cause))
    if (shelf := overlay.shelf) is not None:
        how = "shelved for one occurrence" if shelf.one_shot else "shelved"
        found.append(Quiet(how=how, until=shelf.until + offset, why=shelf.reason, by=shelf.by))
    return tuple(found)

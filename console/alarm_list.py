"""The screen of alarms: what is open, the unacknowledged first, and what people may do. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo

import msgspec

from alerts.engine.view import AlarmView
from alerts.reader import Recorded
from alerts.rule import Rule
from alerts.transition import What
from batches.placement import Refused
from console import words
from console.speech import Speech
from console.view import ChannelView, DeviceView, SiteView

SEVERITIES = ("critical", "high", "medium", "low", "advisory")
SILENCING = frozenset({What.SHELVED, What.SUPPRESSED, What.OUT_OF_SERVICE})
SPANS = ("15m", "30m", "1h", "2h", "4h", "8h")
"""For how long somebody may shelve from a screen; a rule's own cap may be shorter."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to see: with this text, of this severity, only what asks; or all."""

    text: str = ""
    severity: str = ""
    asking: bool = False


ALL = Wanted()


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm in words.

    ``mark`` is ``asks``, ``open`` or ``quiet``; ``does`` the verbs that its state has room for;
    ``occurrence`` and ``worst`` are what an acknowledgement has seen. ``inside`` is what is in the
    device, in words, None where nobody can know it; ``guidance`` are pairs of heading and text.
    """

    rule: str
    channel: str
    device: str
    where: str
    mark: str
    severity: str
    state: str
    since: str
    value: str
    quiet: tuple[str, ...]
    acked_by: tuple[str, ...]
    paged: tuple[str, ...]
    guidance: tuple[tuple[str, str], ...]
    inside: tuple[str, ...] | None
    does: tuple[str, ...]
    occurrence: int
    worst: str


def lines(
    view: SiteView,
    rules: Mapping[str, Rule],
    *,
    zone: tzinfo,
    say: Speech,
    name_of: Callable[[str], str],
    wanted: Wanted = ALL,
) -> tuple[AlarmLine, ...]:
    """The open alarms of ``view`` that are wanted, in its order: unacknowledged and worst first."""
    devices = {device.id: device for device in view.devices}
    made = (
        line(alarm, rules.get(alarm.rule), devices, zone=zone, say=say, name_of=name_of)
        for alarm in view.alarms
    )
    return tuple(one for one in made if _is_wanted(one, wanted))


def line(
    alarm: AlarmView,
    rule: Rule | None,
    devices: Mapping[str, DeviceView],
    *,
    zone: tzinfo,
    say: Speech,
    name_of: Callable[[str], str],
) -> AlarmLine:
    """One alarm."""
    id_ = alarm.channel.partition(".")[0]
    device = devices.get(id_)
    channel = _channel(device, alarm.channel)
    return AlarmLine(
        rule=alarm.rule,
        channel=alarm.channel,
        device=id_ if device is not None else "",
        where=device.name if device is not None else alarm.channel,
        mark="asks" if words.asks(alarm) else "quiet" if alarm.quiet else "open",
        severity=words.severity(alarm),
        state=words.state(alarm, say),
        since=words.moment(alarm.since, zone),
        value=_beyond(alarm, rule, channel, zone, say),
        quiet=tuple(_quiet(alarm, zone, say, name_of)),
        acked_by=tuple(name_of(person) for person in alarm.acked_by),
        paged=tuple(name_of(person) for person in alarm.paged),
        guidance=() if rule is None else tuple(_guidance(rule, say)),
        inside=None if device is None else words.inside(device.batches, device.vials, say),
        does=_does(alarm),
        occurrence=alarm.occurrence,
        worst=alarm.worst,
    )


def silenced(alarms: Iterable[AlarmView]) -> tuple[AlarmView, ...]:
    """The alarms that page nobody now, also those that are normal."""
    return tuple(alarm for alarm in alarms if alarm.quiet)


def silenced_today(history: Iterable[Recorded], now: int, zone: tzinfo) -> tuple[Recorded, ...]:
    """What was kept quiet since midnight of ``zone``, in the order of ``history``."""
    today = datetime.fromtimestamp(now / 1000, zone).date()
    return tuple(
        one
        for one in history
        if one.transition.what in SILENCING
        and datetime.fromtimestamp(one.transition.at / 1000, zone).date() == today
    )


def acknowledgement(line_: AlarmLine, note: str) -> dict[str, str]:
    """The arguments of acknowledging what ``line_`` shows, not what came after it."""
    return {"occurrence": str(line_.occurrence), "severity": line_.worst, "note": note}


def shelving(reason: str, span: str, *, one_shot: bool) -> dict[str, str]:
    """The arguments of shelving, with a reason and an end.

    Raises:
        Refused: one of them is missing.
    """
    if not reason.strip():
        raise Refused("an alarm is shelved for a reason: write it")
    if span not in SPANS and not one_shot:
        raise Refused("a shelf has an end: choose one")
    once = {"one_shot": "true"} if one_shot else {}
    return {"reason": reason, "for": span} | once


def _is_wanted(one: AlarmLine, wanted: Wanted) -> bool:
    text = wanted.text.strip().casefold()
    told = " ".join((one.rule, one.channel, one.where, *(one.inside or ()))).casefold()
    return (
        (not text or text in told)
        and wanted.severity in {"", one.severity}
        and (one.mark == "asks" or not wanted.asking)
    )


def _does(alarm: AlarmView) -> tuple[str, ...]:
    verbs = []
    if alarm.state in {"U", "R", "LU"}:
        verbs.append("ack")
    if alarm.state == "LA":
        verbs.append("reset")
    shelved = any(quiet.how.startswith("shelved") for quiet in alarm.quiet)
    verbs.append("unshelve" if shelved else "shelve")
    return tuple(verbs)


def _channel(device: DeviceView | None, channel: str) -> ChannelView | None:
    if device is None:
        return None
    return next((one for one in device.channels if one.id == channel), None)


def _beyond(
    alarm: AlarmView, rule: Rule | None, channel: ChannelView | None, zone: tzinfo, say: Speech
) -> str:
    """The value now and the limit; the last good one, where there is none now, with its time."""
    unit, key = "" if channel is None else channel.unit, alarm.channel.partition(".")[2]
    value = words.reading(key, None if channel is None else channel.value, unit, say)
    limit = "" if rule is None else words.limit(rule, unit, words.severity(alarm), say)
    said = f"{value} ({say('limit')} {limit})" if limit else value
    if alarm.value is None or (channel is not None and channel.value is not None):
        return said
    last = words.reading(key, alarm.value, unit, say)
    return f"{said}, {say('last good')} {last}, {words.moment(alarm.value_at, zone)}"


def _quiet(
    alarm: AlarmView, zone: tzinfo, say: Speech, name_of: Callable[[str], str]
) -> Iterable[str]:
    for quiet in alarm.quiet:
        who = f" {say('by')} {name_of(quiet.by)}" if quiet.by else ""
        until = f"{say('until')} {words.moment(quiet.until, zone)}"
        yield f"{say(quiet.how)}{who}, {until}: {quiet.why}"


def _guidance(rule: Rule, say: Speech) -> Iterable[tuple[str, str]]:
    for heading, text in (
        ("Cause", rule.cause),
        ("Consequence", rule.consequence),
        ("Action", rule.action),
        ("Time to respond", words.within(rule)),
    ):
        if text:
            yield say(heading), text

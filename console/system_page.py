"""The screen of the system: how the program is, in words. Pure, over what the core last wrote."""

import re
from collections.abc import Iterable
from datetime import tzinfo

import msgspec

from batches.trail import Line
from console import words
from console.run_status import ClockStatus, RunStatus
from console.speech import Speech
from console.view import SiteView

FULL = 0.7
BEHIND_MS = 60_000
SHOWN = 200
_TIME = re.compile(r'("(?:\w+_)?(?:at|since|until|start|end|due)":)(\d{13})\b')
MOST_ERROR_US = 500_000
"""By which readings of several machines still stand in their order, as the doctor judges."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One line on how something is; ``is_good`` is None where it is neither good nor bad."""

    name: str
    says: str
    is_good: bool | None = None


def health(view: SiteView, *, zone: tzinfo, say: Speech) -> tuple[Fact, ...]:
    """All that is known of the program."""
    status = view.status
    if status is None:
        return (Fact(name=say("Core"), says=say("has never run here"), is_good=False),)
    return (
        Fact(
            name=say("Core"),
            says=say("runs") if view.core_alive else say("DOES NOT RUN"),
            is_good=view.core_alive,
        ),
        Fact(name=say("Last written"), says=words.moment(status.at, zone)),
        Fact(name=say("Started"), says=words.moment(status.started, zone)),
        *_clock(status.clock, say),
        Fact(name=say("Version"), says=status.version),
        Fact(name=say("Configuration"), says=status.configuration[:16]),
        *_journal(status, say),
        *_forwarding(status, say),
        *_wire(status, say),
    )


def _clock(found: ClockStatus | None, say: Speech) -> Iterable[Fact]:
    if found is None:
        return
    name, error_us = say("Clock"), found.error_us
    if found.unsure:
        says = say("was set a moment ago: readings are marked")
        yield Fact(name=name, says=says, is_good=False)
    if error_us is None:
        yield Fact(name=name, says=say("whether a time server sets it cannot be told here"))
    elif error_us < 0:
        yield Fact(name=name, says=say("NO TIME SERVER SETS IT"), is_good=False)
    else:
        says = say("wrong by {most} ms at most (NTP)", most=f"{error_us / 1000:.1f}")
        yield Fact(name=name, says=says, is_good=error_us <= MOST_ERROR_US)


def searched(lines: Iterable[Line], text: str, area: str = "") -> tuple[Line, ...]:
    """The entries of which all words of ``text`` are said somewhere, the newest first.

    With an ``area`` those of that only, such as ``alarm``.
    """
    wanted = text.casefold().split()
    mine = (line for line in lines if area in {"", line.area})
    found = [line for line in mine if all(word in _told(line) for word in wanted)]
    return tuple(reversed(found))


def spelled(text: str | None, zone: tzinfo) -> str:
    """What was said before or after an entry, with its times as people read them in ``zone``.

    They are kept as epoch milliseconds; which of its numbers are times, their names say.
    """

    def moment(found: re.Match[str]) -> str:
        return f'{found[1]}"{words.moment(int(found[2]), zone)}"'

    return _TIME.sub(moment, text or "")


def _told(line: Line) -> str:
    said = (line.by, line.area, line.item, line.subject, line.outcome, line.reason)
    return " ".join((*said, line.old or "", line.new or "")).casefold()


def _journal(status: RunStatus, say: Speech) -> Iterable[Fact]:
    journal = status.journal
    fill = f"{journal.fill:.1%}".replace("%", " %")
    yield Fact(name=say("Disk: journal fills"), says=fill, is_good=journal.fill < FULL)
    yield Fact(
        name=say("Writing"),
        says=journal.trouble or say("good"),
        is_good=not journal.trouble,
    )
    yield Fact(
        name=say("Quarantine"), says=f"{journal.quarantined}", is_good=journal.quarantined == 0
    )
    yield Fact(name=say("Damaged entries"), says=f"{journal.damaged}", is_good=journal.damaged == 0)
    unjudged = max(0, journal.last - status.alarm_cursor)
    yield Fact(name=say("Not judged yet"), says=f"{unjudged}")
    yield Fact(name=say("Readings refused"), says=f"{status.refused}", is_good=status.refused == 0)


def _forwarding(status: RunStatus, say: Speech) -> Iterable[Fact]:
    found = status.forwarding
    if found is None:
        yield Fact(name=say("Forwarding"), says=say("none is configured"))
        return
    lag = words.age(found.live_ms, say)
    yield Fact(
        name=say("Forwarding lags"),
        says=found.trouble or f"{lag}, {found.behind - found.backlog}",
        is_good=not found.trouble and found.live_ms < BEHIND_MS,
    )
    if found.backlog:
        oldest = words.age(found.behind_ms, say)
        says = f"{oldest}, {found.backlog}"
        yield Fact(name=say("Forwarding backlog"), says=says, is_good=False)


def _wire(status: RunStatus, say: Speech) -> Iterable[Fact]:
    for endpoint in status.modbus:
        polls = sum(device.polls for device in endpoint.devices)
        missed = sum(device.unanswered for device in endpoint.devices)
        yield Fact(
            name=f"Modbus {endpoint.link.endpoint}",
            says=say("{polls} polls, {missed} unanswered", polls=polls, missed=missed),
        )
    for kind, links in (("Text", status.lines), ("HTTP", status.http)):
        for link in links:
            polls = sum(device.polls for device in link.devices)
            missed = polls - sum(device.answered for device in link.devices)
            yield Fact(
                name=f"{kind} {link.endpoint}",
                says=say("{polls} polls, {missed} unanswered", polls=polls, missed=missed),
                is_good=link.connected,
            )
    for name, broker in status.mqtt.items():
        yield Fact(name=f"MQTT {name}", says=say("{count} messages", count=broker.messages))

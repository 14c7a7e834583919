"""What an action on an alarm may know, and where it says what it did."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec.structs import replace

from alerts.engine.alarm import Alarm
from alerts.engine.overlay import Shade
from alerts.policy import Policy
from alerts.rule import Rule, Severity
from alerts.transition import HELD, Transition, What


@dataclass(slots=True, kw_only=True)
class Moment:
    """One event at ``now`` (steady ms; the wall clock shows ``offset`` more) for one rule.

    ``cause`` is the id of the active alarm that explains this one. ``on_call`` gives the people
    of a step of the policy. The rest describes the event: what set or cleared it, or the command.
    """

    now: int
    offset: int
    rule: Rule
    policy: Policy | None = None
    on_call: Callable[[Policy, int], tuple[str, ...]] = lambda policy, step: (
        policy.steps[step].people
    )
    cause: str = ""
    severity: Severity | None = None
    since: int = 0
    value: float | None = None
    why: str = ""
    late: bool = False
    by: str = ""
    command: str = ""
    note: str = ""
    seen: Severity | None = None
    removed: bool = False
    still: bool = True
    until: int = 0
    one_shot: bool = False
    said: list[Transition] = field(default_factory=list)
    booked: list[str] = field(default_factory=list)

    def say(
        self,
        alarm: Alarm,
        what: What,
        *,
        why: str,
        to: str = "",
        since: int | None = None,
        value: float | None = None,
        step: int | None = None,
        count: int | None = None,
        severity: Severity | None = None,
        detail: dict[str, str] | None = None,
    ) -> None:
        """Write down one transition of ``alarm``."""
        worth = severity or alarm.worst
        told = Transition(
            at=self.now + self.offset,
            what=what,
            rule=self.rule.id,
            channel=self.rule.channel,
            occurrence=alarm.occurrence or None,
            activation=alarm.activation or None,
            severity=worth.word if worth else "",
            since=None if since is None else since + self.offset,
            why=why,
            to=to,
            step=step,
            value=value,
            count=count,
            late=self.late,
            held=_held(alarm, what),
            by=self.by,
            command=self.command,
            detail=detail or {},
        )
        self.said.append(told)

    def page(self, alarm: Alarm, people: tuple[str, ...], step: int, why: str) -> None:
        """Queue a page for each of ``people``."""
        since, value = alarm.since or None, alarm.value
        for person in people:
            self.say(alarm, What.QUEUED, to=person, step=step, why=why, since=since, value=value)
            self.booked.append(person)

    def book(self, alarm: Alarm) -> Alarm:
        """``alarm`` with those paged since the last call among its people."""
        if not self.booked:
            return alarm
        people = tuple(dict.fromkeys((*alarm.paged, *self.booked)))
        self.booked.clear()
        return replace(alarm, paged=people, paged_at=self.now, page_due=None)

    def clock(self, steady: int) -> str:
        """A steady time as people write it, in UTC."""
        moment = datetime.fromtimestamp((steady + self.offset) / 1000, UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _held(alarm: Alarm, what: What) -> str:
    shade = alarm.overlay.shade
    return shade.value if what in HELD and shade is not Shade.NONE else ""

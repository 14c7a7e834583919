"""The shift changes while alarms are open: who comes takes them over, who goes is told."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from alerts.engine.alarm import Phase, Status
from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.escalation import fall_back
from alerts.engine.monitor import Monitor
from alerts.engine.overlay import Shade
from alerts.policy import Policy
from alerts.rule import Severity
from alerts.transition import Listed, Transition, What

_UNACKED = frozenset({Phase.U, Phase.R, Phase.LU})


class Change(NamedTuple):
    """Who was on call for a step of a policy, and who is from now on."""

    policy: Policy
    step: int
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def came(self) -> tuple[str, ...]:
        """Those who are on call only now."""
        return tuple(person for person in self.after if person not in self.before)

    @property
    def gone(self) -> tuple[str, ...]:
        """Those who no longer are."""
        return tuple(person for person in self.before if person not in self.after)


def hand_over(
    monitors: Iterable[Monitor], annunciator: Annunciator, change: Change, act: Act
) -> None:
    """Page who came for what nobody has, and give both sides the list of what is open.

    A gap is no hand-over: the fallback list is paged at once. Nothing is said when nothing is
    open, and nobody is paged for a step that the escalation has not come to.
    """
    open_ = [m for m in monitors if m.rule.policy == change.policy.id and _is_open(m)]
    if not open_ or not (change.came or change.gone):
        return
    mine = [m for m in open_ if _is_running(m, change.step)]
    for monitor in mine:
        _page(monitor, annunciator, change, act)
    rest = [m for m in open_ if m not in mine]
    for person in change.came:
        others = f" after {', '.join(change.gone)}" if change.gone else ""
        why = f"you are on call from now on{others}"
        _tell(annunciator, act, person, why, take=mine, know=rest)
    for person in change.gone:
        whom = ", ".join(change.came or change.after) or "nobody"
        why = f"you are no longer on call; {whom} is"
        _tell(annunciator, act, person, why, take=[], know=open_)


def _is_open(monitor: Monitor) -> bool:
    return monitor.alarm.phase is not Phase.N and not monitor.removed


def _is_running(monitor: Monitor, step: int) -> bool:
    """Whether nobody has it and the people of ``step`` were paged for it."""
    alarm = monitor.alarm
    if alarm.phase not in _UNACKED or alarm.under or alarm.overlay.shade is not Shade.NONE:
        return False
    escalation = alarm.escalation
    if escalation.status is Status.EXHAUSTED:
        return True
    return escalation.status is Status.RUN and escalation.step >= step


def _page(monitor: Monitor, annunciator: Annunciator, change: Change, act: Act) -> None:
    alarm = monitor.alarm
    moment = annunciator.moment(monitor, act)
    if change.after:
        why = "open at the change of shift, not acknowledged"
        for person in change.came:
            moment.say(
                alarm,
                What.QUEUED,
                to=person,
                step=change.step,
                why=why,
                value=alarm.value,
                detail={"in": What.HANDOVER.value},
            )
            moment.booked.append(person)
    else:
        fall_back(replace(alarm, escalation=replace(alarm.escalation, step=change.step)), moment)
    due = alarm.page_due
    monitor.alarm = replace(moment.book(alarm), page_due=due)
    annunciator.keep(monitor)


def _tell(
    annunciator: Annunciator,
    act: Act,
    person: str,
    why: str,
    *,
    take: list[Monitor],
    know: list[Monitor],
) -> None:
    clock = annunciator.clock
    worst = [m.alarm.worst for m in (*take, *know) if m.alarm.worst is not None]
    severity: Severity | None = max(worst, default=None)
    annunciator.said.append(
        Transition(
            at=clock.now + clock.offset,
            what=What.HANDOVER,
            to=person,
            severity="" if severity is None else severity.word,
            why=why,
            by=act.by,
            command=act.command,
            detail={"take": _listed(take), "know": _listed(know)},
        )
    )


def _listed(monitors: list[Monitor]) -> str:
    return msgspec.json.encode([Listed(m.rule.id, m.alarm.occurrence) for m in monitors]).decode()

"""Orders about no single alarm: who is on call, drills, and word to somebody."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.handover import Change, hand_over
from alerts.engine.parts import Drill, DrillPart
from alerts.engine.site import Site
from alerts.policy import ROTA_MARK
from alerts.rota.act import ACTS, ActError, read_act
from alerts.rule import Severity
from alerts.transition import DRILL, Transition, What
from storage.entry import Command

RELOAD = "reload"
"""The verb by which a person has the site's files read again."""


class SiteOrders:
    """Carries them out. ``drills`` has the newest drill of each person and channel."""

    def __init__(self, site: Site, annunciator: Annunciator, drills: DrillPart) -> None:
        self._site = site
        self._annunciator = annunciator
        self._drills = drills

    def knows(self, command: Command) -> bool:
        """Whether the command is one of these."""
        answers = command.verb == "ack" and command.target.startswith(DRILL)
        return answers or command.verb in SITE_ORDERS

    def take(self, command: Command) -> None:
        """Do it, or say why not; either carries the command's id."""
        if not command.by.strip():
            self._refuse(command, "it needs the name of a person")
        elif command.verb == "ack":
            self._answer_drill(command)
        else:
            SITE_ORDERS[command.verb](self, command)

    def set_rota(self, command: Command) -> None:
        """``rota``: these people are on call for a step of a policy from now on."""
        policy = self._site.policies.get(command.target)
        step = command.arguments.get("step", "")
        if policy is None:
            self._refuse(command, f"no policy is called {command.target!r}")
        elif step not in map(str, range(len(policy.steps))):
            self._refuse(command, f"policy {policy.id!r} has no step {step!r}")
        else:
            number = int(step)
            names = command.arguments.get("to", "").split(",")
            people = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
            before = self._annunciator.on_call(policy, number)
            rota = self._annunciator.rota
            rota[policy.id] = {**rota.get(policy.id, {}), step: people}
            why = f"step {step} of {policy.id!r}: {', '.join(people) or 'nobody'}"
            self._say(command, What.ROTA, why)
            hand_over(
                self._site.monitors.values(),
                self._annunciator,
                Change(policy, number, before, people),
                Act(command.by, command.id),
            )

    def change_rota(self, command: Command) -> None:
        """``override``, ``swap`` and ``withdraw``: written down here, worked out by the rota."""
        known = {
            name.removeprefix(ROTA_MARK)
            for policy in self._site.policies.values()
            for step in policy.steps
            for name in step.to
            if name.startswith(ROTA_MARK)
        }
        if command.target not in known:
            text = ", ".join(sorted(known)) or "none"
            self._refuse(command, f"no policy names a rota {command.target!r}; known: {text}")
            return
        try:
            act = read_act(command)
        except ActError as error:
            self._refuse(command, str(error))
            return
        self._say(command, What.ROTA, act.why, dict(command.arguments))

    def drill(self, command: Command) -> None:
        """``drill``: send a marked message to a person on one of their channels."""
        channel = command.arguments.get("channel")
        if not command.target or not channel:
            self._refuse(command, "a drill needs a person and a channel")
            return
        clock = self._annunciator.clock
        wall = clock.now + clock.offset
        self._drills[_way(command.target, channel)] = Drill(command.id, wall)
        self._annunciator.said.append(
            Transition(
                at=wall,
                what=What.DRILL,
                rule=DRILL + command.id,
                to=command.target,
                why=command.arguments.get("note") or f"ordered by {command.by}",
                by=command.by,
                command=command.id,
                detail={"channel": channel},
            )
        )

    def tell(self, command: Command) -> None:
        """``tell``: word to a person about the alarm system itself."""
        severity = command.arguments.get("severity", "medium")
        text = command.arguments.get("text")
        if severity.upper() not in Severity.__members__:
            self._refuse(command, f"no severity is called {severity!r}")
        elif not command.target or not text:
            self._refuse(command, "it needs a person and a text")
        else:
            about = command.arguments.get("about", "")
            self._say(command, What.SYSTEM, text, {"about": about}, to=command.target, of=severity)

    def reload(self, command: Command) -> None:
        """``reload``: the core reads its configuration again; here only who asked is noted."""
        self._say(command, What.SYSTEM, f"{command.by} has the configuration read again")

    def _answer_drill(self, command: Command) -> None:
        wanted = command.target.removeprefix(DRILL)
        found = [(way, drill) for way, drill in self._drills.items() if drill.id == wanted]
        if not found:
            self._refuse(command, "there is no such drill, or a newer one was sent since")
            return
        way, drill = found[0]
        person, _, channel = way.partition("\n")
        if command.by != person:
            self._refuse(command, f"that drill was for {person}")
            return
        if drill.answered is not None:
            self._refuse(command, "that drill was answered before")
            return
        clock = self._annunciator.clock
        self._drills[way] = replace(drill, answered=clock.now + clock.offset)
        took_s = (clock.now + clock.offset - drill.at) / 1000
        why = f"drill to {person} by {channel} answered after {took_s:.0f} s"
        detail = {"drill": drill.id, "person": person, "channel": channel}
        self._say(command, What.DRILL_ANSWERED, why, detail, rule=command.target)

    def _refuse(self, command: Command, why: str) -> None:
        self._say(command, What.REFUSED, why)

    def _say(
        self,
        command: Command,
        what: What,
        why: str,
        detail: Mapping[str, str] = MappingProxyType({}),
        *,
        to: str = "",
        of: str = "",
        rule: str = "",
    ) -> None:
        clock = self._annunciator.clock
        self._annunciator.said.append(
            Transition(
                at=clock.now + clock.offset,
                what=what,
                rule=rule,
                severity=of,
                to=to,
                why=why,
                by=command.by,
                command=command.id,
                detail={"verb": command.verb, "target": command.target, **detail},
            )
        )


SITE_ORDERS: Mapping[str, Callable[[SiteOrders, Command], None]] = MappingProxyType(
    {"rota": SiteOrders.set_rota, "drill": SiteOrders.drill, "tell": SiteOrders.tell}
    | {RELOAD: SiteOrders.reload}
    | dict.fromkeys(ACTS, SiteOrders.change_rota)
)


def _way(person: str, channel: str) -> str:
    return f"{person}\n{channel}"

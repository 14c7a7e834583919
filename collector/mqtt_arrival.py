"""A message under way, and what was found in it."""

from dataclasses import dataclass, field

from collector.mqtt_feed import Feed, Intake
from collector.mqtt_link import Link, Message
from collector.mqtt_window import Ticket


class Arrival:
    """A message under way. ``left`` is how many things are still to be kept of it."""

    __slots__ = ("came_s", "clock_unsure", "left", "link", "message", "ticket")

    def __init__(
        self, link: Link, message: Message, ticket: Ticket, came_s: float, *, clock_unsure: bool
    ) -> None:
        self.link = link
        self.message = message
        self.ticket = ticket
        self.came_s = came_s
        self.clock_unsure = clock_unsure
        self.left = 0


@dataclass(slots=True)
class Finding:
    """What is to be kept of an arrival: readings, and itself where ``aside`` says why."""

    arrival: Arrival
    intakes: list[tuple[Feed, Intake]] = field(default_factory=list)
    aside: str = ""
    stranger: bool = False


@dataclass(slots=True)
class Findings:
    """What follows from an event.

    ``dead`` are devices of which nothing is known from now on, ``nodes`` the edge nodes (by
    their topics) that are to be asked for a rebirth.
    """

    found: list[Finding] = field(default_factory=list)
    dead: list[Feed] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)

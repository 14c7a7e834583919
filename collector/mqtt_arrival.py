"""A message under way, and what was found in it."""

import msgspec

from collector.mqtt_feed import Feed, Intake
from collector.mqtt_link import Link, Message
from collector.mqtt_window import Ticket


class Arrival(msgspec.Struct, eq=False):
    """A message under way. ``left`` is how many things are still to be kept of it."""

    link: Link
    message: Message
    ticket: Ticket
    came_s: float
    clock_unsure: bool
    left: int = 0


class Finding(msgspec.Struct, eq=False):
    """What is to be kept of an arrival: readings, and itself where ``aside`` says why."""

    arrival: Arrival
    intakes: list[tuple[Feed, Intake]] = []
    aside: str = ""
    stranger: bool = False


class Findings(msgspec.Struct, eq=False):
    """What follows from an event.

    ``dead`` are devices of which nothing is known from now on, ``nodes`` the edge nodes (by
    their topics) that are to be asked for a rebirth.
    """

    found: list[Finding] = []
    dead: list[Feed] = []
    nodes: list[str] = []

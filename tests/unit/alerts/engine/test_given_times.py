"""Times that people give, and times that are told, after the wall clock was set."""

import pytest
from msgspec.structs import replace

from alerts.engine.parts import DRILLS, DrillPart, decoded
from alerts.rule import Rule
from alerts.transition import DRILL, What
from devices.duration import Duration, parse
from tests.unit.alerts.engine.lab import DUE as PAGING_DUE
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

SERVICE = Rule(id="service", channel=HOT.channel, kind="overdue", every=parse("90m"))
DUE = replace(PAGING_DUE, policy="")
BRIEF = replace(HOT, on_delay=Duration(0))


def set_forward(*rules: Rule) -> Lab:
    """In the first minute the wall clock was set forward by an hour."""
    room = Lab(rulebook(rules))
    room.clock_step("0:30", "1:00:00")
    return room


def ledger_says(room: Lab, **arguments: str) -> None:
    """What the ledger of certificates tells in the second minute."""
    room.ticks("2:00")
    room.ledger_says("2:00", **arguments)


def test_what_was_done_then_is_due_from_then() -> None:
    room = set_forward(SERVICE)
    room.order("10:00", "done", target="service", note="mapped", at=str(room.wall("2:00")))
    assert room.last(What.DONE).since == room.wall("2:00")
    before = room.count(What.SET)
    room.ticks("1:31:59")
    assert room.count(What.SET) == before
    room.ticks("1:32:00")
    assert room.count(What.SET) == before + 1


def test_what_was_done_in_a_moment_of_the_future_is_refused() -> None:
    room = set_forward(SERVICE)
    room.order("10:00", "done", target="service", note="mapped", at=str(room.wall("10:00") + 1))
    assert room.last(What.REFUSED).why == "it cannot have been done in the future"


@pytest.mark.parametrize("at", [1_900_000_000_000, 0, -86_400_000])
def test_a_due_date_is_the_one_of_the_certificate(at: int) -> None:
    room = set_forward(DUE)
    ledger_says(room, at=str(at))
    assert room.engine.due_of("due") == at
    told = room.last(What.DUE)
    assert (told.since, told.why) == (at, "as its certificate says")


@pytest.mark.parametrize("arguments", [{}, {"at": ""}, {"at": "soon"}, {"at": "--5"}])
def test_what_is_no_date_is_no_certificate(arguments: dict[str, str]) -> None:
    room = set_forward(DUE)
    ledger_says(room, **arguments)
    told = room.last(What.DUE)
    assert (told.since, told.why) == (None, "no certificate is known")
    assert told.detail == {"at": ""}
    assert room.engine.due_of("due") is None


def test_a_permit_ends_when_it_says() -> None:
    room = set_forward(BRIEF)
    until = room.wall("1:00:00")
    room.order("10:00", "out_of_service", until=str(until), reason="defrost")
    (quiet,) = room.engine.view("hot").quiet
    assert quiet.until == until
    room.ticks("59:59")
    assert room.count(What.IN_SERVICE) == 0
    room.ticks("1:00:00")
    assert room.count(What.IN_SERVICE) == 1


@pytest.mark.parametrize("channel", ["sms", "sms\nof the ward"])
def test_a_drill_is_answered_at_the_time_of_the_wall(channel: str) -> None:
    room = set_forward(BRIEF)
    room.order("1:00", "drill", target="A", channel=channel)
    drill = room.last(What.DRILL).rule
    room.order("3:01:00", "ack", target=drill)
    answer = room.last(What.DRILL_ANSWERED)
    assert (answer.at, answer.rule) == (room.wall("3:01:00"), drill)
    assert answer.why == f"drill to A by {channel} answered after 10800 s"
    kept = decoded(room.engine.dump(), DRILLS, DrillPart)
    assert kept is not None
    (newest,) = kept.values()
    assert (DRILL + newest.id, newest.at) == (drill, room.wall("1:00"))
    assert newest.answered == room.wall("3:01:00")


def test_what_nobody_knows_is_refused_at_the_time_of_the_wall() -> None:
    room = set_forward(BRIEF)
    room.order("1:00", "dance")
    assert room.last(What.REFUSED).at == room.wall("1:00")

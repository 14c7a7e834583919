"""Times that commands give: whatever is written there, the engine goes on."""

import pytest

from alerts.engine.given import wall_time
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from storage.entry import Command
from tests.unit.alerts.engine.lab import HOT, START, Lab, rulebook  # a test's own

CHECK = Rule(id="check", channel=HOT.channel, kind="overdue", every=parse("90d"), severity="low")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("²", None),
        ("0", 0),
        ("1767600000000", START),
        # 9999-12-31T23:59:59.999Z
        ("253402300799999", 253_402_300_799_999),
        ("253402300800000", 253_402_300_799_999),
        ("100000000000000", 100_000_000_000_000),
        ("9" * 5_000, 253_402_300_799_999),
    ],
)
def test_a_time_is_a_number_up_to_the_year_9999(text: str, at: int | None) -> None:
    assert wall_time(text) == at


@pytest.mark.parametrize("digits", [30, 5_000])
def test_a_permit_or_a_check_of_any_number_of_digits_is_answered(digits: int) -> None:
    room = Lab(rulebook([HOT, CHECK]))
    room.order("0:05", "out_of_service", until="9" * digits, reason="moved")
    assert room.last(What.OUT_OF_SERVICE).detail["until"] == "9999-12-31 23:59:59 UTC"
    given = {"at": "9" * digits, "note": "looked at"}
    room.feed(
        Command(
            id="c",
            at=room.wall("0:06"),
            by="A",
            verb="done",
            target="check",
            via="cli",
            arguments=given,
        )
    )
    assert room.last(What.REFUSED).why == "it cannot have been done in the future"
    room.reload()
    assert room.engine.view("hot").overlay == "OOS"

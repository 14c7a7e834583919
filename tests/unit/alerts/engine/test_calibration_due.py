"""A notice three months before a sensor is due, one a month before, and on the day."""

import pytest

from alerts.engine.engine import Engine
from alerts.rule import Limit, Rule
from alerts.transition import Transition, What
from devices.duration import parse
from storage.entry import Command
from tests.unit.alerts.engine.lab import Lab, rulebook

DAY_MS = 86_400_000
DUE = Rule(
    id="due",
    channel="inc1.temperature",
    kind="calibration-due",
    every=parse("365d"),
    limit=-92,
    severity="advisory",
    steps=(Limit(limit=-31, severity="low"), Limit(limit=0, severity="medium")),
    policy="chain",
)


def day(count: float) -> int:
    return round(count * DAY_MS)


def lab() -> Lab:
    """Somebody has seen that nothing is known of the sensor."""
    found = Lab(rulebook([DUE]))
    found.sample(0, 37.0)
    found.order(500, "ack", target="due")
    return found


def ledger_says(lab: Lab, at: int, due: int | None, *, by: str = "ledger") -> list[Transition]:
    lab.ticks(at)
    before = len(lab.told)
    lab.feed(
        Command(
            id=f"d{len(lab.entries)}",
            at=lab.wall(at),
            by="culturewatch",
            verb="due",
            target="due",
            via=by,
            arguments={"at": "" if due is None else str(lab.wall(due))},
        )
    )
    return lab.told[before:]


def news(told: list[Transition]) -> list[tuple[What, str]]:
    wanted = {What.SET, What.SEV_UP, What.SEV_DOWN, What.CLEAR}
    return [(one.what, one.severity) for one in told if one.what in wanted]


def test_a_sensor_of_which_nothing_is_known_is_said_at_once() -> None:
    found = lab()
    found.ticks(day(1))
    setting = next(one for one in found.told if one.what is What.SET)
    assert (setting.severity, setting.why) == (
        "advisory",
        "no calibration of its sensor is known, or it failed",
    )


def test_notices_come_three_months_and_a_month_before_and_on_the_day() -> None:
    found = lab()
    assert (What.CLEAR, "advisory") in news(ledger_says(found, 1000, day(200)))
    before = len(found.told)
    found.ticks(day(400))
    assert [
        (one.what, one.severity, (one.at - found.wall(0)) / DAY_MS)
        for one in found.told[before:]
        if one.what in {What.SET, What.SEV_UP, What.CLEAR}
    ] == [
        (What.SET, "advisory", 200 - 92),
        (What.SEV_UP, "low", 200 - 31),
        (What.SEV_UP, "medium", 200),
    ]
    assert "within 92d" in next(one.why for one in found.told[before:] if one.what is What.SET)


def test_a_new_certificate_clears_it_and_a_nearer_date_raises_it_at_once() -> None:
    found = lab()
    ledger_says(found, 1000, day(10))
    assert news(ledger_says(found, day(11), day(376))) == [(What.CLEAR, "medium")]
    found.order(day(11.5), "ack", target="due")
    told = ledger_says(found, day(12), day(30))
    assert [one.severity for one in told if one.what in {What.SET, What.SEV_UP}][-1] == "low"
    # Not known any more, as when the sensor was swapped for one without a certificate.
    assert news(ledger_says(found, day(13), None)) == [(What.SEV_DOWN, "advisory")]


def test_without_a_certificate_it_counts_from_when_it_was_done() -> None:
    found = lab()
    found.order(1000, "done", target="due", note="compared with a reference")
    before = len(found.told)
    found.ticks(day(366))
    times = [(o.at - found.wall(1000)) / DAY_MS for o in found.told[before:] if o.severity]
    assert min(times) == 365 - 92


def test_no_person_may_say_when_it_is_due() -> None:
    found = lab()
    told = ledger_says(found, 1000, day(200), by="cli")
    assert [one.what for one in told] == [What.REFUSED]


@pytest.mark.parametrize("at", [50.0, 120.0, 180.0, 250.0])
def test_what_was_said_survives_a_restart(at: float) -> None:
    found = lab()
    ledger_says(found, 1000, day(200))
    found.ticks(day(at))
    again = Engine(found.book, found.engine.dump())
    assert again.next_due() == found.engine.next_due()


def test_what_fell_due_while_nothing_ran_is_said_at_the_start() -> None:
    found = lab()
    ledger_says(found, 1000, day(200))
    found.started(day(300))
    assert news(found.told)[-3:] == [
        (What.SET, "advisory"),
        (What.SEV_UP, "low"),
        (What.SEV_UP, "medium"),
    ]

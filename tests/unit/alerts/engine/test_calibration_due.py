"""A notice three months before a sensor is due, one a month before, and on the day."""

import msgspec
import pytest

from alerts.engine.engine import Engine
from alerts.rule import Limit, Rule
from alerts.transition import Transition, What
from devices.duration import parse
from storage.entry import Command
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook

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


@pytest.mark.parametrize(
    ("due", "why"),
    [
        (day(200), "as its certificate says"),
        (day(-3), "as its certificate says"),
        (None, "no certificate is known"),
    ],
)
def test_a_date_is_written_down_as_the_ledger_told_it(due: int | None, why: str) -> None:
    found = lab()
    found.clock_step(1000, "1:00:00")
    (said, *_) = ledger_says(found, 2000, due)
    at = "" if due is None else str(found.wall(due))
    assert msgspec.to_builtins(said) == {
        "at": found.wall(2000),
        "what": "due",
        "rule": "due",
        "channel": "inc1.temperature",
        "occurrence": 1,
        "activation": 1,
        "severity": "advisory",
        "why": why,
        "by": "culturewatch",
        "command": "d4",
        "detail": {"at": at},
    } | ({} if due is None else {"since": found.wall(due)})
    assert found.engine.due_of("due") == (None if due is None else found.wall(due))
    assert "rule:due" in found.engine.changed()


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("9" * 100_000, "253402300799999"),
        ("-" + "9" * 100_000, "-253402300799999"),
        ("-86400000", "-86400000"),
        ("--5", ""),
        ("x" * 100_000, ""),
    ],
    ids=["far too long", "far too long ago", "before 1970", "no number", "no number, too long"],
)
def test_whatever_the_ledger_says_is_a_date_or_none(text: str, known: str) -> None:
    found = lab()
    found.feed(
        Command(
            id="d",
            at=found.wall(1000),
            by="culturewatch",
            verb="due",
            target="due",
            via="ledger",
            arguments={"at": text},
        )
    )
    assert found.last(What.DUE).detail == {"at": known}
    assert found.engine.due_of("due") == (int(known) if known else None)


def test_what_a_date_sets_carries_its_command_and_is_due_at_the_next_level() -> None:
    found = lab()
    ledger_says(found, 60_000, day(200))
    assert found.engine.next_due() == found.wall(day(200 - 92))
    told = ledger_says(found, 70_000, day(50))
    (raised,) = [one for one in told if one.what is What.SET]
    assert (raised.by, raised.command) == ("culturewatch", "d5")
    assert raised.why == "its sensor is due for calibration within 92d"
    found.order(day(1), "ack", target="due")
    assert found.engine.next_due() == found.wall(day(50 - 31))


@pytest.mark.parametrize(
    ("ago", "why"),
    [
        (40, "its sensor is due for calibration within 92d"),
        (31, "its sensor is due for calibration within 31d"),
        (0, "its sensor is overdue for calibration"),
    ],
)
def test_each_level_says_how_near_the_date_is(ago: int, why: str) -> None:
    found = lab()
    ledger_says(found, 1000, day(200))
    told = ledger_says(found, 2000, 2000 + day(ago))
    (raised,) = [one for one in told if one.what is What.SET]
    assert raised.why == why


def test_only_a_sensor_that_waits_for_its_calibration_has_a_date() -> None:
    found = Lab(rulebook([HOT]))
    found.feed(
        Command(
            id="d",
            at=found.wall(0),
            by="culturewatch",
            verb="due",
            target="hot",
            via="ledger",
            arguments={"at": "1"},
        )
    )
    assert found.last(What.REFUSED).why == (
        "when a sensor is due is entered with its certificate (culturewatch calibration)"
    )


def test_a_calibration_that_was_done_or_failed_is_noted_and_stored() -> None:
    found = lab()
    found.engine.changed()
    long_ago = {"note": "compared", "at": str(found.wall(-day(300)))}
    found.feed(
        Command(
            id="d",
            at=found.wall(1000),
            by="A",
            verb="done",
            target="due",
            via="cli",
            arguments=long_ago,
        )
    )
    assert found.engine.changed().get("rule:due")
    assert found.engine.view("due").state == "A"
    found.order(2000, "done", target="due", note="compared")
    assert found.last(What.CLEAR).why == "was calibrated"
    found.order(3000, "done", target="due", note="off by 2 degC", failed="true")
    (failed,) = [one for one in found.told if one.what is What.DONE and "failed" in one.detail]
    assert (failed.why, failed.detail) == ("off by 2 degC", {"failed": "true"})
    assert found.last(What.SET).why == "no calibration of its sensor is known, or it failed"

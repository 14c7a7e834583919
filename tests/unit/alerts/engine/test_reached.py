"""Rules that wait for something to be done: when each level is reached, to the millisecond."""

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.filter import Found
from alerts.engine.monitor import Monitor, Touched
from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import parse

DAY = 86_400_000
SPEC = ChannelSpec(id="inc1.x", quantity="temperature", period_ms=10_000, resolution=0.01)
DUE = Rule(
    id="due",
    channel=SPEC.id,
    kind="calibration-due",
    every=parse("365d"),
    limit=-92,
    severity="advisory",
    steps=(Limit(limit=-31, severity="low"), Limit(limit=0, severity="medium")),
)
SERVICE = Rule(id="service", channel=SPEC.id, kind="overdue", every=parse("90d"))


def monitor(rule: Rule = DUE) -> Monitor:
    return Monitor(rule, SPEC, None, 0)


def days(count: float) -> int:
    return round(count * DAY)


@pytest.mark.parametrize(
    ("kind", "does"),
    [
        ("high", True),
        ("discrete", True),
        ("stuck", True),
        ("silence", False),
        ("out-of-range", False),
        ("spike", False),
        ("disagreement", False),
        ("overdue", False),
        ("calibration-due", False),
    ],
)
def test_rules_that_judge_values_are_known_by_their_kind(kind: str, *, does: bool) -> None:
    made = monitor(replace(DUE, kind=kind, window=parse("30m")))
    assert made.judges_values is does


def test_what_waits_for_something_has_no_delay() -> None:
    assert monitor(replace(DUE, on_delay=parse("5m"))).delays.on == 0
    assert monitor(replace(SERVICE, on_delay=parse("5m"))).delays.on == 0


def test_each_level_is_reached_so_long_before_the_date() -> None:
    made = monitor()
    assert made.due() is None
    assert made.note_due(days(200), 5_000) == Touched(made, -1, ())
    assert (made.due_at, made.changed) == (days(200), True)
    for level, at in enumerate((108, 169, 200)):
        assert (made.overdue_from, made.due()) == (days(at), days(at))
        assert made.show_due(days(at) - 1, days(at) - 1, late=False).found == ()
        shown = made.show_due(days(at) + 9, days(at), late=True)
        assert shown == Touched(
            made, level - 1, ((level, Found(What.SET, days(at), 0.0, late=True)),)
        )
        assert made.level == level
    assert (made.overdue_from, made.due()) == (None, None)


def test_it_counts_from_when_it_was_done_where_no_date_is_known() -> None:
    made = monitor()
    made.awaited_at = 700
    assert made.overdue_from == 700
    made.done_at = days(10)
    assert made.overdue_from == days(10 + 365 - 92)
    made.due_at = days(300)
    assert made.overdue_from == days(300 - 92)


def test_only_the_lowest_level_is_reached_where_nobody_knows_when_it_was_done() -> None:
    made = monitor()
    made.awaited_at = 700
    assert made.show_due(700, 700, late=False).found == ((0, Found(What.SET, 700, 0.0)),)
    assert made.overdue_from is None


@pytest.mark.parametrize(
    ("due", "now", "level"),
    [
        (days(200), days(108) - 1, -1),
        (days(200), days(108), 0),
        (days(200), days(169) - 1, 0),
        (days(200), days(169), 1),
        (days(200), days(200) - 1, 1),
        (days(200), days(200), 2),
    ],
)
def test_a_date_that_is_told_raises_and_lowers_it_at_once(due: int, now: int, level: int) -> None:
    made = monitor()
    assert made.note_due(due, now).found == tuple(
        (reached, Found(What.SET, now, 0.0)) for reached in range(level + 1)
    )
    assert made.level == level
    assert made.note_due(now + days(93), now).found == tuple(
        (reached, Found(What.CLEAR, now, 0.0)) for reached in range(level + 1)
    )
    assert made.level == -1


def test_a_date_that_is_no_longer_known_is_as_if_it_was_never_done() -> None:
    made = monitor()
    made.awaited_at = 700
    made.note_due(days(50), days(50))
    assert made.note_due(None, days(51)).before == 2
    assert (made.due_at, made.level) == (None, 0)


def test_a_calibration_that_was_done_lowers_it_by_its_own_date() -> None:
    made = monitor()
    made.awaited_at = 0
    made.note_due(None, 0)
    assert made.level == 0
    made.changed = False
    made.note_done(days(0), days(274))
    assert (made.level, made.done_at, made.changed) == (0, days(0), True)
    made.note_done(days(2), days(274))
    assert made.level == -1
    made.note_done(days(1), days(274))
    assert made.done_at == days(2)


def test_a_calibration_that_failed_has_no_date_any_more() -> None:
    made = monitor()
    made.note_due(days(900), 0)
    made.done_at = 5
    shown = made.note_failed(days(3))
    assert shown.found == ((0, Found(What.SET, days(3), 0.0)),)
    part = made.part()
    assert (part.due_at, part.done_at, part.awaited_at) == (None, None, days(3))


def test_what_was_removed_waits_for_nothing() -> None:
    made = monitor()
    made.due_at = days(200)
    made.removed = True
    assert made.overdue_from is None


def test_the_date_is_stored() -> None:
    made = monitor()
    made.due_at, made.done_at, made.awaited_at = 3, 2, 1
    again = monitor()
    again.restore(made.part(), before=None)
    assert (again.due_at, again.done_at, again.awaited_at) == (3, 2, 1)
    assert again.part() == made.part()

"""Pages that go together: held back for how long, listed once each, and never lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.delivery import Event
from alerts.notice import Notice
from alerts.transition import What
from alerts.upkeep import receipt, upkeep
from tests.unit.alerts.desk import (  # a test's own
    said,
)
from tests.unit.alerts.table import PACE, PEOPLE, SEEN, Table

pytestmark = pytest.mark.long


def test_the_gravest_of_one_instant_goes_at_once_and_the_rest_wait_for_each_other() -> None:
    table = Table()
    table.page("B", "a", "b", severity="low")
    table.page("B", "c", severity="critical")
    table.page("B", "d", severity="medium")
    assert table.sent() == [("c",)]
    table.now += 29_999
    assert table.sent() == []
    table.now += 1
    assert table.sent() == [("d", "a", "b")]


def test_one_that_waited_alone_goes_as_the_page_that_it_is() -> None:
    table = Table()
    table.page("B", "a")
    assert table.sent() == [("a",)]
    table.now += 10_000
    table.page("B", "b")
    assert table.sent() == []
    table.now += 20_000
    (taken,) = table.claims()
    assert (taken.notice, taken.rule) == (Notice.PAGE, "b")


def test_each_person_has_a_time_of_their_own() -> None:
    table = Table()
    table.page("B", "a")
    assert table.sent() == [("a",)]
    table.now += 1_000
    table.page("C", "a")
    assert table.sent() == [("a",)]


def test_who_was_quiet_for_half_a_minute_is_paged_at_once_again() -> None:
    table = Table()
    for rule in "abc":
        table.page("B", rule)
        assert table.sent() == [(rule,)]
        table.now += 30_000


def test_a_critical_page_waits_behind_no_list_of_lesser_ones() -> None:
    table = Table()
    table.page("B", "a", severity="low")
    assert table.sent() == [("a",)]
    table.now += 1_000
    table.page("B", "b", severity="low")
    table.page("B", "c", severity="high")
    assert table.sent() == []
    table.now += 1_000
    table.page("B", "d", "e", severity="critical")
    assert table.sent() == [("d",)]
    # Others as grave as it wait from then on, like all that are less.
    table.now += 1_000
    table.page("B", "f", severity="critical")
    table.page("B", "g", severity="medium")
    assert table.sent() == []
    # The first that waited cannot wait longer: with it all go, the gravest first.
    table.now += 28_000
    assert table.sent() == [("e", "f", "c", "g", "b")]


def test_of_a_flood_no_more_than_one_critical_page_goes_beside_the_lists() -> None:
    table = Table()
    sent = []
    for number in range(290):
        words = ("advisory", "low", "medium", "high", "critical")
        table.page("B", f"r{number:03}", severity=words[number % 5])
        sent += table.sent()
        table.now += 100
    table.now += 30_000
    sent += table.sent()
    assert [len(one) for one in sent] == [1, 1, 288]


def test_what_is_acknowledged_leaves_the_list_before_it_goes() -> None:
    table = Table()
    table.page("B", *"abcd")
    assert table.sent() == [("a",)]
    table.say(said(What.ACK, rule="c", at=table.now, by="C", why="acknowledged by C"))
    table.now += 30_000
    assert table.sent() == [("b", "d")]
    assert table.states()["c"] == "cancelled"


def test_what_is_acknowledged_between_two_tries_is_not_listed_again() -> None:
    table = Table()
    table.page("B", *"abcd")
    table.sent()
    table.now += 30_000
    (first,) = table.claims()
    assert [one.rule for one in first.listed] == ["b", "c", "d"]
    table.say(said(What.ACK, rule="b", at=table.now, by="C"))
    table.settle(first, Event.TEMPORARY)
    table.say(said(What.ACK, rule="c", at=table.now, by="C"))
    table.now += 1_000
    (second,) = table.claims()
    assert second.row == first.row
    assert [one.rule for one in second.listed] == ["d"]
    table.say(said(What.ACK, rule="d", at=table.now, by="C"))
    table.settle(second, Event.TEMPORARY)
    table.now += 30_000
    assert table.claims() == []
    assert set(table.states().values()) == {"delivered", "cancelled"}
    assert table.db.execute(
        "SELECT DISTINCT state FROM outbox WHERE notice = 'summary'"
    ).fetchall() == [("cancelled",)]


def test_news_of_an_alarm_goes_to_who_was_told_of_it_in_a_list_and_to_nobody_else() -> None:
    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.say(said(What.ALL_CLEAR, "B", rule="b", at=table.now))
    assert table.sent() == []
    table.now += 30_000
    assert table.sent() == [("c",)]
    table.say(said(What.ALL_CLEAR, "B", rule="c", at=table.now))
    assert table.sent() == [("c",)]


def test_a_list_that_is_refused_goes_on_page_by_page_and_together() -> None:
    table = Table()
    table.page("A", *"abc")
    table.sent()
    table.now += 30_000
    (by_sms,) = table.claims()
    assert (by_sms.way.channel, len(by_sms.listed)) == ("sms", 2)
    (line,) = table.settle(by_sms, Event.PERMANENT)
    assert "page to A by sms about b failed" in line
    assert "so for 1 more in that summary" in line
    (by_mail,) = table.claims()
    assert (by_mail.way.channel, [one.rule for one in by_mail.listed]) == ("mail", ["b", "c"])
    assert by_mail.row != by_sms.row


@pytest.mark.parametrize("delivered", [True, False])
def test_what_a_provider_says_later_counts_for_all_that_were_listed(*, delivered: bool) -> None:
    table = Table()
    table.page("A", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    table.settle(taken, Event.ACCEPT)
    assert table.states()["b"] == table.states()["c"] == "accepted"
    receipt(table.db, taken.row, PEOPLE, delivered=delivered, now=table.now, pace=PACE)
    listed = [("delivered" if delivered else "failed")] * 2
    rows = table.db.execute("SELECT state FROM outbox WHERE summary = ?", (taken.row,))
    assert [state for (state,) in rows] == listed
    assert [one.way.channel for one in table.claims()] == ([] if delivered else ["mail"])


def test_without_a_receipt_the_list_goes_by_the_next_channel() -> None:
    table = Table()
    table.page("A", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    table.settle(taken, Event.ACCEPT)
    table.now += 60_000
    upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
    (again,) = table.claims()
    assert (again.way.channel, len(again.listed)) == ("mail", 2)


def test_a_list_whose_sender_died_is_sent_again_and_said_so_once() -> None:
    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.now += 30_000
    (lost,) = table.claims()
    table.now += PACE.lease_ms
    lines = upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
    assert len(lines) == 1
    assert "a message to B about several alarms was under way" in lines[0]
    (again,) = table.claims()
    assert (again.row, again.may_repeat, len(again.listed)) == (lost.row, True, 2)


def test_a_list_never_grows_too_old() -> None:
    table = Table()
    table.page("B", *"abc")
    table.sent()
    table.now += 30_000
    (taken,) = table.claims()
    table.settle(taken, Event.TEMPORARY)
    table.now += 48 * 3_600_000
    upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
    assert len(table.sent()[0]) == 2


def test_a_clock_set_back_holds_no_page_for_longer() -> None:
    table = Table()
    table.page("B", "a")
    table.sent()
    table.now -= 3_600_000
    table.page("B", "b")
    assert table.sent() == [("b",)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("page"), st.sampled_from("ABC"), st.sampled_from("pqrst")),
        st.tuples(st.just("ack"), st.sampled_from("pqrst")),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("send"), st.sampled_from([*Event][1:5])),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_no_page_is_lost_and_none_waits_too_long(
    steps: list[tuple[object, ...]],
) -> None:
    table = Table()
    for step in [*steps, *[("wait", 61), ("send", Event.RECEIPT)] * 8]:
        match step:
            case ("page", str(to), str(rule)):
                table.page(to, rule)
            case ("ack", str(rule)):
                table.say(said(What.ACK, rule=rule, at=table.now, by="C"))
            case ("wait", int(seconds)):
                table.now += seconds * 1_000
                upkeep(table.db, (), PEOPLE, seen=SEEN, now=table.now, pace=PACE)
            case ("send", Event() as event):
                for taken in table.claims():
                    # No page leaves that was acknowledged, and none twice in one list.
                    rows = [one.row for one in taken.listed]
                    assert len(set(rows)) == len(rows) != 1 or taken.tries > 1
                    table.settle(taken, event)
                held = table.db.execute(
                    "SELECT max(? - queued) FROM outbox WHERE notice = 'page' AND held = 1"
                    " AND tries = 0 AND state = 'queued'",
                    (table.now,),
                ).fetchone()[0]
                assert held is None or held < PACE.bundle_ms
    left = table.db.execute(
        "SELECT rule, state FROM outbox o WHERE notice = 'page' AND NOT ("
        " state IN ('delivered', 'cancelled') OR (state = 'accepted') OR (state = 'failed' AND"
        " EXISTS (SELECT 1 FROM outbox n WHERE n.history = o.history AND n.id > o.id)))"
    ).fetchall()
    assert left == []

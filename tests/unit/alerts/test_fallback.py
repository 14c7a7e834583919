"""A channel that does not answer, or asks for patience, does not hold up the next one."""

import pytest

from alerts.attempts import Sightings, is_past
from alerts.delivery import Event
from alerts.dispatch import Verdict, settle
from alerts.outbox import Bounds
from alerts.pace import Pace
from alerts.transition import What
from tests.unit.alerts.desk import Desk, Provider, page, said  # a test's own
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.table import PACE, PEOPLE, Table  # a test's own

HASTY = Pace(lease_ms=30_000, answer_ms=50, again_ms=100, skew_ms=0)
BOUNDS = Bounds(idle_s=0.05, send_s=5.0)


def events(desk: Desk, row: int) -> list[str]:
    return [step.event for step in desk.logged(row)]


async def test_a_channel_that_hangs_is_left_under_way_and_the_next_one_is_tried_beside_it(
    desk: Desk,
) -> None:
    sms, mail = Provider("wait"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, pace=HASTY, bounds=BOUNDS):
        await desk.say(page("A"))
        await until(lambda: len(mail.took) == 1)
        assert desk.states()[0] == ("A", "sms", "claimed")
        assert mail.took[0].may_repeat
        assert mail.took[0].subject.startswith("(repeat?)")
        sms.let_go.set()
        await desk.rest(2)
    # It ended well after all; nothing more is sent.
    assert desk.states() == [("A", "sms", "accepted"), ("A", "mail", "delivered")]
    assert (len(sms.asked), len(mail.asked)) == (1, 1)
    assert events(desk, desk.rows()[0].row) == ["claim", "no answer yet", "provider accepts"]
    (line,) = desk.troubles
    assert line == ("sms does not answer: the page to A about inc1-temp-high goes by mail as well")


@pytest.mark.parametrize("ends", ["cut off", "slow error"])
async def test_what_went_on_beside_is_not_tried_again_on_the_channel_that_hung(
    desk: Desk, ends: str
) -> None:
    sms, mail = Provider(ends), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, pace=HASTY, bounds=BOUNDS):
        await desk.say(page("A"))
        await until(lambda: len(mail.took) == 1)
        sms.let_go.set()
        await desk.rest(2)
    assert desk.states() == [("A", "sms", "failed"), ("A", "mail", "delivered")]
    assert len(sms.asked) == 1


def test_when_all_channels_hang_the_last_of_them_is_tried_on() -> None:
    table = Table()
    table.page("A", "a")
    (by_sms,) = table.claims()
    table.now += 10_000
    table.keep(slow={by_sms.attempt})
    (by_mail,) = table.claims()
    table.now += 10_000
    assert table.keep(slow={by_mail.attempt}) == []
    table.settle(by_sms, Event.TEMPORARY)
    table.settle(by_mail, Event.TEMPORARY)
    table.now += 1_000
    (again,) = table.claims()
    assert (again.way.channel, again.tries, again.may_repeat) == ("mail", 2, True)


async def test_the_only_channel_of_a_person_is_tried_on_though_it_hangs(desk: Desk) -> None:
    mail = Provider("wait")
    async with desk.sending({"mail": mail}, pace=HASTY, bounds=BOUNDS):
        await desk.say(page("B"))
        await until(lambda: mail.at_once == 1)
        begun = desk.now()
        await until(lambda: desk.now() > begun + 3 * HASTY.answer_ms)
        mail.let_go.set()
        await desk.rest(1)
    assert desk.states() == [("B", "mail", "accepted")]
    assert not desk.rows()[0].may_repeat


async def test_an_acknowledgement_stops_the_second_way(desk: Desk) -> None:
    sms, mail = Provider("wait"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, pace=HASTY, bounds=BOUNDS):
        await desk.say(page("A"))
        await until(lambda: sms.at_once == 1)
        await desk.say(said(What.ACK, by="B", why="acknowledged by B"))
        begun = desk.now()
        await until(lambda: desk.now() > begun + 3 * HASTY.answer_ms)
        assert mail.asked == []
        sms.let_go.set()
        await desk.rest(1)


async def test_who_may_have_it_twice_is_told_the_end_once(desk: Desk) -> None:
    sms, mail = Provider("wait"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, pace=HASTY, bounds=BOUNDS):
        await desk.say(page("A"))
        await until(lambda: len(mail.took) == 1)
        sms.let_go.set()
        await desk.rest(2)
        await desk.say(said(What.ALL_CLEAR, "A"))
        await desk.rest(3)
    assert [m.kind for m in sms.took + mail.took].count("all_clear") == 1


async def test_the_news_waits_for_a_page_that_is_under_way_beside_another(desk: Desk) -> None:
    sms, mail = Provider("wait"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, pace=HASTY, bounds=BOUNDS):
        await desk.say(page("A"))
        await until(lambda: len(mail.took) == 1)
        await desk.say(said(What.ALL_CLEAR, "A"))
        begun = desk.now()
        await until(lambda: desk.now() > begun + 3 * HASTY.answer_ms)
        assert [message.kind for message in sms.asked] == ["page"]
        sms.let_go.set()
        await desk.rest(3)
    assert [message.kind for message in sms.asked] == ["page", "all_clear"]


async def test_after_a_crash_both_of_them_are_marked(desk: Desk) -> None:
    sms, mail = Provider("hang"), Provider("hang")
    pace = Pace(lease_ms=200, answer_ms=50, skew_ms=0)
    async with desk.sending({"sms": sms, "mail": mail}, pace=pace, bounds=BOUNDS):
        await desk.say(page("A"))
        await until(lambda: mail.at_once == 1)
    assert desk.states() == [("A", "sms", "claimed"), ("A", "mail", "claimed")]
    async with desk.sending({"sms": sms, "mail": mail}, pace=pace, bounds=BOUNDS):
        await desk.rest(2)
    assert [message.may_repeat for message in sms.took + mail.took] == [True, True]


def test_a_summary_that_hangs_goes_on_as_a_summary() -> None:
    table = Table()
    table.page("A", *"abc")
    assert table.sent() == [("a",)]
    table.now += 30_000
    (hangs,) = table.claims()
    assert [one.rule for one in hangs.listed] == ["b", "c"]
    table.now += 10_000
    (line,) = table.keep(slow={hangs.attempt})
    assert line.endswith("goes by mail as well; so for 1 more in that summary")
    (beside,) = table.claims()
    assert (beside.way.channel, beside.may_repeat) == ("mail", True)
    assert [one.rule for one in beside.listed] == ["b", "c"]
    table.settle(beside)
    table.settle(hangs, Event.TEMPORARY)
    table.now += 60_000
    assert table.claims() == []
    assert table.counted() == {"delivered": 4, "failed": 2, "cancelled": 1}


@pytest.mark.parametrize(
    ("asked_ms", "goes_on"),
    [
        pytest.param(None, False, id="its own back-off"),
        pytest.param(20_000, False, id="just within"),
        pytest.param(20_001, True, id="longer than one channel may take"),
    ],
)
def test_a_provider_that_asks_for_patience_gets_it_where_there_is_no_other(
    asked_ms: int | None, *, goes_on: bool
) -> None:
    table = Table()
    table.page("A", "a")
    table.page("B", "a")
    by_mail, by_sms = table.claims()
    later = Verdict(event=Event.TEMPORARY, note="429", retry_after_ms=asked_ms)
    for taken in (by_mail, by_sms):
        settle(table.db, taken, later, PEOPLE, now=table.now, pace=PACE)
    # Ben has one channel, Ada two.
    assert [taken.way.person for taken in (by_mail, by_sms)] == ["B", "A"]
    assert [one.way.channel for one in table.claims()] == (["mail"] if goes_on else [])
    table.now += asked_ms or 1_000
    retried = [(one.way.person, one.way.channel, one.tries) for one in table.claims()]
    assert retried == ([("B", "mail", 2)] if goes_on else [("B", "mail", 2), ("A", "sms", 2)])


def test_what_another_sender_dated_is_over_by_every_clock_or_seen_for_long_enough() -> None:
    pace = Pace(lease_ms=30_000, skew_ms=30_000)

    def over(due: int, seen_ms: int) -> bool:
        return is_past(due, now=0, pace=pace, seen_ms=seen_ms, within_ms=30_000)

    # Its clock may be 30 s behind or ahead of this one's.
    assert not over(-29_999, 0)
    assert over(-30_000, 0)
    assert not over(90_000, 0)
    assert over(90_001, 0)
    assert not over(60_000, 29_999)
    assert over(60_000, 30_000)


def test_a_sighting_begins_anew_when_a_thing_was_gone() -> None:
    now = 0
    seen = Sightings(lambda: now)
    assert seen.look("attempt", ["a"]) == {"a": 0}
    now = 10
    assert seen.look("receipt", ["a"]) == {"a": 0}
    assert seen.look("attempt", ["a", "b"]) == {"a": 10, "b": 0}
    now = 20
    assert seen.look("attempt", ["b"]) == {"b": 10}
    assert seen.look("attempt", ["a"]) == {"a": 0}
    assert seen.look("receipt", ["a"]) == {"a": 10}

"""Pages reach people, whatever providers do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alerts.delivery import Delivery
from alerts.notice import Notice
from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Bounds
from alerts.pace import Pace
from alerts.policy import Person
from alerts.reader import AlarmReader
from alerts.transition import What
from tests.unit.alerts.desk import (  # a test's own
    PEOPLE,
    QUICK,
    Desk,
    Provider,
    opened,
    page,
    said,
)
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as found:
        yield found


async def test_a_page_goes_to_the_first_channel_and_is_recorded(desk: Desk) -> None:
    sms, mail = Provider(), Provider()
    async with desk.sending({"sms": sms, "mail": mail}):
        await desk.say(page("A"))
        await desk.rest(1)
    (row,) = desk.rows()
    assert (row.person, row.channel, row.state) == ("A", "sms", Delivery.DELIVERED)
    assert (row.notice, row.tries, row.may_repeat) == (Notice.PAGE, 1, False)
    assert row.handed is not None
    assert row.handed >= row.queued >= row.arrived
    assert [message.person for message in sms.took] == ["A"]
    assert mail.asked == []
    steps = desk.logged(row.row)
    assert [(step.was, step.became) for step in steps] == [
        ("queued", "claimed"),
        ("claimed", "delivered"),
    ]
    assert len({step.attempt for step in steps}) == 1


async def test_a_provider_that_fails_three_times_gets_one_message_at_the_fourth(
    desk: Desk,
) -> None:
    # Scenario 80.
    sms = Provider("error", "error", "error")
    async with desk.sending({"sms": sms}):
        await desk.say(page("A"))
        await desk.rest(1)
    (row,) = desk.rows()
    assert (row.state, row.tries) == (Delivery.DELIVERED, 4)
    assert len(sms.took) == 1
    assert len({message.id for message in sms.asked}) == 1
    assert desk.troubles == []


async def test_a_permanent_error_goes_on_with_the_next_channel_at_once(desk: Desk) -> None:
    sms, mail = Provider("refuse"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}):
        await desk.say(page("A"))
        await desk.rest(2)
    assert desk.states() == [("A", "sms", "failed"), ("A", "mail", "delivered")]
    first, second = desk.rows()
    assert second.queued - first.queued < 5_000
    (line,) = desk.troubles
    assert "550 no such user" in line
    assert "going on with A by mail" in line
    with AlarmReader(desk.path) as reader:
        assert [text for _, text in reader.troubles()] == desk.troubles


async def test_when_all_channels_of_a_person_fail_the_next_person_is_told_at_once_and_why(
    desk: Desk,
) -> None:
    sms, mail = Provider(rest="refuse"), Provider("refuse")
    async with desk.sending({"sms": sms, "mail": mail}):
        await desk.say(page("A"))
        await desk.rest(3)
    assert desk.states()[-1] == ("B", "mail", "delivered")
    (told,) = mail.took
    assert told.person == "B"
    assert "Ada could not be reached by mail" in told.text


async def test_when_nobody_can_be_reached_it_is_said_and_tried_again_until_somebody_is(
    desk: Desk,
) -> None:
    down = Provider(*["refuse"] * 6)
    async with desk.sending({"sms": down, "mail": down}):
        await desk.say(page("A"))
        await until(lambda: len(down.took) == 1)
        await desk.rest()
    tried = [(row.person, row.channel) for row in desk.rows()]
    assert tried[:4] == [("A", "sms"), ("A", "mail"), ("B", "mail"), ("C", "mail")]
    assert tried[4] == ("A", "sms")
    assert any(line.startswith("NOBODY COULD BE REACHED") for line in desk.troubles)


async def test_a_person_who_is_not_known_does_not_hold_up_the_alarm(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}):
        await desk.say(page("Z"))
        await until(lambda: len(mail.took) == 1)
        await desk.rest()
    assert mail.took[0].person == "A"


async def test_used_up_credit_moves_all_that_is_queued_there(desk: Desk) -> None:
    sms, mail = Provider("quota", rest="refuse"), Provider()
    for occurrence in range(1, 6):
        await desk.say(page("A", occurrence=occurrence))
    async with desk.sending({"sms": sms, "mail": mail}, bounds=Bounds(per_channel=1, idle_s=0.05)):
        await desk.rest(10)
    assert len(sms.asked) == 1
    assert len(mail.took) == 5


async def test_without_a_receipt_the_next_channel_is_tried_and_the_first_row_is_kept(
    desk: Desk,
) -> None:
    # Scenario 82.
    sms, mail = Provider(rest="accept"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, pace=Pace(receipt_ms=100, lease_ms=30_000)):
        await desk.say(page("A"))
        await until(lambda: len(desk.rows()) == 2)
        await desk.rest()
    assert desk.states() == [("A", "sms", "accepted"), ("A", "mail", "delivered")]


async def test_a_receipt_in_time_ends_it(desk: Desk) -> None:
    sms, mail = Provider(rest="accept"), Provider()
    async with desk.sending(
        {"sms": sms, "mail": mail}, pace=Pace(receipt_ms=300, lease_ms=30_000)
    ) as outbox:
        await desk.say(page("A"))
        await until(lambda: desk.states() == [("A", "sms", "accepted")])
        await outbox.receipt(desk.rows()[0].row, delivered=True)
        accepted = desk.rows()[0].handed
        assert accepted is not None
        await until(lambda: desk.now() > accepted + 400)
    assert desk.states() == [("A", "sms", "delivered")]
    assert mail.asked == []


async def test_a_message_reported_as_undelivered_goes_on_with_the_next_channel(
    desk: Desk,
) -> None:
    sms, mail = Provider(rest="accept"), Provider()
    async with desk.sending({"sms": sms, "mail": mail}) as outbox:
        await desk.say(page("A"))
        await until(lambda: desk.states() == [("A", "sms", "accepted")])
        row = desk.rows()[0].row
        await outbox.receipt(row, delivered=False, note="30003 unreachable")
        await desk.rest(2)
        assert desk.states() == [("A", "sms", "failed"), ("A", "mail", "delivered")]
        await outbox.receipt(row, delivered=True)
    assert desk.states()[0] == ("A", "sms", "delivered")


async def test_a_receipt_for_no_row_is_nothing(desk: Desk) -> None:
    async with desk.sending({}) as outbox:
        await outbox.receipt(99, delivered=True)
    assert desk.rows() == []


async def test_an_acknowledgement_cancels_what_nobody_has_claimed(desk: Desk) -> None:
    # Scenario 93.
    await desk.say(page("A"), page("B"))
    await desk.say(said(What.ACK, by="C", why="acknowledged by C"))
    sms, mail = Provider(), Provider()
    async with desk.sending({"sms": sms, "mail": mail}):
        await desk.rest(2)
    assert [row.state for row in desk.rows()] == [Delivery.CANCELLED] * 2
    assert [row.over for row in desk.rows()] == ["acknowledged by C"] * 2
    assert sms.asked == mail.asked == []


async def test_who_has_not_been_paged_gets_no_news_and_no_all_clear(desk: Desk) -> None:
    await desk.say(page("A"), page("B"))
    mail = Provider()
    async with desk.sending({"mail": mail}):
        await until(lambda: [m.person for m in mail.took] == ["A", "B"] or len(mail.took) == 2)
    await desk.say(page("C"))
    await desk.say(
        said(What.ACK, by="B"), said(What.NOTICE, "A", why="Ben has it"), said(What.NOTICE, "C")
    )
    await desk.say(*[said(What.ALL_CLEAR, person) for person in "ABC"])
    mail = Provider()
    async with desk.sending({"mail": mail, "sms": Provider(rest="refuse")}):
        await desk.rest()
    told = [(m.person, m.kind) for m in mail.took]
    assert sorted(told) == [("A", "all_clear"), ("A", "news"), ("B", "all_clear")]


async def test_a_page_under_way_at_the_acknowledgement_is_finished_before_the_news(
    desk: Desk,
) -> None:
    mail = Provider("wait")
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await until(lambda: len(mail.asked) == 1)
        await desk.say(said(What.ACK, by="A"), said(What.NOTICE, "B", why="Ada has it"))
        assert [row.state for row in desk.rows()] == [Delivery.CLAIMED, Delivery.QUEUED]
        mail.let_go.set()
        await desk.rest(2)
    assert [message.kind for message in mail.took] == ["page", "news"]


async def test_a_page_that_fails_after_the_acknowledgement_is_not_tried_again(
    desk: Desk,
) -> None:
    mail = Provider("slow error")
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await until(lambda: len(mail.asked) == 1)
        await desk.say(said(What.ACK, by="A"), said(What.NOTICE, "B", why="Ada has it"))
        mail.let_go.set()
        await desk.rest(2)
    assert [row.state for row in desk.rows()] == [Delivery.CANCELLED] * 2
    assert mail.took == []


async def test_who_stood_in_is_told_the_end_too(desk: Desk) -> None:
    sms, mail = Provider(rest="refuse"), Provider("refuse")
    async with desk.sending({"sms": sms, "mail": mail}):
        await desk.say(page("A"))
        await desk.rest(3)
        await desk.say(said(What.ACK, by="C"), said(What.NOTICE, "A", why="Cid has it"))
        await desk.say(said(What.CLEAR), said(What.ALL_CLEAR, "A"))
        await desk.rest()
    told = [(message.person, message.kind) for message in mail.took]
    assert told == [("B", "page"), ("B", "news"), ("B", "all_clear")]


async def test_each_person_gets_one_closing_message(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"), page("C"))
        await desk.say(page("B", activation=2))
        await desk.rest()
        await desk.say(said(What.ALL_CLEAR, "B"), said(What.ALL_CLEAR, "C"))
        await desk.say(said(What.ALL_CLEAR, "B"))
        await desk.rest()
    closing = [message.person for message in mail.took if message.kind == "all_clear"]
    assert sorted(closing) == ["B", "C"]


async def test_a_newer_page_stands_for_those_that_could_not_be_sent(desk: Desk) -> None:
    for activation in range(1, 11):
        await desk.say(page("B", activation=activation))
    mail = Provider()
    async with desk.sending({"mail": mail}):
        await desk.rest(10)
    assert len(mail.took) == 1
    assert [row.state for row in desk.rows()] == [Delivery.CANCELLED] * 9 + [Delivery.DELIVERED]


async def test_the_gravest_goes_first(desk: Desk) -> None:
    for number, severity in enumerate(["low", "critical", "medium", "high"], start=1):
        await desk.say(page("B", occurrence=number, severity=severity))
    mail = Provider()
    async with desk.sending({"mail": mail}, bounds=Bounds(per_channel=1, idle_s=0.05)):
        await desk.rest(4)
    assert [m.severity for m in mail.took] == ["critical", "high", "medium", "low"]


async def test_a_slow_provider_holds_up_no_other_and_no_more_than_its_slots(desk: Desk) -> None:
    sms, mail = Provider(rest="wait"), Provider()
    for occurrence in range(1, 31):
        await desk.say(page("A", occurrence=occurrence), page("B", occurrence=occurrence))
    bounds = Bounds(per_channel=8, per_person=4, idle_s=0.05)
    async with desk.sending({"sms": sms, "mail": mail}, pace=Pace(lease_ms=30_000), bounds=bounds):
        await until(lambda: len(mail.took) == 30)
        assert sms.most_at_once == 4
        assert mail.most_at_once <= 4
        sms.let_go.set()
        await desk.rest(60)
    assert len(sms.took) == 30


async def test_a_hand_over_that_hangs_is_given_up_and_tried_again(desk: Desk) -> None:
    mail = Provider("hang")
    async with desk.sending({"mail": mail}, bounds=Bounds(send_s=0.05, idle_s=0.05)):
        await desk.say(page("B"))
        await until(lambda: len(mail.took) == 1)
        await desk.rest(1)
    # Nobody knows how far the first try came.
    assert mail.took[0].may_repeat
    (row,) = desk.rows()
    assert (row.state, row.tries, row.may_repeat) == (Delivery.DELIVERED, 2, True)


async def test_a_page_cut_off_before_its_answer_may_have_arrived_and_is_treated_so(
    desk: Desk,
) -> None:
    mail = Provider("cut off")
    mail.let_go.set()
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await desk.rest(1)
        await desk.say(said(What.ALL_CLEAR, "B"))
        await desk.rest(2)
    assert [message.may_repeat for message in mail.took] == [True, False]
    assert "(repeat?)" in mail.took[0].subject


async def test_who_may_have_a_page_that_was_cut_off_is_told_its_end(desk: Desk) -> None:
    mail = Provider("cut off")
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await until(lambda: mail.at_once == 1)
        await desk.say(said(What.ALL_CLEAR, "B"))
        mail.let_go.set()
        await until(lambda: len(mail.took) == 1)
        await desk.rest(2)
    assert mail.took[0].kind == "all_clear"


async def test_a_row_whose_sender_died_is_sent_again_and_marked(desk: Desk) -> None:
    # Scenario 71: the process ends after the provider has it and before that is written.
    mail = Provider("hang")
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await until(lambda: len(mail.asked) == 1)
    assert desk.states() == [("B", "mail", "claimed")]
    async with desk.sending({"mail": mail}):
        await desk.rest(1)
    (row,) = desk.rows()
    assert (row.state, row.may_repeat) == (Delivery.DELIVERED, True)
    (again,) = mail.took
    assert again.may_repeat
    assert again.subject.startswith("(repeat?)")
    assert "may be a repeat" in again.text
    became = [step.became for step in desk.logged(row.row)]
    assert became == ["claimed", "unknown", "queued", "claimed", "delivered"]


async def test_a_lease_that_runs_out_on_a_living_sender_does_not_double_the_page(
    desk: Desk,
) -> None:
    mail = Provider("wait")
    async with desk.sending({"mail": mail}, pace=QUICK):
        await desk.say(page("B"))
        await until(lambda: len(mail.asked) == 1)
        begun = desk.now()
        await until(lambda: desk.now() > begun + 3 * QUICK.lease_ms)
        mail.let_go.set()
        await desk.rest(1)
    assert len(mail.asked) == 1
    assert not desk.rows()[0].may_repeat


async def test_two_senders_on_one_store_send_each_row_once(desk: Desk) -> None:
    # Scenario 75.
    for occurrence in range(1, 41):
        await desk.say(page("B", occurrence=occurrence), page("C", occurrence=occurrence))
    mail = Provider()
    other = Desk(desk.path, desk.store)
    quick = Pace(lease_ms=30_000)
    async with desk.sending({"mail": mail}, pace=quick), other.sending({"mail": mail}, pace=quick):
        await desk.rest(80)
    assert len(mail.took) == 80
    assert len({message.id for message in mail.took}) == 80


async def test_a_clock_set_back_does_not_hold_up_a_page(desk: Desk) -> None:
    hours = 5 * 3_600_000
    mail = Provider("error")
    ahead = 0

    def now() -> int:
        return desk.now() + ahead

    ahead = hours
    async with desk.sending({"mail": mail}, now=now, pace=Pace(lease_ms=30_000)):
        await desk.say(page("B"))
        await until(lambda: len(mail.asked) >= 1)
        ahead = 0
        await until(lambda: len(mail.took) == 1)
        await desk.rest(1)


async def test_news_that_is_a_day_old_is_not_told_and_a_page_never_grows_too_old(
    desk: Desk,
) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await desk.rest(1)
    old = desk.now() - 25 * 3_600_000
    await desk.say(said(What.NOTICE, "B", at=old))
    await desk.say(page("C", at=old))
    async with desk.sending({"mail": mail}):
        await desk.rest(3)
    assert [row.state for row in desk.rows()] == [
        Delivery.DELIVERED,
        Delivery.EXPIRED,
        Delivery.DELIVERED,
    ]


async def test_a_channel_that_is_not_set_up_here_is_passed_over(desk: Desk) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail}):
        await desk.say(page("A"))
        await desk.rest(2)
    assert desk.states() == [("A", "sms", "failed"), ("A", "mail", "delivered")]
    assert "no channel 'sms' that is set up here" in desk.troubles[0]


async def test_a_page_is_handed_to_a_real_mail_server(tmp_path: Path) -> None:
    postbox = Postbox()
    postbox.answers = ["451 greylisted", "250"]
    people = [*PEOPLE, Person(id="D", channels=("mail",), addresses={"mail": "d@lab.example"})]
    async with opened(tmp_path, people) as desk, serving(postbox) as port:
        server = MailServer(
            host="127.0.0.1", port=port, sender="watch@lab.example", security="none"
        )
        async with desk.sending({"mail": MailNotifier(server)}):
            await desk.say(page("D"))
            await desk.rest(1)
        (row,) = desk.rows()
    assert (row.state, row.tries) == (Delivery.ACCEPTED, 2)
    (mail,) = postbox.mails
    assert mail["To"] == "d@lab.example"
    assert mail["Subject"] == "CRITICAL inc1.temperature 38.10 °C (limit ≥ 38.00 °C)"


async def test_a_message_that_kills_its_sender_again_and_again_takes_another_way(
    desk: Desk,
) -> None:
    await desk.say(page("B"))
    await desk.store.write(lambda db: db.execute("UPDATE outbox SET tries = 10").rowcount)
    mail = Provider()
    async with desk.sending({"mail": mail, "sms": mail}):
        await desk.rest(2)
    assert [(message.person, message.kind) for message in mail.took] == [("A", "page")]
    assert "the sender died 10 times" in desk.troubles[0]


async def test_what_follows_it_to_the_same_person_may_be_a_repeat_too(tmp_path: Path) -> None:
    both = {"mail": "d@lab.example", "sms": "+1 555 0100"}
    people = [*PEOPLE, Person(id="D", channels=("mail", "sms"), addresses=both)]
    taker = Provider()
    async with opened(tmp_path, people) as desk:
        await desk.say(page("D"))
        died = "UPDATE outbox SET tries = 10, may_repeat = 1"
        await desk.store.write(lambda db: db.execute(died).rowcount)
        async with desk.sending({"mail": taker, "sms": taker}):
            await desk.rest(2)
    (message,) = taker.took
    assert (message.person, message.address, message.may_repeat) == ("D", both["sms"], True)


async def test_a_second_burst_does_not_overrun_the_slots_of_a_person(desk: Desk) -> None:
    mail = Provider(rest="wait")
    bounds = Bounds(per_channel=16, per_person=4, idle_s=0.02)
    async with desk.sending({"mail": mail}, pace=Pace(lease_ms=30_000), bounds=bounds):
        for occurrence in range(1, 4):
            await desk.say(page("B", occurrence=occurrence))
        await until(lambda: len(mail.asked) == 3)
        for occurrence in range(4, 10):
            await desk.say(page("B", occurrence=occurrence))
        await until(lambda: len(mail.asked) == 4)
        mail.let_go.set()
        await desk.rest(9)
    assert mail.most_at_once == 4


async def test_ending_leaves_no_task_behind(desk: Desk) -> None:
    mail = Provider(rest="hang")
    async with desk.sending({"mail": mail}):
        await desk.say(page("B"))
        await until(lambda: len(mail.asked) == 1)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("send")]


async def test_where_nothing_waits_and_nobody_else_queues_it_rests_until_it_is_woken(
    desk: Desk,
) -> None:
    mail = Provider()
    bounds = Bounds(idle_s=0.01, quiet_s=30.0)
    async with desk.sending({"mail": mail}, pace=Pace(skew_ms=0), bounds=bounds) as outbox:
        await until(lambda: outbox.turned_s is not None)
        looked_s = outbox.turned_s
        # Ten of its shorter rests.
        await asyncio.sleep(0.1)
        assert outbox.turned_s == looked_s
        await desk.say(page("B"))
        await desk.rest(1)
    assert len(mail.took) == 1


async def test_beside_another_sender_it_looks_for_itself(desk: Desk) -> None:
    mail = Provider()
    bounds = Bounds(idle_s=0.01, quiet_s=30.0)
    async with desk.sending({"mail": mail}, pace=Pace(), bounds=bounds) as outbox:
        await until(lambda: outbox.turned_s is not None)
        # Queued by the other, who cannot wake this one.
        desk.outbox = None
        await desk.say(page("B"))
        await desk.rest(1)
    assert len(mail.took) == 1


async def test_a_row_that_is_due_later_goes_then_without_being_woken(desk: Desk) -> None:
    mail = Provider("error")
    bounds = Bounds(idle_s=0.01, quiet_s=30.0)
    async with desk.sending({"mail": mail}, pace=Pace(skew_ms=0), bounds=bounds):
        await desk.say(page("B"))
        await desk.rest(1)
    assert len(mail.asked) == 2

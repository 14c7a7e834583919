"""Who was paged is told the end, once each; nobody else hears of it."""

from alerts.delivery import Delivery
from alerts.transition import What
from tests.unit.alerts.desk import (  # a test's own
    Desk,
    Provider,
    page,
    said,
)
from tests.unit.alerts.mail_server import until  # a test's own


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

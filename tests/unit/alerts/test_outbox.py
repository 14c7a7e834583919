"""Pages reach people, whatever providers do."""

from pathlib import Path

from alerts.delivery import Delivery
from alerts.notice import Notice
from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Bounds
from alerts.pace import Pace
from alerts.policy import Person
from alerts.reader import AlarmReader
from tests.unit.alerts.desk import (  # a test's own
    PEOPLE,
    Desk,
    Provider,
    opened,
    page,
)
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own


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

"""Pages whose sender is cut off, dies or is overtaken go again, and say what may be a repeat."""

from pathlib import Path

from alerts.delivery import Delivery
from alerts.pace import Pace
from alerts.policy import Person
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
from tests.unit.alerts.mail_server import until  # a test's own


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

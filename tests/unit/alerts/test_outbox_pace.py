"""What goes first, how many at once, and when the outbox rests."""

import asyncio

from alerts.delivery import Delivery
from alerts.outbox import Bounds
from alerts.pace import Pace
from tests.unit.alerts.desk import (  # a test's own
    Desk,
    Provider,
    page,
)
from tests.unit.alerts.mail_server import until  # a test's own


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

"""Pages from memory: each goes out once, and the store learns which did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alerts.directory import Way
from alerts.emergency import Emergency
from alerts.page import Composer
from alerts.store import Caused
from tests.unit.alerts.desk import CHANNELS, Provider, directory, page  # a test's own
from tests.unit.alerts.mail_server import until  # a test's own


@asynccontextmanager
async def sending(
    mail: Provider, troubles: list[str], *, again_s: float = 30.0, bound_s: float = 10.0
) -> AsyncIterator[Emergency]:
    emergency = Emergency(
        {"mail": mail},
        Composer(directory(), CHANNELS),
        directory(),
        again_s=again_s,
        bound_s=bound_s,
        on_trouble=troubles.append,
    )
    task = asyncio.create_task(emergency.run(), name="emergency under test")
    try:
        yield emergency
    finally:
        task.cancel()
        await asyncio.wait([task])


def pages() -> tuple[Caused, Caused]:
    """Two alarms of one entry of the journal, to one person."""
    first = page("C", rule="inc1-co2-low", channel="inc1.co2")
    return Caused(7, first.at, first), Caused(7, first.at, page("C"))


async def test_of_two_pages_of_one_entry_the_one_that_failed_is_not_taken_as_sent() -> None:
    first, second = pages()
    mail, troubles = Provider("refuse", rest="accept"), list[str]()
    async with sending(mail, troubles) as emergency:
        emergency.take([first, second])
        await until(lambda: len(mail.took) == 1)
        await until(lambda: emergency.handed(second) is not None)
        assert emergency.handed(second) == Way("C", "mail")
        assert emergency.handed(first) is None
    assert "NOBODY COULD BE REACHED about inc1-co2-low" in troubles[-1]


async def test_what_was_sent_is_remembered_until_the_disk_has_it() -> None:
    first, second = pages()
    mail = Provider(rest="accept")
    async with sending(mail, []) as emergency:
        emergency.take([first, second])
        await until(lambda: emergency.handed(second) is not None)
        # Asked within a transaction, which the full disk then undoes.
        assert emergency.handed(first) == emergency.handed(first) == Way("C", "mail")
        emergency.stored([first])
        assert emergency.handed(first) is None
        assert emergency.handed(second) is not None
    assert len({message.id for message in mail.took}) == 2


async def test_what_the_disk_has_by_now_is_left_to_the_outbox() -> None:
    first, second = pages()
    mail = Provider("wait", rest="accept")
    async with sending(mail, []) as emergency:
        emergency.take([first, second])
        await until(lambda: mail.at_once == 1)
        emergency.stored([first, second])
        mail.let_go.set()
        await until(lambda: len(mail.took) == 1)
        third = Caused(8, first.arrived, page("B"))
        emergency.take([third])
        await until(lambda: emergency.handed(third) is not None)
    assert [message.person for message in mail.took] == ["C", "B"]


async def test_a_page_that_no_way_takes_is_tried_until_one_does() -> None:
    (first, _), troubles = pages(), list[str]()
    mail = Provider("error", "error", rest="accept")
    async with sending(mail, troubles, again_s=0.01) as emergency:
        emergency.take([first])
        await until(lambda: emergency.handed(first) is not None)
    assert [message.person for message in mail.took] == ["C"]
    assert sum("NOBODY COULD BE REACHED" in line for line in troubles) == 2


async def test_a_page_that_no_way_takes_is_let_go_when_the_disk_has_it() -> None:
    (first, _), troubles = pages(), list[str]()
    mail = Provider(rest="error")
    async with sending(mail, troubles, again_s=0.05) as emergency:
        emergency.take([first])
        await until(lambda: any("NOBODY" in line for line in troubles))
        emergency.stored([first])
        asked = len(mail.asked)
        second = Caused(8, first.arrived, page("B"))
        mail.rest = "accept"
        emergency.take([second])
        await until(lambda: emergency.handed(second) is not None)
    assert [message.person for message in mail.asked[asked:]] == ["B"]


async def test_a_person_whose_channel_hangs_holds_up_nobody_else_and_is_bounded() -> None:
    first, _ = pages()
    other = Caused(8, first.arrived, page("B"))
    mail = Provider("wait", rest="accept")
    async with sending(mail, []) as emergency:
        emergency.take([first, other])
        await until(lambda: emergency.handed(other) is not None)
        assert emergency.handed(first) is None
        mail.let_go.set()
        await until(lambda: emergency.handed(first) is not None)
    hung, troubles = Provider("hang", rest="accept"), list[str]()
    async with sending(hung, troubles, bound_s=0.02, again_s=0.02) as emergency:
        emergency.take([first])
        await until(lambda: emergency.handed(first) is not None)
    assert any(line.startswith("page from memory to C by mail: ") for line in troubles)

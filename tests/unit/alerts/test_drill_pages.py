"""Drills go their own way at once, are marked, and keep no real page waiting."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alerts.drills import drilled
from alerts.pace import Pace
from alerts.transition import Transition, What
from tests.unit.alerts.desk import (  # a test's own
    PEOPLE,
    RULE,
    Provider,
    page,
)
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.night_desk import NIGHT, NightDesk, opened


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[NightDesk]:
    async with opened(tmp_path) as found:
        yield found


def drill(to: str, channel: str, id_: str = "d1") -> Transition:
    return Transition(
        at=NIGHT,
        what=What.DRILL,
        rule=f"drill:{id_}",
        to=to,
        why="monthly drill",
        by="M",
        command=id_,
        detail={"channel": channel},
    )


async def test_97_a_drill_goes_to_its_channel_at_once_and_is_marked_before_all(
    desk: NightDesk,
) -> None:
    mail = Provider()
    async with desk.sending({"mail": mail, "sms": Provider()}, now=desk.now):
        await desk.say(drill("A", "mail"))
        await desk.rest(1)
    (message,) = mail.took
    assert message.subject.startswith("DRILL")
    assert (message.kind, message.rule, message.asks) == ("drill", "drill:d1", True)
    assert "nothing is wrong and nothing is at risk" in message.text


async def test_97_a_drill_that_fails_stays_on_its_channel_and_its_result_is_kept(
    desk: NightDesk,
) -> None:
    mail, sms = Provider(), Provider("refuse")
    async with desk.sending({"mail": mail, "sms": sms}, now=desk.now):
        await desk.say(drill("A", "sms"))
        await desk.rest(1)
    assert mail.asked == []
    (found,) = await desk.store.write(drilled)
    assert (found.person, found.channel, found.answered) == ("A", "sms", None)
    assert (found.state, found.error) == ("failed", "550 no such user")


async def test_97_a_drill_under_way_keeps_no_real_page_waiting_and_marks_none(
    tmp_path: Path,
) -> None:
    sms = Provider("wait", "deliver")
    async with opened(tmp_path, PEOPLE) as desk, desk.sending({"sms": sms}, now=desk.now):
        for number in range(6):
            await desk.say(drill("A", "sms", f"d{number}"))
        await until(lambda: len(sms.asked) == 1)
        await desk.say(page("A", at=NIGHT))
        await until(lambda: len(sms.took) == 1)
        assert (sms.took[0].kind, sms.took[0].rule) == ("page", RULE.id)
        assert sms.took[0].subject.startswith("CRITICAL")
        assert "drill" not in sms.took[0].text.lower()
        sms.let_go.set()
        await desk.rest(7)
    assert [m.kind for m in sms.took[1:]] == ["drill"] * 6


async def test_97_of_what_waits_the_real_page_goes_first(tmp_path: Path) -> None:
    sms = Provider()
    async with opened(tmp_path, PEOPLE) as desk:
        for number in range(20):
            await desk.say(drill("A", "sms", f"d{number}"))
        await desk.say(page("A", severity="advisory", at=NIGHT))
        async with desk.sending({"sms": sms}, now=desk.now):
            await desk.rest(21)
    assert sms.asked[0].kind == "page"


async def test_a_possible_repeat_of_a_drill_is_still_marked_as_one_first(
    tmp_path: Path,
) -> None:
    sms = Provider()
    async with opened(tmp_path, PEOPLE) as desk:
        await desk.say(drill("A", "sms"))
        await desk.store.write(lambda db: db.execute("UPDATE outbox SET may_repeat = 1").rowcount)
        async with desk.sending({"sms": sms}, now=desk.now, pace=Pace()):
            await desk.rest(1)
    assert sms.took[0].subject.startswith("DRILL")
    assert "may be a repeat" in sms.took[0].text

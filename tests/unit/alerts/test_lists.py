"""One message for several alarms, and quiet hours: from the engine's word to the phone."""

from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from alerts.delivery import Delivery
from alerts.policy import Person, Quiet
from alerts.transition import Listed, Transition, What
from alerts.trouble import oldest_page_ms, unsent
from tests.unit.alerts.desk import (  # a test's own
    PEOPLE,
    RULE,
    Provider,
    page,
)
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.night_desk import MORNING, NIGHT, SLEEPERS, NightDesk, opened, told


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[NightDesk]:
    async with opened(tmp_path) as found:
        yield found


def handover(to: str, *take: tuple[str, int], know: Iterable[tuple[str, int]] = ()) -> Transition:
    def listed(alarms: Iterable[tuple[str, int]]) -> str:
        return msgspec.json.encode([Listed(*alarm) for alarm in alarms]).decode()

    return Transition(
        at=NIGHT,
        what=What.HANDOVER,
        to=to,
        severity="critical",
        why="you are on call from now on after A",
        by="rota",
        detail={"take": listed(take), "know": listed(know)},
    )


async def test_91_below_the_bound_nothing_is_sent_until_the_quiet_hours_end(
    desk: NightDesk,
) -> None:
    mail, sms = Provider(), Provider()
    async with desk.sending({"sms": sms, "mail": mail}, now=desk.now) as outbox:
        await desk.stands("U")
        await desk.say(told(What.SET, ""), told(What.QUEUED, "A"))
        await desk.say(page("A", rule="other", severity="high", at=NIGHT))
        await until(lambda: len(sms.took) == 1)
        assert sms.took[0].rule == "other"
        desk.clock = MORNING - 1
        outbox.wake()
        await desk.rest(1)
        desk.clock = MORNING
        outbox.wake()
        await until(lambda: len(sms.took) == 2)
        await desk.rest(3)
    digest = sms.took[1]
    assert not digest.asks
    assert (digest.kind, digest.subject) == ("digest", "Digest: 1 thing during quiet hours")
    assert f"MEDIUM {RULE.id} #1" in digest.text
    assert "active, nobody has it, since 2026-01-06 02:00:00 UTC, 38.10 °C" in digest.text
    assert "Do now: close the door; move the plates to inc2" in digest.text
    assert f"Acknowledge: culturewatch alarm ack {RULE.id}" in digest.text
    assert mail.asked == []


async def test_91_what_is_over_by_then_is_told_and_asks_for_nothing(desk: NightDesk) -> None:
    sms = Provider()
    async with desk.sending({"sms": sms}, now=desk.now) as outbox:
        await desk.stands("U")
        await desk.say(told(What.SET, ""), told(What.QUEUED, "A"))
        await desk.say(told(What.ACK, "", by="B"), told(What.NOTICE, "A", why="B has it"))
        await desk.say(told(What.CLEAR, ""), told(What.ALL_CLEAR, "A", why="back to normal"))
        await desk.stands("N")
        assert desk.rows() == []
        desk.clock = MORNING
        outbox.wake()
        await until(lambda: len(sms.took) == 1)
        await desk.rest(1)
    text = sms.took[0].text
    assert "over" in text
    assert "acknowledged by Ben" in text
    assert "Acknowledge:" not in text


async def test_91_news_of_an_alarm_nobody_was_told_of_stays_untold(desk: NightDesk) -> None:
    async with desk.sending({"sms": Provider()}, now=desk.now) as outbox:
        await desk.say(told(What.NOTICE, "A", why="B has it"))
        desk.clock = MORNING
        outbox.wake()
        await desk.rest(1)
    assert [(row.state, row.over) for row in desk.rows()] == [
        (Delivery.CANCELLED, "was never paged")
    ]


async def test_91_critical_is_not_touched_whatever_the_bound(tmp_path: Path) -> None:
    quiet = Quiet(from_="00:00", to="00:00", below="critical")
    people = [Person(id="A", channels=("sms",), quiet=quiet)]
    sms = Provider()
    async with opened(tmp_path, people) as desk, desk.sending({"sms": sms}, now=desk.now):
        await desk.say(page("A", severity="critical", at=NIGHT))
        await desk.say(page("A", rule="other", severity="high", at=NIGHT))
        await desk.rest(1)
    assert [message.rule for message in sms.took] == [RULE.id]


async def test_91_what_is_held_outlives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        await desk.stands("U")
        await desk.say(told(What.SET, ""), told(What.QUEUED, "A"))
        await desk.say(told(What.QUEUED, "B", rule="other"))
    sms, mail = Provider(), Provider()
    async with opened(tmp_path) as desk:
        desk.clock = MORNING + 3_600_000
        async with desk.sending({"sms": sms, "mail": mail}, now=desk.now):
            await until(lambda: bool(sms.took and mail.took))
            await desk.rest()
    assert [m.person for m in (*sms.took, *mail.took)] == ["A", "B"]


async def test_a_clock_that_was_set_back_holds_nothing_for_ever(desk: NightDesk) -> None:
    sms = Provider()
    async with desk.sending({"sms": sms}, now=desk.now) as outbox:
        await desk.say(told(What.QUEUED, "A"))
        desk.clock = NIGHT - 48 * 3_600_000
        outbox.wake()
        await until(lambda: len(sms.took) == 1)
        await desk.rest()


async def test_88_the_list_is_one_message_with_history_and_a_way_to_acknowledge_each(
    tmp_path: Path,
) -> None:
    mail = Provider()
    ways = {"mail": mail, "sms": Provider()}
    async with opened(tmp_path, PEOPLE) as desk, desk.sending(ways, now=desk.now):
        await desk.stands("U")
        await desk.stands("A", rule="inc2-temp-high")
        await desk.say(told(What.SET, "", why="38.1 °C for 5m"), told(What.QUEUED, "A"))
        await desk.say(told(What.SET, "", rule="inc2-temp-high"))
        await desk.say(told(What.ACK, "", rule="inc2-temp-high", by="A", why="going there"))
        await desk.say(
            told(What.QUEUED, "C", detail={"in": "handover"}),
            handover("C", (RULE.id, 1), know=[("inc2-temp-high", 1)]),
        )
        await until(lambda: len(mail.took) == 1)
        await desk.rest()
        # With the list C was paged: news and the closing message follow.
        await desk.say(told(What.NOTICE, "C", why="A has it"))
        await desk.say(told(What.ALL_CLEAR, "C"))
        await until(lambda: len(mail.took) == 3)
        await desk.rest()
    first = mail.took[0]
    assert first.asks
    assert (first.kind, first.person, first.severity) == ("handover", "C", "critical")
    assert first.subject == "Hand-over: you are on call from now on after A; 1 to acknowledge"
    text = first.text
    assert "set: 38.1 °C for 5m" in text
    assert "told Ada" in text
    assert text.count("Acknowledge:") == 1
    assert text.index(RULE.id) < text.index("inc2-temp-high")
    assert "active, acknowledged by Ben" in text
    assert "acknowledged by Ada: going there" in text
    assert [m.kind for m in mail.took[1:]] == ["news", "all_clear"]


async def test_lists_of_one_moment_for_one_person_go_as_one(tmp_path: Path) -> None:
    mail = Provider()
    async with opened(tmp_path, PEOPLE) as desk:
        await desk.stands("U")
        await desk.stands("U", rule="inc2-temp-high")
        await desk.say(handover("C", (RULE.id, 1)), handover("C", ("inc2-temp-high", 1)))
        async with desk.sending({"mail": mail}, now=desk.now):
            await desk.rest()
    assert [m.subject.endswith("2 to acknowledge") for m in mail.took] == [True]


async def test_somebody_else_of_the_policy_stands_in_for_who_cannot_be_reached(
    tmp_path: Path,
) -> None:
    sms, mail = Provider(rest="refuse"), Provider("refuse")
    async with opened(tmp_path, PEOPLE) as desk:
        await desk.stands("U")
        async with desk.sending({"sms": sms, "mail": mail}, now=desk.now):
            await desk.say(handover("A", (RULE.id, 1)))
            await until(lambda: len(mail.took) == 1)
            await desk.rest()
    assert (mail.took[0].person, mail.took[0].kind) == ("B", "handover")
    pages = [row for row in desk.rows() if row.notice.value == "page"]
    assert [(row.person, row.rule) for row in pages] == [("B", RULE.id)]


async def test_91_who_stands_in_has_quiet_hours_too(tmp_path: Path) -> None:
    people = (PEOPLE[0], *SLEEPERS[1:])
    sms, mail = Provider(rest="refuse"), Provider("refuse")
    async with opened(tmp_path, people) as desk:
        await desk.stands("U")
        async with desk.sending({"sms": sms, "mail": mail}, now=desk.now) as outbox:
            await desk.say(told(What.QUEUED, "A"))
            await until(lambda: len(mail.asked) == 1)
            later = "B hears of it when their quiet hours are over"
            await until(lambda: any(line.endswith(later) for line in desk.troubles))
            desk.clock = MORNING
            outbox.wake()
            await until(lambda: len(mail.took) == 1)
            await desk.rest()
    assert (mail.took[0].kind, mail.took[0].person) == ("digest", "B")


async def test_a_page_waits_from_when_it_was_first_queued_on_any_way(tmp_path: Path) -> None:
    sms, mail = Provider("refuse"), Provider("wait")
    async with opened(tmp_path, PEOPLE) as desk:
        await desk.stands("U")
        assert await desk.store.write(partial(oldest_page_ms, now=desk.now())) == 0
        await desk.say(told(What.QUEUED, "A"))
        desk.clock += 20_000
        async with desk.sending({"sms": sms, "mail": mail}, now=desk.now):
            await until(lambda: len(sms.asked) + len(mail.asked) == 2)
            desk.clock += 5_000
            assert await desk.store.write(partial(oldest_page_ms, now=desk.now())) == 25_000
            mail.let_go.set()
            await until(lambda: bool(mail.took))
            await desk.rest()
        assert await desk.store.write(partial(oldest_page_ms, now=desk.now())) == 0


async def test_a_list_that_is_not_handed_over_for_a_minute_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, PEOPLE) as desk:
        await desk.stands("U")
        await desk.say(handover("C", (RULE.id, 1)))
        desk.clock += 60_000
        waiting, line = await desk.store.write(partial(unsent, now=desk.now()))
        assert await desk.store.write(partial(oldest_page_ms, now=desk.now())) == 60_000
    assert waiting == 1
    assert line.startswith("1 pages have not been handed over for more than 60 s")


async def test_88_the_list_says_what_is_shelved_and_why(tmp_path: Path) -> None:
    mail = Provider()
    async with opened(tmp_path, PEOPLE) as desk:
        await desk.stands("U", shelved="being mended")
        await desk.say(handover("C", know=[(RULE.id, 1)]))
        async with desk.sending({"mail": mail}, now=desk.now):
            await desk.rest()
    assert "active, nobody has it (shelved: being mended)" in mail.took[0].text
    assert "Acknowledge:" not in mail.took[0].text
    assert [row.notice.value for row in desk.rows()] == ["handover"]

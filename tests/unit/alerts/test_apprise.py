"""Everything else through Apprise: its JSON service against a server on loopback."""

import logging

import pytest

from alerts.notify.apprise import AppriseNotifier, understands
from alerts.notify.notifier import PermanentError, Sent, TemporaryError
from tests.unit.alerts.http_provider import DROP, HttpProvider, answer, page  # a test's own

HIDDEN = "hunter2-and-more"


async def sent(
    provider: HttpProvider, *, to: str = "chat", more: str = "", **words: object
) -> Sent:
    async with provider.serving() as url:
        address = url.replace("http://", f"json://ada:{HIDDEN}@") + f"/hook/{HIDDEN}{more}"
        return await AppriseNotifier({"chat": address, "odd": f"nope://{HIDDEN}"}).send(
            page(to, **words)
        )


async def test_a_page_is_handed_over_and_no_more_is_known() -> None:
    provider = HttpProvider(answer(200))
    assert await sent(provider) == Sent(delivered=False)
    (asked,) = provider.asked
    assert asked.target.startswith("/hook")
    assert asked.json["title"] == "CRITICAL inc1.temperature 38.50 °C"
    assert "close the door & wait" in asked.json["message"]
    assert asked.json["type"] == "failure"


@pytest.mark.parametrize(
    ("kind", "severity", "word"), [("page", "high", "warning"), ("all_clear", "critical", "info")]
)
async def test_the_kind_follows_the_severity(kind: str, severity: str, word: str) -> None:
    provider = HttpProvider(answer(200))
    await sent(provider, kind=kind, severity=severity)
    assert provider.asked[0].json["type"] == word


@pytest.mark.parametrize("said", [answer(500), answer(403), answer(429), DROP])
async def test_what_was_not_taken_is_tried_again(
    said: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TemporaryError, match="'chat'") as caught:
        await sent(HttpProvider(said))
    assert HIDDEN not in str(caught.value)
    assert HIDDEN not in caplog.text


async def test_a_slow_service_is_not_waited_for() -> None:
    with pytest.raises(TemporaryError):
        await sent(HttpProvider("hang"), more="?rto=0.2")


async def test_nobody_is_sent_elsewhere() -> None:
    elsewhere = HttpProvider(answer(200))
    async with elsewhere.serving() as there:
        moved = answer(302, headers={"Location": f"{there}/x"})
        with pytest.raises(TemporaryError):
            await sent(HttpProvider(moved))
    assert elsewhere.asked == []


@pytest.mark.parametrize("to", ["nobody", "odd", ""])
async def test_what_apprise_does_not_know_is_final(to: str) -> None:
    provider = HttpProvider(answer(200))
    with pytest.raises(PermanentError, match="no address of that name that it knows") as caught:
        await sent(provider, to=to)
    assert provider.asked == []
    assert HIDDEN not in str(caught.value)


def test_an_address_is_understood_without_asking_anybody() -> None:
    assert understands("json://localhost")
    assert understands("tgram://123456789:abcdefg_hijklmnop-QRSTUVWXYZ123456789/12315544/")
    assert not understands("nope://x")
    assert not understands("")

"""Pushover: emergencies, their receipts and cancellation (pushover.net/api, /api/receipts)."""

import pytest

from alerts.notify.http import open_http
from alerts.notify.notifier import PermanentError, QuotaError, Receipts, TemporaryError, Word
from alerts.notify.pushover import PushoverNotifier, PushoverSettings
from tests.unit.alerts.http_provider import HttpProvider, answer, page  # a test's own

USER = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"
RECEIPT = "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"
REQUEST = "647d2300-702c-4b38-8b2f-d56326ae460b"
ACCEPTED = {"status": 1, "request": REQUEST, "receipt": RECEIPT}
STANDING = {
    "status": 1,
    "acknowledged": 0,
    "acknowledged_at": 0,
    "acknowledged_by": "",
    "acknowledged_by_device": "",
    "last_delivered_at": 1_360_001_238,
    "expired": 0,
    "expires_at": 1_360_019_290,
    "called_back": 0,
    "called_back_at": 0,
    "request": REQUEST,
}


async def sent(provider: HttpProvider, **more: object) -> str:
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        settings = PushoverSettings(api=url, retry_s=30, expire_s=10_800)
        notifier = PushoverNotifier(http, "app-token", settings)
        result = await notifier.send(page(USER, **more))
    assert not result.delivered
    return result.provider_id


async def polled(*answers: bytes, provider_id: str = RECEIPT) -> tuple[Word, HttpProvider]:
    provider = HttpProvider(*answers)
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        notifier = PushoverNotifier(http, "app-token", PushoverSettings(api=url))
        assert isinstance(notifier, Receipts)
        return await notifier.poll(provider_id), provider


async def test_a_critical_page_insists_until_somebody_acknowledges() -> None:
    provider = HttpProvider(answer(200, ACCEPTED))
    assert await sent(provider) == RECEIPT
    (asked,) = provider.asked
    assert (asked.method, asked.target) == ("POST", "/1/messages.json")
    form = asked.form
    assert (form["token"], form["user"]) == ("app-token", USER)
    assert (form["priority"], form["retry"], form["expire"]) == ("2", "30", "10800")
    assert form["title"] == "CRITICAL inc1.temperature 38.50 °C"
    assert form["url"] == "https://lab.example/ack/t0ken"


@pytest.mark.parametrize(
    ("kind", "severity", "priority"),
    [("page", "high", "1"), ("page", "medium", "1"), ("all_clear", "critical", "0")],
)
async def test_what_is_less_does_not_insist(kind: str, severity: str, priority: str) -> None:
    provider = HttpProvider(answer(200, {"status": 1, "request": REQUEST}))
    assert await sent(provider, kind=kind, severity=severity, link="") == REQUEST
    form = provider.asked[0].form
    assert form["priority"] == priority
    assert not {"retry", "expire", "url"} & set(form)


async def test_an_emergency_without_a_receipt_was_not_taken() -> None:
    with pytest.raises(TemporaryError, match="names no receipt"):
        await sent(HttpProvider(answer(200, {"status": 1, "request": REQUEST})))


async def test_what_pushover_does_not_take_is_cut() -> None:
    provider = HttpProvider(answer(200, ACCEPTED))
    await sent(provider, text="x" * 3_000, subject="s" * 300, link="https://x/" + "t" * 600)
    form = provider.asked[0].form
    assert len(form["message"]) == 1_024
    assert len(form["title"]) == 250
    # A link that is cut opens nothing.
    assert "url" not in form


async def test_a_refusal_says_what_pushover_says() -> None:
    said = {
        "user": "invalid",
        "errors": ["user identifier is not a valid user, group, or subscribed user key"],
        "status": 0,
        "request": REQUEST,
    }
    with pytest.raises(PermanentError, match="user identifier is not a valid user"):
        await sent(HttpProvider(answer(400, said)))


async def test_the_quota_of_the_month_is_told_apart() -> None:
    said = {"errors": ["application is over its monthly message quota"], "status": 0}
    with pytest.raises(QuotaError, match="this month are used up"):
        await sent(HttpProvider(answer(429, said)))


@pytest.mark.parametrize(
    ("retry_s", "expire_s"), [(29, 3_600), (30, 10_801), (60, 30), (30, 29), (0, 60)]
)
def test_what_pushover_does_not_allow_is_refused(retry_s: int, expire_s: int) -> None:
    with pytest.raises(ValueError, match="with Pushover"):
        PushoverSettings(retry_s=retry_s, expire_s=expire_s)


async def test_a_receipt_is_asked_for_as_documented() -> None:
    word, provider = await polled(answer(200, STANDING))
    (asked,) = provider.asked
    assert (asked.method, asked.target) == ("GET", f"/1/receipts/{RECEIPT}.json?token=app-token")
    # It was tried; whether a phone has it is not said.
    assert word == Word()


async def test_an_acknowledgement_says_who_and_when() -> None:
    said = STANDING | {
        "acknowledged": 1,
        "acknowledged_at": 1_360_019_238,
        "acknowledged_by": USER,
        "acknowledged_by_device": "phone",
    }
    word, _ = await polled(answer(200, said))
    assert word == Word(
        delivered=True, acknowledged_by=USER, acknowledged_at=1_360_019_238_000, over=True
    )


async def test_an_emergency_that_expired_is_over() -> None:
    word, _ = await polled(answer(200, STANDING | {"expired": 1}))
    assert word == Word(over=True)


async def test_what_has_no_receipt_is_not_asked_about() -> None:
    word, provider = await polled(answer(500), provider_id=REQUEST)
    assert word == Word(over=True)
    assert provider.asked == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer(404, {"errors": ["receipt not found"], "status": 0}), PermanentError),
        (answer(500, b"oops"), TemporaryError),
        (answer(200, b"oops"), TemporaryError),
        (answer(200, {"status": 1}), TemporaryError),
        (answer(200, STANDING | {"acknowledged": 2}), TemporaryError),
        (answer(200, STANDING | {"acknowledged": 1, "acknowledged_at": 10**15}), TemporaryError),
    ],
)
async def test_no_word_is_made_up(said: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await polled(said)


async def test_an_emergency_is_called_off_by_its_receipt() -> None:
    provider = HttpProvider(answer(200, {"status": 1, "request": REQUEST}))
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        notifier = PushoverNotifier(http, "app-token", PushoverSettings(api=url))
        await notifier.cancel(RECEIPT)
        await notifier.cancel(REQUEST)
    (asked,) = provider.asked
    assert (asked.method, asked.target) == ("POST", f"/1/receipts/{RECEIPT}/cancel.json")
    assert asked.form == {"token": "app-token"}

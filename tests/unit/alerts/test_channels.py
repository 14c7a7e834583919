"""What holds for every channel over HTTP, whatever the provider answers, or does not."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from alerts.notify.http import LARGEST_ANSWER, HttpClient, open_http
from alerts.notify.notifier import (
    Notifier,
    PermanentError,
    QuotaError,
    SendError,
    Sent,
    TemporaryError,
)
from alerts.notify.ntfy import NtfyNotifier
from alerts.notify.pushover import PushoverNotifier, PushoverSettings
from alerts.notify.teams import TeamsNotifier
from alerts.notify.twilio import SmsNotifier, TwilioAccount, TwilioApi, VoiceNotifier
from alerts.notify.webhook import WebhookNotifier
from tests.unit.alerts.http_provider import (  # a test's own
    DROP,
    FLOOD,
    FLOODED,
    HANG,
    HttpProvider,
    answer,
    page,
)

pytestmark = pytest.mark.long

SECRET = "s3cret-and-more"  # noqa: S105 # of nobody
NUMBER = "+43660123456"


def twilio(http: HttpClient, url: str) -> TwilioApi:
    account = TwilioAccount(
        sid="AC" + "0" * 32, public_url="https://lab.example", sender="+1", caller="+1", api=url
    )
    return TwilioApi(http, account, SECRET)


MAKE: dict[str, Callable[[HttpClient, str], Notifier]] = {
    "sms": lambda http, url: SmsNotifier(twilio(http, url), lambda _: "KQ7GD"),
    "voice": lambda http, url: VoiceNotifier(twilio(http, url), lambda _: "t0ken"),
    "pushover": lambda http, url: PushoverNotifier(http, SECRET, PushoverSettings(api=url)),
    "ntfy": lambda http, url: NtfyNotifier(http, url, token=SECRET),
    "teams": lambda http, url: TeamsNotifier(http, {"lab": f"{url}/run?sig={SECRET}"}),
    "webhook": lambda http, _: WebhookNotifier(http, SECRET),
}
ADDRESS = {
    "sms": NUMBER,
    "voice": NUMBER,
    "pushover": "u" * 30,
    "ntfy": "lab-oncall",
    "teams": "lab",
}
EACH = pytest.mark.parametrize("channel", sorted(MAKE))


@asynccontextmanager
async def sending(
    channel: str, provider: HttpProvider, *, timeout_s: float = 5.0
) -> AsyncIterator[Callable[[], Awaitable[Sent]]]:
    async with provider.serving() as url, open_http(timeout_s=timeout_s) as http:
        notifier = MAKE[channel](http, url)
        address = ADDRESS.get(channel, f"{url}/hook?key={SECRET}")
        yield lambda: notifier.send(page(address))


async def refusal(channel: str, *answers: bytes | str, timeout_s: float = 5.0) -> SendError:
    """What sending on ``channel`` raises; no error tells a secret."""
    provider = HttpProvider(*answers)
    async with sending(channel, provider, timeout_s=timeout_s) as send:
        with pytest.raises(SendError) as caught:
            await send()
    assert len(provider.asked) == 1
    assert SECRET not in str(caught.value)
    return caught.value


@EACH
@pytest.mark.parametrize("status", [408, 500, 502, 503])
async def test_a_provider_in_trouble_is_worth_another_try(channel: str, status: int) -> None:
    error = await refusal(channel, answer(status, b"<html>oops</html>", kind="text/html"))
    assert isinstance(error, TemporaryError)
    assert str(status) in str(error)


@EACH
async def test_too_many_requests_are_tried_again_when_the_provider_says(channel: str) -> None:
    error = await refusal(channel, answer(429, b"slow down", headers={"Retry-After": "7"}))
    if channel == "pushover":
        # pushover.net/api: 429 is the month's quota.
        assert isinstance(error, QuotaError)
    else:
        assert isinstance(error, TemporaryError)
        assert error.retry_after_s == 7.0


@EACH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
async def test_a_refusal_is_final(channel: str, status: int) -> None:
    error = await refusal(channel, answer(status, b"no"))
    assert isinstance(error, PermanentError)
    assert not isinstance(error, QuotaError)


@EACH
async def test_credit_that_is_used_up_is_told_apart(channel: str) -> None:
    assert isinstance(await refusal(channel, answer(402, b"pay")), QuotaError)


@EACH
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_nobody_is_sent_elsewhere_with_what_acknowledges(channel: str, status: int) -> None:
    elsewhere = HttpProvider(
        answer(200, {"sid": "SM1", "status": 1, "id": "x", "event": "message"})
    )
    async with elsewhere.serving() as url:
        error = await refusal(channel, answer(status, headers={"Location": f"{url}/there"}))
    assert isinstance(error, PermanentError)
    assert elsewhere.asked == []


@EACH
@pytest.mark.parametrize("behaviour", [HANG, DROP, b"this is not HTTP\r\n\r\n"])
async def test_no_answer_is_worth_another_try(channel: str, behaviour: bytes | str) -> None:
    error = await refusal(channel, behaviour, timeout_s=0.3)
    assert isinstance(error, TemporaryError)


@EACH
async def test_an_answer_that_drips_is_bounded_by_the_whole_time(channel: str) -> None:
    # A body that is promised and never ends.
    half = b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf"
    began = time.monotonic()
    assert isinstance(await refusal(channel, half, timeout_s=0.5), TemporaryError)
    assert time.monotonic() - began < 4


@EACH
async def test_a_flood_is_not_read_to_its_end(channel: str) -> None:
    provider = HttpProvider(FLOOD)
    async with sending(channel, provider) as send:
        if channel in {"teams", "webhook"}:
            await send()  # accepted: 200 is all they say
        else:
            with pytest.raises(TemporaryError):
                await send()
    # What was read, and what the kernel took in between.
    assert LARGEST_ANSWER <= provider.flooded < FLOODED / 2


@pytest.mark.parametrize("channel", ["sms", "voice", "pushover", "ntfy", "teams"])
async def test_a_portal_that_answers_in_the_providers_place_took_nothing(channel: str) -> None:
    portal = answer(200, b"<html>Please log in to the guest network</html>", kind="text/html")
    assert isinstance(await refusal(channel, portal), TemporaryError)


@EACH
async def test_nothing_that_is_logged_tells_a_secret(
    channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await refusal(channel, answer(500, b"oops"))
    assert SECRET not in caplog.text


@EACH
async def test_nobody_at_the_address_is_worth_another_try(channel: str) -> None:
    provider = HttpProvider(DROP)
    async with sending(channel, provider) as send:
        pass
    async with open_http() as http:
        notifier = MAKE[channel](http, provider.url)
        with pytest.raises(TemporaryError):
            await notifier.send(page(ADDRESS.get(channel, provider.url)))
    del send


async def test_a_secret_that_cannot_be_a_header_is_not_told() -> None:
    provider = HttpProvider(answer(200))
    async with provider.serving() as url, open_http() as http:
        with pytest.raises(PermanentError, match="not plain ASCII") as caught:
            await NtfyNotifier(http, url, token="hünter2").send(page("lab"))  # noqa: S106 # of nobody
    assert "nter2" not in str(caught.value)
    assert provider.asked == []

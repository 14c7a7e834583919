"""Messages and calls through Twilio, against a server that answers as its documentation says.

The answers are those of twilio.com/docs/messaging/api/message-resource,
twilio.com/docs/voice/api/call-resource and twilio.com/docs/api/errors.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.etree import ElementTree as ET

import pytest

from alerts.notify import twiml
from alerts.notify.http import HttpClient, open_http
from alerts.notify.notifier import Message, PermanentError, QuotaError, TemporaryError
from alerts.notify.twilio import (
    LONGEST_TEXT,
    SmsNotifier,
    TwilioAccount,
    TwilioApi,
    VoiceNotifier,
    text_of,
)
from tests.unit.alerts.http_provider import HttpProvider, answer, page  # a test's own

SID = "AC" + "a" * 32
MESSAGE = {"sid": "SM" + "1" * 32, "status": "queued", "error_code": None, "to": "+43660123456"}
CALL = {"sid": "CA" + "2" * 32, "status": "queued", "answered_by": None}
ADA = "+43660123456"


def api(http: HttpClient, url: str, sender: str = "+4366012345678") -> TwilioApi:
    account = TwilioAccount(
        sid=SID,
        public_url="https://lab.example",
        sender=sender,
        caller="+4366012345679",
        api=url,
    )
    return TwilioApi(http, account, "auth-token")


@asynccontextmanager
async def sms(
    provider: HttpProvider, *, sender: str = "+4366012345678", code: str = "KQ7GD"
) -> AsyncIterator[SmsNotifier]:
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        yield SmsNotifier(api(http, url, sender), lambda _: code)


@asynccontextmanager
async def voice(provider: HttpProvider, *, asks: bool = True) -> AsyncIterator[VoiceNotifier]:
    async with provider.serving() as url, open_http(timeout_s=2) as http:
        yield VoiceNotifier(api(http, url), lambda _: "t0ken" if asks else "")


def refused(code: int, status: int) -> bytes:
    """An error as Twilio's API gives it."""
    return answer(
        status,
        {
            "code": code,
            "message": "What Twilio says",
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
    )


async def test_a_message_is_made_as_documented() -> None:
    provider = HttpProvider(answer(201, MESSAGE))
    async with sms(provider) as notifier:
        await notifier.send(page(ADA))
    (asked,) = provider.asked
    assert (asked.method, asked.target) == ("POST", f"/2010-04-01/Accounts/{SID}/Messages.json")
    login = base64.b64encode(f"{SID}:auth-token".encode()).decode()
    assert asked.headers["authorization"] == f"Basic {login}"
    assert asked.form["To"] == ADA
    assert asked.form["From"] == "+4366012345678"
    assert "Do now: close the door & wait" in asked.form["Body"]
    assert asked.form["Body"].endswith("Reply KQ7GD to acknowledge.")
    # The part after # asks for another try when we could not take it; it is not sent to us.
    assert asked.form["StatusCallback"] == (
        "https://lab.example/twilio/message/page-7#rc=3&rp=5xx,ct,rt"
    )


async def test_accepted_is_not_delivered() -> None:
    async with sms(HttpProvider(answer(201, MESSAGE))) as notifier:
        sent = await notifier.send(page(ADA))
    assert sent.provider_id == MESSAGE["sid"]
    assert not sent.delivered
    async with voice(HttpProvider(answer(201, CALL))) as caller:
        called = await caller.send(page(ADA))
    assert called.provider_id == CALL["sid"]
    assert not called.delivered


async def test_a_messaging_service_sends_in_the_place_of_a_number() -> None:
    provider = HttpProvider(answer(201, MESSAGE))
    async with sms(provider, sender="MG" + "0" * 32) as notifier:
        await notifier.send(page(ADA))
    form = provider.asked[0].form
    assert form["MessagingServiceSid"] == "MG" + "0" * 32
    assert "From" not in form


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (14107, 400, TemporaryError),
        (20429, 429, TemporaryError),
        (21611, 400, TemporaryError),
        (30001, 400, TemporaryError),
        (20003, 401, PermanentError),
        (21211, 400, PermanentError),
        (21610, 400, PermanentError),
        (30003, 400, PermanentError),
        (30004, 400, PermanentError),
        (30005, 400, PermanentError),
        (30006, 400, PermanentError),
        (30007, 400, PermanentError),
        (30450, 403, PermanentError),
        (10001, 403, QuotaError),
        (30002, 403, QuotaError),
        (63038, 429, QuotaError),
        (99999, 400, PermanentError),
        (99999, 500, TemporaryError),
    ],
)
async def test_an_error_code_says_whether_to_try_again(
    code: int, status: int, kind: type[Exception]
) -> None:
    async with sms(HttpProvider(refused(code, status))) as notifier:
        with pytest.raises(kind, match=f"to A: Twilio answered {status} {code}") as caught:
            await notifier.send(page(ADA))
    # A quota is permanent as well; the others are exactly what they are.
    assert type(caught.value) is kind


async def test_the_wait_that_twilio_asks_for_is_kept() -> None:
    slow = answer(429, {"code": 20429, "message": "Too many"}, headers={"Retry-After": "3"})
    async with sms(HttpProvider(slow)) as notifier:
        with pytest.raises(TemporaryError) as caught:
            await notifier.send(page(ADA))
    assert caught.value.retry_after_s == 3.0


async def test_a_message_that_is_made_and_lost_at_once_was_not_sent() -> None:
    lost = answer(201, MESSAGE | {"status": "failed", "error_code": 30002})
    async with sms(HttpProvider(lost)) as notifier:
        with pytest.raises(QuotaError, match="suspended"):
            await notifier.send(page(ADA))


async def test_somebody_without_a_number_is_final() -> None:
    provider = HttpProvider(answer(201, MESSAGE))
    async with sms(provider) as notifier, voice(HttpProvider(b"")) as caller:
        for one in (notifier, caller):
            with pytest.raises(PermanentError, match="no number is known"):
                await one.send(page(""))
    assert provider.asked == []


def test_a_text_that_is_too_long_keeps_what_acknowledges() -> None:
    # 21617: The concatenated message body exceeds the 1600 character limit.
    long = page(ADA, text="x" * LONGEST_TEXT)
    text = text_of(long, "KQ7GD")
    assert len(text) <= 1_600
    assert text == (
        "CRITICAL inc1.temperature 38.50 °C\n(shortened)\nhttps://lab.example/ack/t0ken\n"
        "Reply KQ7GD to acknowledge."
    )
    assert text_of(page(ADA, text="warm", link=""), "") == "warm"


async def test_a_call_says_what_is_wrong_and_asks_for_a_key() -> None:
    provider = HttpProvider(answer(201, CALL))
    async with voice(provider) as notifier:
        await notifier.send(page(ADA))
    (asked,) = provider.asked
    assert asked.target == f"/2010-04-01/Accounts/{SID}/Calls.json"
    form = asked.form
    assert (form["To"], form["From"]) == (ADA, "+4366012345679")
    assert form["MachineDetection"] == "Enable"
    assert form["StatusCallbackEvent"] == "completed"
    assert form["StatusCallback"] == (
        "https://lab.example/twilio/call/page-7?asked=1#rc=3&rp=5xx,ct,rt"
    )
    script = ET.fromstring(form["Twiml"])  # noqa: S314 # of our own
    gathers = script.findall("Gather")
    assert gathers
    for gather in gathers:
        assert gather.attrib["action"] == "https://lab.example/twilio/key/page-7/t0ken"
        assert gather.attrib["numDigits"] == "1"
        assert gather.attrib["method"] == "POST"
        said = [say.text or "" for say in gather.findall("Say")]
        assert "close the door & wait" in said[0]
        # A link read out letter by letter helps nobody.
        assert "https" not in said[0]
        assert said[1] == "Press 1 to acknowledge."
    assert script[-1].text == "Nothing was acknowledged. Good bye."


async def test_news_is_told_and_asks_for_nothing() -> None:
    provider = HttpProvider(answer(201, CALL))
    news = page(ADA, kind="all_clear", text="All clear: inc1 37.0 °C\n", link="")
    async with voice(provider, asks=False) as notifier:
        await notifier.send(news)
    form = provider.asked[0].form
    assert "Gather" not in form["Twiml"]
    assert form["StatusCallback"].startswith("https://lab.example/twilio/call/page-7?asked=0")


@pytest.mark.parametrize(
    "text", ["<Say>&\"'", "a\x00\x0bb\ud83d", "x" * 10_000, "°≥", "&" * 10_000]
)
def test_what_people_typed_cannot_break_the_script(text: str) -> None:
    clean = text.encode("utf-8", "ignore").decode()
    for script in (
        twiml.asking(clean, "https://lab.example/twilio/key/page-7/" + "t" * 300),
        twiml.telling(clean),
        twiml.ending(clean),
        twiml.answering(clean),
    ):
        ET.fromstring(script)  # noqa: S314 # of our own
        assert len(script) <= twiml.LONGEST


def test_a_page_from_memory_is_sent_without_a_code() -> None:
    message: Message = page(ADA, id="memory-9-A")
    assert "Reply" not in text_of(message, "")

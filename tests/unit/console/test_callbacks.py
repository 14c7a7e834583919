"""What Twilio posts to the console: proven by its signature, then an act of the inbox."""

import base64
import hmac
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from msgspec.structs import replace

from alerts.notify.twilio_callback import Signatures
from alerts.policy import Person
from alerts.reader import AlarmReader
from alerts.reply_code import ReplyCodes
from alerts.token import TokenDesk, load_key
from console import acknowledge
from storage.entry import Command, Receipt
from storage.inbox import Act, Inbox
from tests.unit.console.lab import (
    RULE,
    Core,
    browser,
    core,
    incubator,
    settings,
    state_of,
)

pytestmark = pytest.mark.long

PUBLIC = "https://lab.example"
TOKEN = "12345"  # noqa: S105 # of Twilio's own examples
ADA, BEN = "+43660123456", "+43660999999"
PEOPLE = (
    Person(id="A", name="Ada", channels=("sms", "voice"), addresses={"sms": ADA, "voice": ADA}),
    Person(id="B", name="Ben", channels=("sms",), addresses={"sms": BEN}),
)
STATUS = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": ADA}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no core answers, nobody need wait for it for long."""
    monkeypatch.setattr(acknowledge, "ANSWER_S", 1.0)


@pytest.fixture
async def alarmed(tmp_path: Path) -> AsyncIterator[Core]:
    """A core with one alarm, of which a text message to A is queued."""
    async with core(tmp_path, people=PEOPLE) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        yield running


@pytest.fixture
async def client(tmp_path: Path, alarmed: Core) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 # the site must be there first
    told = replace(settings(tmp_path, public_url=PUBLIC), people=PEOPLE, twilio=Signatures(TOKEN))
    # As through a proxy: what the console sees is not the address that Twilio was given.
    async with browser(told, address="http://127.0.0.1:8440") as opened:
        yield opened


async def post(
    client: httpx.AsyncClient, path: str, form: Mapping[str, str], *, signature: str | None = None
) -> httpx.Response:
    """As Twilio does: signed over the public URL and the sorted form."""
    text = PUBLIC + path + "".join(name + form[name] for name in sorted(form))
    digest = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha1")).decode()
    given = digest if signature is None else signature
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if given:
        headers["X-Twilio-Signature"] = given
    return await client.post(path, content=urlencode(form), headers=headers)


def kept(data: Path) -> list[Act]:
    with Inbox(data) as inbox:
        return inbox.take()


def key_path(data: Path, *, occurrence: int = 1) -> str:
    desk = TokenDesk(load_key(data / "secrets" / "token.key"), used=lambda _: False)
    token = desk.make(person="A", rule=RULE.id, occurrence=occurrence, severity="critical")
    return f"/twilio/key/page-1/{token}"


def code(data: Path, *, person: str = "A", occurrence: int = 1) -> str:
    """As the core makes it for the first row of its outbox."""
    with AlarmReader(data / "alarms.db") as reader:
        arrived = reader.pages()[-1].arrived
    return ReplyCodes(load_key(data / "secrets" / "token.key")).make(
        message=f"page-1-{arrived}",
        person=person,
        rule=RULE.id,
        occurrence=occurrence,
        severity="critical",
    )


def reply(text: str, sender: str = ADA, sid: str = "SM9") -> dict[str, str]:
    return {"MessageSid": sid, "From": sender, "To": "+4366012345678", "Body": text}


@pytest.mark.parametrize("signature", ["", "nonsense", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
@pytest.mark.parametrize("what", ["message", "call", "key", "reply"])
async def test_what_twilio_did_not_sign_is_refused_and_changes_nothing(
    tmp_path: Path,
    client: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    signature: str,
    what: str,
) -> None:
    path, form = {
        "message": ("/twilio/message/page-1", STATUS),
        "call": ("/twilio/call/page-1?asked=1", {"CallSid": "CA1", "CallStatus": "busy"}),
        "key": (key_path(tmp_path), {"CallSid": "CA1", "Digits": "1"}),
        "reply": ("/twilio/reply", reply(code(tmp_path))),
    }[what]
    answer = await post(client, path, form, signature=signature)
    assert answer.status_code == 403
    assert kept(tmp_path) == []
    assert state_of(tmp_path) == "U"
    assert "did not sign was refused" in caplog.text
    # The path of a key holds a token.
    assert path not in caplog.text


async def test_a_signature_for_another_address_or_form_does_not_hold(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    signed = await post(client, "/twilio/message/page-1", STATUS)
    assert signed.status_code == 204
    good = signed.request.headers["x-twilio-signature"]
    for path, form in (
        ("/twilio/message/page-2", STATUS),
        ("/twilio/message/page-1?x=1", STATUS),
        ("/twilio/message/page-1", STATUS | {"MessageStatus": "failed"}),
    ):
        assert (await post(client, path, form, signature=good)).status_code == 403
    assert len(kept(tmp_path)) == 1


async def test_a_receipt_is_an_act_of_the_inbox_once(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    for _ in range(3):
        assert (await post(client, "/twilio/message/page-1", STATUS)).status_code == 204
    (receipt,) = kept(tmp_path)
    assert isinstance(receipt, Receipt)
    assert (receipt.provider, receipt.message, receipt.provider_id) == ("twilio", "page-1", "SM1")
    assert receipt.delivered


@pytest.mark.parametrize("status", ["queued", "sending", "sent"])
async def test_sent_is_no_receipt(tmp_path: Path, client: httpx.AsyncClient, status: str) -> None:
    form = STATUS | {"MessageStatus": status}
    assert (await post(client, "/twilio/message/page-1", form)).status_code == 204
    assert kept(tmp_path) == []


async def test_a_message_that_was_lost_says_why(tmp_path: Path, client: httpx.AsyncClient) -> None:
    form = STATUS | {"MessageStatus": "undelivered", "ErrorCode": "30006"}
    await post(client, "/twilio/message/page-1", form)
    (receipt,) = kept(tmp_path)
    assert isinstance(receipt, Receipt)
    assert not receipt.delivered
    assert receipt.note.startswith("undelivered: 30006 the number is a landline")


@pytest.mark.parametrize(
    ("asked", "form", "delivered", "note"),
    [
        (1, {"CallStatus": "completed", "AnsweredBy": "machine_start"}, False, "machine_start"),
        (1, {"CallStatus": "no-answer"}, False, "no-answer"),
        (0, {"CallStatus": "completed", "AnsweredBy": "human"}, True, ""),
    ],
)
async def test_the_end_of_a_call_without_a_key_is_no_delivery(
    tmp_path: Path,
    client: httpx.AsyncClient,
    asked: int,
    form: dict[str, str],
    note: str,
    *,
    delivered: bool,
) -> None:
    await post(client, f"/twilio/call/page-1?asked={asked}", {"CallSid": "CA1", **form})
    (receipt,) = kept(tmp_path)
    assert isinstance(receipt, Receipt)
    assert receipt.delivered == delivered
    assert note in receipt.note


async def test_key_one_acknowledges(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path = key_path(tmp_path)
    form = {"CallSid": "CA1", "Digits": "1", "AnsweredBy": "human"}
    async with alarmed.taking():
        answer = await post(client, path, form)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/xml")
        assert f"<Say>Acknowledged: {RULE.id}.</Say>" in answer.text
        again = await post(client, path, form)
        assert "used before" in again.text
    assert state_of(tmp_path) == "A"
    with AlarmReader(tmp_path / "alarms.db") as reader:
        acks = [r.transition for r in reader.history() if r.transition.what.value == "ack"]
    assert [(ack.by, ack.command.partition("-")[0]) for ack in acks] == [("A", "voice")]


async def test_a_key_says_that_the_call_reached_somebody(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    # The core is not taking: both wait in the inbox, in order.
    answer = await post(client, key_path(tmp_path), {"CallSid": "CA1", "Digits": "1"})
    assert "waits for the core" in answer.text
    receipt, ack = kept(tmp_path)
    assert isinstance(receipt, Receipt)
    assert receipt.delivered
    assert isinstance(ack, Command)
    assert (ack.verb, ack.by, ack.via) == ("ack", "A", "voice")
    assert ack.arguments == {"occurrence": "1", "severity": "critical"}


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "machine_end_other", "fax"])
async def test_83_a_mailbox_acknowledges_nothing(
    tmp_path: Path, client: httpx.AsyncClient, by: str
) -> None:
    form = {"CallSid": "CA1", "Digits": "1", "AnsweredBy": by}
    answer = await post(client, key_path(tmp_path), form)
    assert "Nothing was acknowledged" in answer.text
    assert kept(tmp_path) == []


async def test_another_key_is_asked_again(tmp_path: Path, client: httpx.AsyncClient) -> None:
    path = key_path(tmp_path)
    answer = await post(client, path, {"CallSid": "CA1", "Digits": "5"})
    assert f'action="{PUBLIC}{path}"' in answer.text
    assert [type(act) for act in kept(tmp_path)] == [Receipt]


async def test_a_key_for_another_occurrence_is_refused_with_the_reason(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    async with alarmed.taking():
        path = key_path(tmp_path, occurrence=7)
        answer = await post(client, path, {"CallSid": "CA1", "Digits": "1"})
    assert "Not acknowledged: inc1-temp-high: that was for occurrence 7" in answer.text
    assert state_of(tmp_path) == "U"


async def test_a_token_that_was_not_made_here_acknowledges_nothing(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    form = {"CallSid": "CA1", "Digits": "1"}
    answer = await post(client, "/twilio/key/page-1/forged", form)
    assert "this call does not count" in answer.text
    assert [type(act) for act in kept(tmp_path)] == [Receipt]


async def test_a_code_in_a_reply_acknowledges_once(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    text = f"ack {code(tmp_path).lower()} thanks"
    async with alarmed.taking():
        answer = await post(client, "/twilio/reply", reply(text))
        assert f"<Message>Acknowledged: {RULE.id}.</Message>" in answer.text
        again = await post(client, "/twilio/reply", reply(text, sid="SM10"))
        assert "used before" in again.text
    assert state_of(tmp_path) == "A"
    with AlarmReader(tmp_path / "alarms.db") as reader:
        acks = [r.transition for r in reader.history() if r.transition.what.value == "ack"]
    assert [(ack.by, ack.command.partition("-")[0]) for ack in acks] == [("A", "sms")]


async def test_a_code_from_somebody_elses_phone_acknowledges_nothing(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    answer = await post(client, "/twilio/reply", reply(code(tmp_path), sender=BEN))
    assert "no page to this number has that code" in answer.text
    assert kept(tmp_path) == []


async def test_a_stranger_is_not_answered(tmp_path: Path, client: httpx.AsyncClient) -> None:
    answer = await post(client, "/twilio/reply", reply(code(tmp_path), sender="+15005550006"))
    assert answer.text.endswith("<Response></Response>")
    assert kept(tmp_path) == []


async def test_who_guesses_is_not_heard_any_more(
    tmp_path: Path, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(5):
        answer = await post(client, "/twilio/reply", reply("CCCCC", sid=f"SM{n}"))
        assert "no page to this number has that code" in answer.text
    answer = await post(client, "/twilio/reply", reply(code(tmp_path)))
    assert "too many wrong codes" in answer.text
    assert kept(tmp_path) == []
    assert "too many wrong codes" in caplog.text
    # Others are heard as before.
    answer = await post(client, "/twilio/reply", reply("CCCCC", sender=BEN))
    assert "no page to this number has that code" in answer.text


async def test_a_machine_that_answers_is_not_talked_to_all_night(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    said = [
        (await post(client, "/twilio/reply", reply("I am driving", sid=f"SM{n}"))).text
        for n in range(12)
    ]
    assert ["there is no code in it" in text for text in said] == [True] * 10 + [False] * 2
    # Talk is no guess: the code still counts.
    answer = await post(client, "/twilio/reply", reply(code(tmp_path)))
    assert "taken in" in answer.text
    assert len(kept(tmp_path)) == 1


async def test_an_old_code_has_expired(tmp_path: Path, client: httpx.AsyncClient) -> None:
    with closing(sqlite3.connect(tmp_path / "alarms.db")) as db, db:
        db.execute("UPDATE outbox SET queued = queued - ?", (24 * 3_600_000,))
    answer = await post(client, "/twilio/reply", reply(code(tmp_path)))
    assert "this code has expired" in answer.text
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "path", ["/twilio/message/page-1", "/twilio/call/page-1", "/twilio/reply", "/twilio/key/p/t"]
)
async def test_opening_an_address_does_nothing(
    tmp_path: Path, client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 405
    assert kept(tmp_path) == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=1&" * 500, b""])
async def test_what_is_no_form_is_refused(
    tmp_path: Path, client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await client.post("/twilio/message/page-1", content=body)
    assert answer.status_code in {400, 403}
    assert kept(tmp_path) == []


async def test_a_receipt_that_cannot_be_kept_is_to_be_posted_again(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    (tmp_path / "inbox.db").write_bytes(b"this is a letter to my aunt\n" * 500)
    assert (await post(client, "/twilio/message/page-1", STATUS)).status_code == 503


async def test_without_twilio_there_is_nothing_to_post_to(tmp_path: Path) -> None:
    async with core(tmp_path), browser(settings(tmp_path, public_url=PUBLIC)) as client:
        assert (await post(client, "/twilio/message/page-1", STATUS)).status_code == 404


async def test_the_settings_do_not_show_the_token(
    tmp_path: Path, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = replace(settings(tmp_path), twilio=Signatures("hunter2-and-more"))
    assert "hunter2" not in repr(told)
    await post(client, "/twilio/message/page-1", STATUS, signature="nonsense")
    assert TOKEN not in caplog.text

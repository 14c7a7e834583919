"""Pages by e-mail, against a real SMTP server."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import msgspec
import pytest

from alerts.notify.mail import Attached, MailNotifier, MailServer
from alerts.notify.notifier import Message, PermanentError, TemporaryError
from tests.unit.alerts.mail_server import Postbox, serving  # a test's own peer

PAGE = Message(
    id="page-7",
    kind="page",
    person="A",
    address="a@lab.example",
    subject="CRITICAL inc1.temperature 38.10 °C",
    text="38.10 °C\n",
    html="<p>38.10 °C</p>",
    severity="critical",
)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def mail(postbox: Postbox) -> AsyncIterator[MailNotifier]:
    async with serving(postbox) as port:
        yield notifier(port)


def notifier(port: int, timeout_s: float = 5.0) -> MailNotifier:
    return MailNotifier(
        MailServer(
            host="127.0.0.1",
            port=port,
            sender="watch@lab.example",
            security="none",
            timeout_s=timeout_s,
        )
    )


async def test_a_page_arrives_with_its_words(mail: MailNotifier, postbox: Postbox) -> None:
    sent = await mail.send(PAGE)
    (arrived,) = postbox.mails
    assert arrived["To"] == "a@lab.example"
    assert arrived["From"] == "watch@lab.example"
    assert arrived["Subject"] == "CRITICAL inc1.temperature 38.10 °C"
    assert arrived["Message-ID"] == "<page-7@culturewatch>"
    assert arrived["Importance"] == "high"
    text, html = (arrived.get_body([kind]) for kind in ("plain", "html"))
    assert text is not None
    assert text.get_content().splitlines() == ["38.10 °C"]
    assert html is not None
    assert html.get_content().strip() == "<p>38.10 °C</p>"
    assert "taken" in sent.provider_id
    assert not sent.delivered


@pytest.mark.parametrize("answer", ["421 busy", "450 later", "452 full"])
async def test_a_4xx_is_worth_another_try(
    mail: MailNotifier, postbox: Postbox, answer: str
) -> None:
    postbox.answers = [answer]
    with pytest.raises(TemporaryError, match=answer[:3]):
        await mail.send(PAGE)


@pytest.mark.parametrize("answer", ["550 no", "554 spam"])
async def test_a_5xx_is_not(mail: MailNotifier, postbox: Postbox, answer: str) -> None:
    postbox.answers = [answer]
    with pytest.raises(PermanentError, match=answer[:3]):
        await mail.send(PAGE)


async def test_an_unknown_mailbox_is_permanent_and_a_full_one_is_not(
    mail: MailNotifier, postbox: Postbox
) -> None:
    postbox.refused_recipients = {"a@lab.example": "550 no such user"}
    with pytest.raises(PermanentError, match="550 no such user"):
        await mail.send(PAGE)
    postbox.refused_recipients = {"a@lab.example": "452 mailbox full"}
    with pytest.raises(TemporaryError, match="452 mailbox full"):
        await mail.send(PAGE)


async def test_a_slow_server_is_given_up(postbox: Postbox) -> None:
    postbox.seconds = 30.0
    async with serving(postbox) as port:
        with pytest.raises(TemporaryError, match=r"mail server 127\.0\.0\.1"):
            await notifier(port, timeout_s=0.2).send(PAGE)


async def test_a_mail_with_files_is_given_the_time_its_upload_takes_and_a_page_is_not(
    postbox: Postbox,
) -> None:
    postbox.seconds = 0.3
    # 75 kB are 100 kB as text: 2 s more than the 0.1 s of a page.
    files = [Attached("month.pdf", "pdf", bytes(75_000))]
    async with serving(postbox) as port:
        with pytest.raises(TemporaryError):
            await notifier(port, timeout_s=0.1).send(PAGE)
        await notifier(port, timeout_s=0.1).send(PAGE, files)
    (attached,) = postbox.mails[-1].iter_attachments()
    assert attached.get_content() == bytes(75_000)


async def test_a_connection_cut_in_the_middle_is_worth_another_try(
    mail: MailNotifier, postbox: Postbox
) -> None:
    postbox.drops = 1
    with pytest.raises(TemporaryError) as cut:
        await mail.send(PAGE)
    assert cut.value.perhaps_taken
    await mail.send(PAGE)
    assert len(postbox.mails) == 1


async def test_a_server_that_does_not_say_goodbye_has_the_mail_all_the_same(
    mail: MailNotifier, postbox: Postbox
) -> None:
    postbox.goodbye = False
    async with asyncio.timeout(2.0):
        await mail.send(PAGE)
    assert len(postbox.mails) == 1


async def test_nobody_listening_is_worth_another_try() -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    with pytest.raises(TemporaryError, match=str(port)) as refused:
        await notifier(port).send(PAGE)
    assert not refused.value.perhaps_taken


@pytest.mark.parametrize("field", ["subject", "address"])
@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\0"])
async def test_no_header_can_be_smuggled_in(
    mail: MailNotifier, postbox: Postbox, field: str, breaks: str
) -> None:
    evil = msgspec.structs.replace(PAGE, **{field: f"x@y.example{breaks}Bcc: all@lab.example"})
    with pytest.raises(PermanentError, match="line break"):
        await mail.send(evil)
    assert postbox.asked == 0


@pytest.mark.parametrize("address", ["", "a@lab.example, b@lab.example"])
async def test_exactly_one_address_is_needed(mail: MailNotifier, address: str) -> None:
    with pytest.raises(PermanentError, match="address"):
        await mail.send(msgspec.structs.replace(PAGE, address=address))


@pytest.mark.parametrize("address", ["@", "a@b@c", "<>", " ", ":;"])
async def test_what_is_no_address_is_final(mail: MailNotifier, address: str) -> None:
    with pytest.raises(PermanentError, match="mail to A"):
        await mail.send(msgspec.structs.replace(PAGE, address=address))


@pytest.mark.parametrize(("host", "sender"), [("a..b", "w@lab.example"), ("127.0.0.1", "<>")])
async def test_a_server_or_a_sender_that_cannot_be_is_final(
    postbox: Postbox, host: str, sender: str
) -> None:
    async with serving(postbox) as port:
        server = MailServer(host=host, port=port, sender=sender, security="none")
        with pytest.raises(PermanentError, match="check its address, the sender"):
            await MailNotifier(server).send(PAGE)


async def test_a_server_without_tls_is_refused_when_tls_is_asked_for(postbox: Postbox) -> None:
    async with serving(postbox) as port:
        server = MailServer(host="127.0.0.1", port=port, sender="w@lab.example", timeout_s=2.0)
        with pytest.raises(PermanentError, match="check security"):
            await MailNotifier(server, tls=ssl.create_default_context()).send(PAGE)
    assert postbox.mails == []


def test_a_password_never_travels_in_the_clear() -> None:
    server = MailServer(host="mail.example", port=25, sender="w@lab.example", security="none")
    with pytest.raises(ValueError, match="in the clear"):
        MailNotifier(server, password="secret")  # noqa: S106 # of nothing

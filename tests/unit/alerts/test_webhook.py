"""Pages by signed POST, against a real HTTP server on loopback."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from alerts.notify.http import open_http
from alerts.notify.notifier import Message, PermanentError, QuotaError, TemporaryError
from alerts.notify.webhook import WebhookNotifier, signature

NOW = 1_767_600_000


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers each request with the next of ``answers``, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.flooded = 0
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            headers = {k.lower(): v for k, _, v in (h.partition(": ") for h in rest)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append(Request(line, headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == "hang":
                await reader.read()
            elif answer == "flood":
                await self._flood(writer)
            elif answer != "drop":
                head = f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"
                writer.write(head.encode("latin-1"))
                await writer.drain()
        finally:
            writer.close()
            self.over.set()

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Request-Id: r-2\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                self.flooded += 65_536


@asynccontextmanager
async def hooked(
    receiver: Receiver, *, timeout_s: float = 2.0
) -> AsyncIterator[tuple[WebhookNotifier, Message]]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_http(timeout_s=timeout_s) as http:
        yield (
            WebhookNotifier(http, "s3cret", now_s=lambda: NOW + 0.9),
            page(f"http://127.0.0.1:{port}/hook?key=private"),
        )
    server.close()
    await server.wait_closed()


def page(address: str) -> Message:
    return Message(
        id="page-7",
        kind="page",
        person="A",
        address=address,
        subject="CRITICAL inc1.temperature",
        text="warm",
        rule="inc1-temp-high",
        occurrence=3,
    )


async def test_a_receiver_can_prove_who_sent_it() -> None:
    receiver = Receiver("200 OK\r\nX-Request-Id: r-1")
    async with hooked(receiver) as (notifier, message):
        sent = await notifier.send(message)
    (request,) = receiver.requests
    assert request.line == "POST /hook?key=private HTTP/1.1"
    timestamp = request.headers["x-culturewatch-timestamp"]
    assert timestamp == str(NOW)
    signed = timestamp.encode() + b"." + request.body
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert request.headers["x-culturewatch-signature"] == f"sha256={expected}"
    assert request.headers["idempotency-key"] == "page-7"
    body = json.loads(request.body)
    assert (body["subject"], body["rule"], body["occurrence"]) == (
        "CRITICAL inc1.temperature",
        "inc1-temp-high",
        3,
    )
    assert sent.provider_id == "r-1"


def test_the_signature_is_the_one_anybody_computes() -> None:
    # printf '1767600000.{}' | openssl dgst -sha256 -hmac s3cret
    assert signature(b"s3cret", "1767600000", b"{}") == (
        "sha256=" + hmac.digest(b"s3cret", b"1767600000.{}", "sha256").hex()
    )


@pytest.mark.parametrize("status", ["408 T", "425 E", "429 T", "500 I", "502 B", "503 S"])
async def test_these_answers_are_worth_another_try(status: str) -> None:
    async with hooked(Receiver(status)) as (notifier, message):
        with pytest.raises(TemporaryError, match=status[:3]):
            await notifier.send(message)


@pytest.mark.parametrize("status", ["301 M", "400 B", "401 U", "403 F", "404 N", "410 G"])
async def test_these_answers_are_final(status: str) -> None:
    async with hooked(Receiver(f"{status}\r\nLocation: http://127.0.0.1:1/")) as (
        notifier,
        message,
    ):
        with pytest.raises(PermanentError, match=status[:3]):
            await notifier.send(message)


async def test_credit_that_is_used_up_is_told_apart() -> None:
    async with hooked(Receiver("402 Payment Required")) as (notifier, message):
        with pytest.raises(QuotaError, match="credit"):
            await notifier.send(message)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("100000", 60.0), ("Mon, 05 Jan 2015 08:00:00 GMT", 0.0), ("soon", None)],
)
async def test_the_wait_that_the_receiver_asks_for_is_kept_within_bounds(
    header: str, seconds: float | None
) -> None:
    async with hooked(Receiver(f"429 Slow\r\nRetry-After: {header}")) as (notifier, message):
        with pytest.raises(TemporaryError) as caught:
            await notifier.send(message)
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("behaviour", ["hang", "drop"])
async def test_no_answer_is_worth_another_try(behaviour: str) -> None:
    async with hooked(Receiver(behaviour), timeout_s=0.2) as (notifier, message):
        with pytest.raises(TemporaryError, match="webhook of A") as cut:
            await notifier.send(message)
    assert cut.value.perhaps_taken


async def test_whom_nobody_answers_for_has_nothing() -> None:
    async with hooked(Receiver("200 OK")) as (_, message):
        pass
    with pytest.raises(TemporaryError) as refused:
        async with open_http() as http:
            await WebhookNotifier(http, "s3cret").send(message)
    assert not refused.value.perhaps_taken


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nowhere",
        "ftp://127.0.0.1/x",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://xn--/",
    ],
)
async def test_what_is_no_url_is_final(address: str) -> None:
    async with open_http() as http:
        with pytest.raises(PermanentError, match="webhook of A"):
            await WebhookNotifier(http, "s3cret").send(page(address))


async def test_what_the_url_holds_is_not_told() -> None:
    async with hooked(Receiver("404 Not Found")) as (notifier, message):
        with pytest.raises(PermanentError) as caught:
            await notifier.send(message)
    assert "private" not in str(caught.value)


async def test_an_answer_without_end_is_not_read() -> None:
    receiver = Receiver("flood")
    async with hooked(receiver) as (notifier, message):
        sent = await notifier.send(message)
        await asyncio.wait_for(receiver.over.wait(), 5)
    assert sent.provider_id == "r-2"
    # What the sockets of both ends hold, and no more.
    assert receiver.flooded < 16_000_000


async def test_what_a_receiver_wants_remembered_does_not_spoil_the_next_message() -> None:
    receiver = Receiver("200 OK\r\nSet-Cookie: spy=\xff\xfe", "200 OK")
    async with hooked(receiver) as (notifier, message):
        await notifier.send(message)
        await notifier.send(message)
    assert "cookie" not in receiver.requests[1].headers

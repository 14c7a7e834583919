"""A connection that comes to nothing says what is wrong, within its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from collector.errors import LinkError
from collector.mqtt_link import Link, Message
from collector.mqtt_settings import BrokerSettings

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ACCEPTED = b"\x20\x02\x00\x00"
"""CONNACK of MQTT 3.1.1, table 3.1: no session present, accepted."""


def settings(port: int, protocol: Literal["3.1.1", "5"] = "3.1.1") -> BrokerSettings:
    """A broker on loopback."""
    return BrokerSettings(id="b", host="127.0.0.1", port=port, client_id="c", protocol=protocol)


def ignore(_link: Link, _message: Message) -> None:
    """Take nothing."""


@asynccontextmanager
async def served(peer: Peer) -> AsyncIterator[int]:
    """A server that does what ``peer`` does with one connection; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1_000)
            await peer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def enter(port: int) -> None:
    """Open a link and close it again."""
    async with Link(settings(port), ignore, lambda: 0):
        pass


async def test_nobody_listens() -> None:
    async with served(_ignore_all) as port:
        pass
    with pytest.raises(LinkError, match="check that it runs there"):
        await enter(port)


async def _ignore_all(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


async def test_it_hangs_up_at_once() -> None:
    async with served(_ignore_all) as port:
        with pytest.raises(LinkError, match="it ended the connection at once"):
            await enter(port)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_it_never_answers_as_a_broker(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr("collector.mqtt_link.ANSWER_S", 0.2)

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()

    async with served(wait) as port:
        with pytest.raises(LinkError, match=r"within 0\.2 s; check that an MQTT broker is there"):
            await enter(port)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(
            b"\x20\x02\x00\x01", r"check that it speaks MQTT 3\.1\.1", id="another protocol"
        ),
        pytest.param(b"\x20\x02\x00\x02", "set another client_id", id="client id refused"),
        pytest.param(b"\x20\x02\x00\x03", "Server unavailable", id="unavailable"),
        pytest.param(b"\x20\x02\x00\x04", "check username and password", id="bad password"),
        pytest.param(b"\x20\x02\x00\x05", "access list", id="not authorised"),
    ],
)
async def test_it_answers_with_a_refusal(answer: bytes, reason: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()

    async with served(refuse) as port:
        with pytest.raises(LinkError, match=reason):
            await enter(port)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x32\x01\x00", id="a publication cut short"),
        pytest.param(b"\x32\x04\x00\xff\x00\x01", id="a topic longer than its packet"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff", id="no such packet"),
        pytest.param(b"\x20\x01\x00", id="a short CONNACK"),
    ],
)
async def test_it_sends_what_is_not_mqtt(garbage: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ACCEPTED + garbage)
        await reader.read()

    async with (
        served(babble) as port,
        Link(settings(port), ignore, lambda: 0) as link,
        asyncio.timeout(5),
    ):
        assert await link.lost() != ""


async def test_a_broker_that_says_why_it_ends_the_connection_is_quoted() -> None:
    async def take_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # MQTT 5: CONNACK without properties, then DISCONNECT 0x8E, 3.14.2.1: session taken over.
        writer.write(b"\x20\x03\x00\x00\x00" + b"\xe0\x01\x8e")
        await reader.read()

    async with (
        served(take_over) as port,
        Link(settings(port, "5"), ignore, lambda: 0) as link,
        asyncio.timeout(5),
    ):
        assert await link.lost() == (
            "it ended the connection: Session taken over; "
            "give each collector a client_id of its own"
        )


async def test_messages_come_whole_however_the_bytes_arrive() -> None:
    # PUBLISH of MQTT 3.1.1, 3.3: QoS 1, topic "a/b", packet 10, payload "hi".
    publish = b"\x32\x09\x00\x03a/b\x00\x0ahi"
    again = b"\x3a\x09\x00\x03a/b\x00\x0bho"
    puback = b"\x40\x02\x00\x0a"
    acknowledged = asyncio.get_running_loop().create_future()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in ACCEPTED + publish + again:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        acknowledged.set_result(await reader.readexactly(4))
        await reader.read()

    got: list[Message] = []

    def take(link: Link, message: Message) -> None:
        got.append(message)
        if len(got) == 2:
            link.acknowledge(got[0])

    async with served(trickle) as port, Link(settings(port), take, lambda: 42), asyncio.timeout(5):
        assert await acknowledged == puback
    assert got == [
        Message("a/b", b"hi", 10, 1, False, False, 42),  # noqa: FBT003 # as they came
        Message("a/b", b"ho", 11, 1, True, False, 42),  # noqa: FBT003
    ]


async def test_a_topic_without_a_name_is_a_stranger_like_any_other() -> None:
    # PUBLISH of MQTT 5, 3.3: QoS 1, a topic of no length and no alias, packet 10, "hi".
    nameless = b"\x32\x07\x00\x00\x00\x0a\x00hi"

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x20\x03\x00\x00\x00" + nameless)
        await reader.read()

    taken = asyncio.get_running_loop().create_future()

    def take(link: Link, message: Message) -> None:
        link.forget(message.topic)
        taken.set_result(message.topic)

    async with (
        served(send) as port,
        Link(settings(port, "5"), take, lambda: 42),
        asyncio.timeout(5),
    ):
        assert await taken == ""


def test_a_password_is_in_no_representation() -> None:
    made = BrokerSettings(id="b", host="h", client_id="c", username="u", password="s3cret")  # noqa: S106 # of this test
    assert "s3cret" not in repr(made)


def test_a_session_needs_a_name_and_a_window() -> None:
    with pytest.raises(ValueError, match="without a client id the broker keeps nothing"):
        BrokerSettings(id="b", host="h", client_id="")
    with pytest.raises(ValueError, match="window 0 is outside 1 to 65535"):
        BrokerSettings(id="b", host="h", client_id="c", window=0)

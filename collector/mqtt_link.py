"""One connection to an MQTT broker: the only file that knows paho.

paho keeps the protocol, asyncio the socket, and publications go past paho (ADR 7).
"""

import asyncio
import ssl
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import msgspec
from paho.mqtt import MQTTException
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector import mqtt_tls
from collector.errors import LinkError
from collector.mqtt_packet import puback, publication
from collector.mqtt_settings import BrokerSettings
from collector.mqtt_wire import Shown, Wire

KEEP_ALIVE_S = 20
ANSWER_S = 10.0
"""How long a broker may take to answer a connect, subscribe or unsubscribe."""
SESSION_EXPIRY_S = 14 * 86_400
"""How long a broker is asked to keep what has not been acknowledged."""
TOPICS_A_PACKET = 200
MOST_TOPICS = 10_000
"""As many topics are remembered in the form in which they come."""
_MISC_S = 1.0

# What paho raises on bytes that are not MQTT.
_GARBLED = (struct.error, LookupError, ValueError, MQTTException)

_REMEDIES = {
    128: "its log says why",
    132: "set another protocol for this broker",
    133: "set another client_id",
    134: "check username and password",
    135: "check username, password and the broker's access list",
    142: "give each collector a client_id of its own",
}


class Message(msgspec.Struct, frozen=True, gc=False):
    """One publication as it came. ``received`` is epoch milliseconds, UTC.

    ``packet`` is what an acknowledgement names; ``again`` says that the broker sent it before,
    ``retained`` that the broker had kept it from earlier. Of a payload that was too large,
    ``cut`` bytes at its end were not taken in.
    """

    topic: str
    payload: bytes
    packet: int
    qos: int
    again: bool
    retained: bool
    received: int
    cut: int = 0


class Link:
    """A connection that is open inside ``async with``; ``take`` is given each message.

    Raises:
        LinkError: on entering, the broker cannot be reached, refuses, or does not answer.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        take: "Callable[[Link, Message], None]",
        now: Callable[[], int],
        will: tuple[str, bytes] | None = None,
    ) -> None:
        """``will`` is a topic and what the broker is to say there, retained, once we are lost."""
        self._settings = settings
        self._take = take
        self._now = now
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._accepted: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()
        self._wire = Wire(self._read, self._write, self._on_closed, self._divert)
        self._modern = settings.protocol == "5"
        self._topics: dict[bytes, str] = {}
        self._client = _Client(self._wire, settings)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_answer
        self._client.on_unsubscribe = self._on_answer
        self._client.on_disconnect = self._on_disconnect
        self._taken = 0
        self.resumed = False
        """Whether the broker still knew this client id."""

    async def __aenter__(self) -> Self:
        settings = self._settings
        try:
            async with asyncio.timeout(ANSWER_S):
                trust = None if settings.tls is None else mqtt_tls.context(settings.tls)
                await asyncio.get_running_loop().create_connection(
                    lambda: self._wire, settings.host, settings.port, ssl=trust
                )
                self._greet()
                await asyncio.wait(
                    (self._accepted, self._lost), return_when=asyncio.FIRST_COMPLETED
                )
        except TimeoutError:
            await self._close()
            raise LinkError(
                f"it does not answer within {ANSWER_S:g} s; check that an MQTT broker is there"
            ) from None
        except ssl.SSLError as error:
            await self._close()
            raise LinkError(mqtt_tls.explained(error, settings.host)) from error
        except OSError as error:
            await self._close()
            hint = "check that it runs there"
            if settings.tls is not None and isinstance(error, ConnectionError):
                hint += " and speaks TLS at this port"
            raise LinkError(f"{error.strerror or error}; {hint}") from error
        except BaseException:
            # Cancelled: there is no time to say goodbye, but the socket may not stay open.
            self._wire.abort()
            raise
        await self._check_accepted()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._lost.done():
            self._client.disconnect()
        await self._close()

    async def subscribe(self, topics: Sequence[str]) -> dict[str, str]:
        """Ask for ``topics`` at QoS 1; give those the broker refuses or grants less, with why.

        Raises:
            LinkError: the connection ended, or the broker does not answer.
        """
        refused: dict[str, str] = {}
        for batch in _batches(topics):
            codes = await self._ask(*self._client.subscribe(self._requests(batch)))
            for topic, code in zip(batch, codes, strict=False):
                if code.value != 1:
                    refused[topic] = str(code)
        return refused

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask to be sent ``topics`` no more.

        Raises:
            LinkError: the connection ended, or the broker does not answer.
        """
        for batch in _batches(topics):
            await self._ask(*self._client.unsubscribe(batch))

    def forget(self, topic: str) -> None:
        """Ask to be sent ``topic`` no more, without waiting for the answer."""
        # A broker that breaks the rules of MQTT 5 sends an empty one, which nobody asked for.
        if topic and not self._lost.done():
            self._client.unsubscribe(topic)

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message of this connection is safe."""
        if message.qos == 1 and not self._lost.done():
            self._wire.post(puback(message.packet))

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send a message of our own, without waiting for an answer."""
        if not self._lost.done():
            self._client.publish(topic, payload, qos=qos, retain=retain)

    def pause(self) -> None:
        """Take no more messages; those under way wait in the socket."""
        self._wire.pause()

    def resume(self) -> None:
        """Take messages again."""
        self._wire.resume()

    async def lost(self) -> str:
        """Keep the connection alive until it ends; give the reason."""
        while not self._lost.done():
            await asyncio.wait((self._lost,), timeout=_MISC_S)
            self._client.loop_misc()
        return self._lost.result()

    def _greet(self) -> None:
        settings = self._settings
        if settings.protocol == "5":
            wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # by paho
            wishes.SessionExpiryInterval = SESSION_EXPIRY_S if settings.lasting else 0
            wishes.ReceiveMaximum = settings.window
            self._client.connect(
                settings.host,
                settings.port,
                keepalive=KEEP_ALIVE_S,
                clean_start=not settings.lasting,
                properties=wishes,
            )
        else:
            self._client.connect(settings.host, settings.port, keepalive=KEEP_ALIVE_S)

    async def _check_accepted(self) -> None:
        if self._accepted.done():
            code = self._accepted.result()
            if not code.is_failure:
                return
            remedy = _REMEDIES.get(code.value, "its log says why")
            reason = f"it refuses the connection: {code}; {remedy}"
        else:
            reason = (
                f"it ended the connection at once: {self._lost.result()}; "
                f"check that it speaks MQTT {self._settings.protocol}"
            )
        await self._close()
        raise LinkError(reason)

    def _requests(
        self, topics: list[str]
    ) -> list[tuple[str, int]] | list[tuple[str, SubscribeOptions]]:
        if self._settings.protocol == "3.1.1":
            return [(topic, 1) for topic in topics]
        keep = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        if self._settings.lasting:
            # What was kept from before we came is old, or was sent to us already.
            keep = SubscribeOptions.RETAIN_DO_NOT_SEND
        return [(topic, SubscribeOptions(qos=1, retainHandling=keep)) for topic in topics]

    async def _ask(self, sent: MQTTErrorCode, packet: int | None) -> list[ReasonCode]:
        if sent is not MQTTErrorCode.MQTT_ERR_SUCCESS or packet is None:
            raise LinkError("the connection ended")
        answer: asyncio.Future[list[ReasonCode]] = asyncio.get_running_loop().create_future()
        self._answers[packet] = answer
        before = -1
        # An answer may stand behind all that the broker kept for us: as long as messages come,
        # or are left waiting by us, it is not overdue.
        while before != self._taken or self._wire.is_paused:
            before = self._taken
            await asyncio.wait(
                (answer, self._lost), timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED
            )
            if answer.done() or self._lost.done():
                break
        del self._answers[packet]
        if not answer.done():
            ended = self._lost.result() if self._lost.done() else "it does not answer"
            raise LinkError(ended)
        return answer.result()

    def _end(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)

    async def _close(self) -> None:
        self._end("closed")
        await self._wire.shut()

    def _on_closed(self, error: Exception | None) -> None:
        if isinstance(error, ssl.SSLError):
            self._end(mqtt_tls.explained(error, self._settings.host))
            return
        # Mosquitto does not say so when it closes because a namesake has come.
        reason = f"the connection broke: {error}" if error else "it closed the connection"
        self._end(f"{reason}; if this repeats, {_REMEDIES[142]}")

    def _read(self) -> None:
        try:
            self._client.loop_read()
        except _GARBLED as error:
            self._end(f"it sent what is not MQTT: {error!r}")
            self._wire.abort()

    def _write(self) -> None:
        self._client.loop_write()

    def _on_connect(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.resumed = flags.session_present
        if not self._accepted.done():
            self._accepted.set_result(code)

    def _divert(self, packet: Shown) -> bool:
        if not self._accepted.done():
            return False
        sent = publication(packet.data, packet.found, modern=self._modern)
        if sent is None:
            return False
        self._taken += 1
        self._take(
            self,
            Message(
                self._topic(sent.topic),
                sent.payload,
                sent.packet,
                sent.qos,
                sent.again,
                sent.retained,
                self._now(),
                packet.cut,
            ),
        )
        return True

    def _topic(self, raw: bytes) -> str:
        topic = self._topics.get(raw)
        if topic is None:
            try:
                topic = raw.decode()
            except UnicodeDecodeError:
                topic = "(a topic that is not UTF-8)"
            if len(self._topics) >= MOST_TOPICS:
                self._topics.clear()
            self._topics[raw] = topic
        return topic

    def _on_answer(
        self,
        _client: paho.Client,
        _data: object,
        packet: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        answer = self._answers.get(packet)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            remedy = _REMEDIES.get(code.value)
            self._end(f"it ended the connection: {code}" + (f"; {remedy}" if remedy else ""))
        else:
            self._end(str(code))


class _Client(paho.Client):
    """paho's client on a connection that is already open."""

    def __init__(self, wire: Wire, settings: BrokerSettings) -> None:
        modern = settings.protocol == "5"
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if modern else not settings.lasting,
            protocol=paho.MQTTv5 if modern else paho.MQTTv311,
            manual_ack=True,
            # Else paho goes back to MQTT 3.1 by itself when a broker refuses.
            reconnect_on_failure=False,
        )
        if settings.username:
            self.username_pw_set(settings.username, settings.password or None)
        self._wire = wire
        # While these two are set, paho leaves it to the wire when to write.
        self.on_socket_register_write = lambda _client, _data, _socket: wire.want_write()
        self.on_socket_unregister_write = lambda _client, _data, _socket: None

    def _create_socket(self) -> Wire:
        return self._wire


def _batches(topics: Sequence[str]) -> list[list[str]]:
    return [
        list(topics[first : first + TOPICS_A_PACKET])
        for first in range(0, len(topics), TOPICS_A_PACKET)
    ]

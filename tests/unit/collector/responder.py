"""A Modbus TCP responder on loopback that can be told to misbehave. It shares no code with us."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, cast


def word(unit: int, address: int) -> int:
    """The content of a register: a number that no other register near it has."""
    return (unit * 7919 + address * 104729 + 12345) & 0xFFFF


class Query(NamedTuple):
    """A request as it came off the wire."""

    transaction: int
    unit: int
    function: int
    address: int
    number: int

    def data(self) -> bytes:
        """The true content of what was asked for."""
        addresses = range(self.address, self.address + self.number)
        if self.function in {1, 2}:
            bits = sum((word(self.unit, a) & 1) << i for i, a in enumerate(addresses))
            return bits.to_bytes((self.number + 7) // 8, "little")
        return b"".join(word(self.unit, a).to_bytes(2, "big") for a in addresses)

    def answer(
        self,
        *,
        data: bytes | None = None,
        transaction: int | None = None,
        unit: int | None = None,
        function: int | None = None,
    ) -> bytes:
        """The right answer, but for what is given."""
        data = self.data() if data is None else data
        pdu = bytes((self.function if function is None else function, len(data))) + data
        return (
            struct.pack(
                ">HHHB",
                self.transaction if transaction is None else transaction,
                0,
                len(pdu) + 1,
                self.unit if unit is None else unit,
            )
            + pdu
        )

    def whole(self, pdu: bytes) -> bytes:
        """``pdu`` as the answer, whatever it says."""
        return struct.pack(">HHHB", self.transaction, 0, len(pdu) + 1, self.unit) + pdu

    def exception(self, code: int) -> bytes:
        """The answer that refuses with ``code``."""
        head = struct.pack(">HHHB", self.transaction, 0, 3, self.unit)
        return head + bytes((self.function | 0x80, code))


class Peer(asyncio.Protocol):
    """The responder's end of one connection."""

    def __init__(self, responder: "Responder") -> None:
        self.responder = responder
        self.buffer = b""
        self.rest = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.responder.peers.add(self)
        self.responder.accepted += 1
        self.responder.most_at_once = max(self.responder.most_at_once, len(self.responder.peers))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's
        self.responder.peers.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 6 and len(self.buffer) >= 6 + self.buffer[5]:
            told, self.buffer = self.buffer[: 6 + self.buffer[5]], self.buffer[6 + self.buffer[5] :]
            transaction, _, _, unit, function = struct.unpack(">HHHBB", told[:8])
            if function == 0x2B:
                query = Query(transaction, unit, function, told[9], told[10])
                self.responder.introductions.append(query)
                self.responder.introduce(self, query)
                continue
            query = Query(transaction, unit, function, *struct.unpack(">HH", told[8:]))
            self.responder.queries.append(query)
            self.responder.asked[unit] += 1
            self.responder.behave(self, query)

    def send(self, data: bytes) -> None:
        """Put bytes on the wire at once, but after the second half of what was split."""
        if self.rest:
            self.rest += data
        elif self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def split(self, data: bytes, at: int) -> None:
        """Put bytes on the wire in two segments."""
        if self.rest:
            self.rest += data
            return
        self.send(data[:at])
        self.rest = data[at:]
        asyncio.get_running_loop().call_later(0.001, self._flush)

    def _flush(self) -> None:
        rest, self.rest = self.rest, b""
        self.send(rest)

    def later(self, delay_s: float, data: bytes) -> None:
        """Put bytes on the wire after a while."""
        asyncio.get_running_loop().call_later(delay_s, self.send, data)

    def close(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.abort()


Behaviour = Callable[[Peer, Query], None]


def refusing(peer: Peer, query: Query) -> None:
    """Answer as a device does that has not that function."""
    peer.send(query.exception(1))


def rightly(peer: Peer, query: Query) -> None:
    """Answer as a good device does."""
    peer.send(query.answer())


class Responder:
    """What the responder behind ``port`` has seen, and how it behaves."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.port = 0
        self.accepted = 0
        self.most_at_once = 0
        self.asked: Counter[int] = Counter()
        self.queries: list[Query] = []
        self.introduce: Behaviour = refusing
        self.introductions: list[Query] = []
        self.peers: set[Peer] = set()

    def hang_up(self) -> None:
        """Close every connection."""
        for peer in tuple(self.peers):
            peer.close()


@asynccontextmanager
async def responding(behave: Behaviour = rightly, port: int = 0) -> AsyncIterator[Responder]:
    """A responder that listens while the block runs."""
    responder = Responder(behave)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(responder), "127.0.0.1", port)
    responder.port = server.sockets[0].getsockname()[1]
    try:
        yield responder
    finally:
        server.close()
        responder.hang_up()
        await server.wait_closed()


async def until(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Wait for a condition, with a bound."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 # what is waited for gives no event
            await asyncio.sleep(0.002)

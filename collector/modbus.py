"""A Modbus client that can only read. One connection an endpoint, kept up for ever."""

import asyncio
import logging
from collections.abc import Callable
from random import Random

import msgspec

from collector.address import Address, TcpAddress
from collector.connection import Connection, Counts, Request
from collector.errors import LinkError
from collector.frame import READ
from collector.half_duplex import HalfDuplexConnection, Quarantine
from collector.reconnect import ConnectBudget, pause_s
from collector.tty import open_tty
from devices.source import Table

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
FLUSH_PAUSE_S = 0.1
"""How long a stream that was closed only to be rid of late answers stays closed."""


class LinkStats(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint's link has seen since the start.

    ``late_answers`` came after their request had been given up, ``stray_answers`` to none that
    is known, ``wrong_unit`` from another unit than was asked, ``mismatched`` with another
    function or length. None of them was used. ``garbage`` counts streams given up as not Modbus.
    """

    endpoint: str
    connected: bool
    connects: int
    requests: int
    timeouts: int
    late_answers: int
    stray_answers: int
    wrong_unit: int
    mismatched: int
    garbage: int


class ModbusClient:
    """Reads from the units at ``address``; ``run`` must be running for it to connect.

    ``window`` is the most requests in flight, which is 1 where frames carry no number. ``budget``
    is shared by all clients. ``on_connect`` is told of each new connection.
    """

    def __init__(
        self,
        address: Address,
        *,
        window: int = 1,
        budget: ConnectBudget | None = None,
        on_connect: Callable[[], None] = lambda: None,
        chance: Random | None = None,
    ) -> None:
        self.name = address.name
        self.window = window if address.framing == "tcp" else 1
        self._address = address
        self._budget = budget or ConnectBudget()
        self._on_connect = on_connect
        self._chance = chance or Random()  # noqa: S311 # spreads reconnects, guards nothing
        self._counts = Counts()
        self._connects = 0
        self._quarantine = Quarantine()
        self._connection: Connection | HalfDuplexConnection | None = None
        self._is_lost = False
        self._is_flushing = False
        self._trouble = "not connected yet"

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to ask over."""
        return self._connection is not None and not self._connection.closed.done()

    @property
    def connects(self) -> int:
        """Connections made so far; a change says that the link is new."""
        return self._connects

    async def read(
        self, unit: int, table: Table, address: int, count: int, timeout_s: float
    ) -> bytes:
        """The data of ``count`` registers (two bytes each, high byte first) or bits (low first).

        Raises:
            LinkError: no connection; as NoAnswerError: no usable answer within ``timeout_s``.
            RefusedError: the unit or a gateway answered with an exception.
        """
        return await self.submit(unit, table, address, count, timeout_s)

    def submit(
        self, unit: int, table: Table, address: int, count: int, timeout_s: float
    ) -> asyncio.Future[bytes]:
        """What ``read`` waits for. The caller awaits or cancels it."""
        request = Request(unit, READ[table], address, count, timeout_s)
        if self._connection is None:
            request.settle(LinkError(f"{self.name}: {self._trouble}"))
        else:
            self._connection.submit(request)
        return request.future

    async def run(self) -> None:
        """Keep one connection; only cancellation ends this."""
        failures = 0
        while True:
            await self._budget.turn()
            connection = await self._connect()
            if connection is not None:
                try:
                    # The future is the connection's own: cancelling this wait must not end it.
                    self._ended(connection, await asyncio.shield(connection.closed))
                finally:
                    connection.abort("culturewatch stops")
                    self._connection = None
                # A device that accepts and closes again must not be tried without end at 0.5 s.
                failures = 0 if connection.has_answered else failures
                if connection.is_flushed:
                    await asyncio.sleep(FLUSH_PAUSE_S)
                    continue
            await asyncio.sleep(pause_s(failures, self._chance))
            failures += 1

    async def _connect(self) -> Connection | HalfDuplexConnection | None:
        connection = self._protocol()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._open(connection)
        except TimeoutError:
            connection.abort("connect timed out")
            self._lost(f"no connection within {CONNECT_TIMEOUT_S:g} s")
            return None
        except OSError as error:
            self._lost(f"cannot connect: {error.strerror or error}")
            return None
        if self._is_lost:
            log.info("%s: connected", self.name)
        self._is_lost = False
        self._connects += 1
        self._connection = connection
        if not self._is_flushing:
            # Else the link was never away, and whoever was silent is no likelier to be there.
            self._on_connect()
        self._is_flushing = False
        return connection

    def _protocol(self) -> Connection | HalfDuplexConnection:
        if self._address.framing == "tcp":
            return Connection(self.name, self.window, self._counts)
        return HalfDuplexConnection(self._address, self._counts, self._quarantine)

    async def _open(self, connection: Connection | HalfDuplexConnection) -> None:
        address = self._address
        if isinstance(address, TcpAddress):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection, address.host, address.port)
        else:
            open_tty(connection, address.path, address.serial)

    def _ended(self, connection: Connection | HalfDuplexConnection, reason: str) -> None:
        if connection.is_flushed:
            self._is_flushing = True
            self._trouble = reason
        else:
            self._lost(reason)

    def _lost(self, reason: str) -> None:
        if not self._is_lost:
            log.warning("%s: %s; culturewatch keeps trying", self.name, reason)
        self._is_lost = True
        self._trouble = reason

    def stats(self) -> LinkStats:
        """A snapshot of the counters."""
        counts = self._counts
        return LinkStats(
            endpoint=self.name,
            connected=self.is_connected,
            connects=self._connects,
            requests=counts.requests,
            timeouts=counts.timeouts,
            late_answers=counts.late,
            stray_answers=counts.stray,
            wrong_unit=counts.wrong_unit,
            mismatched=counts.mismatched,
            garbage=counts.garbage,
        )

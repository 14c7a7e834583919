"""A Modbus client that can only read. One connection an endpoint, kept up for ever."""

import asyncio
from collections.abc import Callable
from random import Random

import msgspec

from collector.address import Address
from collector.connection import Connection, Introduction, Question, Request
from collector.endpoint_link import EndpointLink
from collector.errors import LinkError
from collector.frame import READ
from collector.half_duplex import Quarantine
from collector.reconnect import ConnectBudget
from collector.serial_connection import SerialConnection
from devices.identity import Level
from devices.source import Table

Wire = Connection | SerialConnection


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


class ModbusClient(EndpointLink[Wire]):
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
        super().__init__(address, budget=budget, on_connect=on_connect, chance=chance)
        self.window = window if address.framing == "tcp" else 1
        self._quarantine = Quarantine()

    @property
    def trouble(self) -> str:
        """Why there is no connection, or was none the last time."""
        return self._trouble

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
        return self._ask(Request(unit, READ[table], address, count, timeout_s))

    async def introduce(self, unit: int, level: Level, first: int, timeout_s: float) -> bytes:
        """One page of what ``unit`` says it is (43/14): all that follows the MEI type.

        Raises:
            LinkError: no connection; as NoAnswerError: no usable answer within ``timeout_s``.
            RefusedError: the unit or a gateway answered with an exception.
        """
        return await self._ask(Introduction(unit, level, first, timeout_s))

    def _ask(self, question: Question) -> asyncio.Future[bytes]:
        if self._connection is None:
            question.settle(LinkError(f"{self.name}: {self._trouble}"))
        else:
            self._connection.submit(question)
        return question.future

    def _protocol(self) -> Wire:
        if self._address.framing == "tcp":
            return Connection(self.name, self.window, self._counts)
        return SerialConnection(self._address, self._counts, self._quarantine)

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

"""Keeps one connection to an endpoint up, for ever: a socket or a serial port."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from collector.address import Address, TcpAddress
from collector.connection import Counts
from collector.kept import Kept
from collector.reconnect import ConnectBudget, pause_s
from collector.tty import open_tty

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
FLUSH_PAUSE_S = 0.1
"""How long a stream that was closed only to be rid of late answers stays closed."""


C = TypeVar("C", bound=Kept)


class EndpointLink(ABC, Generic[C]):
    """The connection to ``address``; ``run`` must be running for it to be there.

    ``budget`` is shared by all links. ``on_connect`` is told of each new connection.
    """

    def __init__(
        self,
        address: Address,
        *,
        budget: ConnectBudget | None = None,
        on_connect: Callable[[], None] = lambda: None,
        chance: Random | None = None,
    ) -> None:
        self.name = address.name
        self._address = address
        self._budget = budget or ConnectBudget()
        self.on_connect = on_connect
        self._chance = chance or Random()  # noqa: S311 # spreads reconnects, guards nothing
        self._counts = Counts()
        self._connects = 0
        self._connection: C | None = None
        self._is_lost = False
        self._is_flushing = False
        self._trouble = "not connected yet"

    @abstractmethod
    def _protocol(self) -> C:
        """A new connection that is not open yet; an asyncio protocol."""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to ask over."""
        return self._connection is not None and not self._connection.closed.done()

    @property
    def connects(self) -> int:
        """Connections made so far; a change says that the link is new."""
        return self._connects

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

    async def _connect(self) -> C | None:
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
            self.on_connect()
        self._is_flushing = False
        return connection

    async def _open(self, connection: C) -> None:
        address = self._address
        if isinstance(address, TcpAddress):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection, address.host, address.port)
        else:
            open_tty(connection, address.path, address.serial)

    def _ended(self, connection: C, reason: str) -> None:
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

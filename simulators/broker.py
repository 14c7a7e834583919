"""An MQTT 3.1.1 broker in this process, on loopback; the one door to amqtt.

It is for the demo and for tests: no encryption, anybody on this machine may connect, everything
is in memory. amqtt forgets the persistent session of a client that its anonymous plugin let in,
so a plugin of our own lets clients in here, and a subscriber keeps its queue while it is away.
"""

import asyncio
import logging
from contextlib import suppress
from types import TracebackType
from typing import Self

from amqtt.broker import Broker as AmqttBroker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from simulators.loopback import ServeError, only_loopback

MOST_CLIENTS = 200
CLOSE_S = 2.0
_LOGGERS = ("amqtt", "transitions")


class LetIn(BaseAuthPlugin):  # type: ignore[misc] # amqtt has no types
    """Lets everybody in by the name they give."""

    async def authenticate(self, *, session: Session) -> bool:
        """True: the listener is bound to loopback."""
        _ = session
        return True


class _Connections(AmqttBroker):  # type: ignore[misc] # amqtt has no types
    """amqtt leaves some connections open when it stops; here each is closed and waited for."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._open: set[asyncio.Task[None]] = set()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serves one client to its end."""
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            writer.close()

    def port(self) -> int:
        """The port that was bound."""
        listening = self._servers["default"].instance
        port: int = listening.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Ends, with all clients' connections, within twice CLOSE_S."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.shutdown()
        if self._open:
            await asyncio.wait(self._open, timeout=CLOSE_S)
        for task in self._open:
            task.cancel()


class Broker:
    """Listens while the context is open.

    Raises:
        ServeError: not a loopback address, or the port is taken.
    """

    def __init__(self, host: str, port: int) -> None:
        only_loopback(host)
        self._host = host
        self._port = port
        self._broker: _Connections | None = None
        self._levels: dict[str, int] = {}

    @property
    def port(self) -> int:
        """The port that is bound, also where 0 was asked for."""
        return self._port

    async def __aenter__(self) -> Self:
        self._quiet()
        listener = ListenerConfig(bind=f"{self._host}:{self._port}", max_connections=MOST_CLIENTS)
        config = BrokerConfig(
            listeners={"default": listener}, plugins={f"{__name__}.{LetIn.__name__}": {}}
        )
        broker = _Connections(config)
        try:
            await broker.start()
        except BrokerError as error:
            self._loud()
            raise ServeError(
                f"{self._host}:{self._port}: the simulated broker cannot listen here; "
                "is another broker running? Stop it or choose another port"
            ) from error
        self._broker = broker
        self._port = broker.port()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._broker is not None:
                await self._broker.stop()
        finally:
            self._broker = None
            self._loud()

    def _quiet(self) -> None:
        # amqtt logs each connection and each lost client; its errors are enough here.
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.setLevel(logging.CRITICAL)

    def _loud(self) -> None:
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

"""Connections to the console, each with an end to our patience: the one door to uvicorn."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from ssl import SSLContext

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

AT_ONCE = 200
ASK_S = 10.0
"""How long a connection may take to send the head of a request."""
WHOLE_S = 60.0
"""How long a request may then take until its answer begins."""
GIVE_S = 1800.0
"""How long an answer may take that has begun: a record of years is large, and a way may be slow."""
LARGEST_MESSAGE = 64 * 1024
"""Bytes that a screen may send at once."""


def run(app: ASGIApp, listening: socket.socket, tls: SSLContext | None = None) -> None:
    """Serve ``app`` to whoever connects, by TLS if given, until SIGTERM or Ctrl-C."""
    # It would tell of each channel of a screen, with what names it.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = _Server(
        uvicorn.Config(
            app,
            http=_Visit,
            log_config=None,
            # The paths of links are secrets, and an access log would keep them.
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # The screens' own channel; without it they would ask again and again.
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            lifespan="on",
            limit_concurrency=AT_ONCE,
            timeout_graceful_shutdown=8,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
    )
    server.run(sockets=[listening])


class _Visit(H11Protocol):
    """uvicorn's own, which waits for ever for a first request, with an end to its patience."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override] # as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._wait(ASK_S, self._look)

    def on_response_complete(self) -> None:
        self._wait(ASK_S, self._look)
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        # From here on it is pinged, and ends when it does not answer.
        if self._patience is not None:
            self._patience.cancel()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(seconds, then)

    def _look(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr] # none before the first request
            self.transport.abort()
        else:
            self._wait(WHOLE_S, self._look_again)

    def _look_again(self) -> None:
        if self.cycle.response_started:
            self._wait(GIVE_S, self.transport.abort)
        else:
            self.transport.abort()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's own, but a signal that was obeyed is not raised once more at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, partial(self.handle_exit, number, None))
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

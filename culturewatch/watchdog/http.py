"""As much of HTTP/1.1 as a watchdog needs: a request in, an answer out, the connection closed."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self

import msgspec

log = logging.getLogger(__name__)

REQUEST_S = 10.0
MOST_AT_ONCE = 64
LONGEST_HEAD = 16_384
LONGEST_BODY = 16_384
_HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. ``headers`` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is said to it."""

    status: HTTPStatus = HTTPStatus.OK
    body: str = ""
    kind: str = "text/html; charset=utf-8"


class BadRequestError(Exception):
    """Not a request that is understood here."""


class Door:
    """Listens on one address from when it is made; ``answer`` is asked for each request.

    Use as a context manager.

    Raises:
        OSError: the address is taken, or none of this machine's.
    """

    def __init__(
        self, host: str, port: int, answer: Callable[[Request], Awaitable[Answer]]
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=MOST_AT_ONCE)
        self._answer = answer
        self._inside = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    async def run(self) -> None:
        """Serve until cancelled; may be begun again when it broke."""
        self._inside = 0
        async with asyncio.TaskGroup() as tasks:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if self._inside >= MOST_AT_ONCE:
                    writer.transport.abort()
                    return
                self._inside += 1
                tasks.create_task(self._serve(reader, writer), name="watchdog request")

            server = await asyncio.start_server(
                connected, sock=self._socket.dup(), limit=LONGEST_HEAD
            )
            async with server:
                await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                try:
                    request = await _read(reader)
                except (BadRequestError, asyncio.LimitOverrunError, ValueError) as error:
                    said = Answer(status=HTTPStatus.BAD_REQUEST, body=str(error), kind="text/plain")
                    await _write(writer, said, head_only=False)
                else:
                    said = await self._answer(request)
                    await _write(writer, said, head_only=request.method == "HEAD")
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.debug("a request was broken off: %s", error)
        finally:
            self._inside -= 1
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004 # RFC 9112 §3
        raise BadRequestError("this is not HTTP/1.1")
    headers = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError("a header has no value")
        headers[name.strip().lower()] = value.strip()
    if "transfer-encoding" in headers:
        raise BadRequestError("say how long it is: Content-Length")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LONGEST_BODY:
        raise BadRequestError(f"a body has up to {LONGEST_BODY} bytes")
    body = await reader.readexactly(int(length))
    return Request(method=parts[0], path=parts[1], headers=headers, body=body)


async def _write(writer: asyncio.StreamWriter, answer: Answer, *, head_only: bool) -> None:
    body = answer.body.encode()
    headers = {**_HEADERS, "Content-Type": answer.kind, "Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head_only else body))
    await writer.drain()
    writer.close()
    await writer.wait_closed()

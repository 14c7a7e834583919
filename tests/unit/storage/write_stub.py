"""A stand-in for ``/api/v2/write`` on a real socket, which answers as a test says."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import msgspec


class Request(msgspec.Struct, frozen=True):
    """What came in: the request line's target, the headers in lower case, the lines unpacked."""

    target: str
    headers: dict[str, str]
    lines: list[str]


class Answer(msgspec.Struct, frozen=True):
    """What goes back. Status 0 closes the connection without a word."""

    status: int
    body: str = ""
    headers: dict[str, str] = {}


STORED = Answer(204)
END_S = 5.0


class WriteStub:
    """Counts and keeps requests; ``answer`` decides what each gets."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.stored: list[str] = []
        self._answer = answer
        self._conversations: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["WriteStub"]:
        """Listens on a free loopback port."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
            if self._conversations:
                await asyncio.wait(self._conversations, timeout=END_S)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, as clients do
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
        body = await reader.readexactly(int(headers["content-length"]))
        text = zlib.decompress(body, wbits=zlib.MAX_WBITS | 16).decode()
        request = Request(first.split(" ")[1], headers, text.splitlines(keepends=True))
        self.requests.append(request)
        answer = await self._answer(request)
        if not answer.status:
            return False
        if answer.status == HTTPStatus.NO_CONTENT:
            self.stored += request.lines
        more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        said = answer.body.encode()
        length = (
            "" if answer.status == HTTPStatus.NO_CONTENT else f"content-length: {len(said)}\r\n"
        )
        writer.write(f"HTTP/1.1 {answer.status} -\r\n{length}{more}\r\n".encode() + said)
        await writer.drain()
        return True

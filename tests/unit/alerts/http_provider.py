"""A provider's HTTP server on loopback, which answers what it is told to and keeps what it got."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from alerts.notify.notifier import Message

HANG, DROP, FLOOD = "hang", "drop", "flood"
FLOODED = 50_000_000


class Asked(NamedTuple):
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def json(self) -> Any:  # noqa: ANN401 # whatever stands there
        return msgspec.json.decode(self.body)


def answer(
    status: int,
    body: object = b"",
    *,
    headers: Mapping[str, str] | None = None,
    kind: str = "application/json",
) -> bytes:
    """An HTTP answer; what is not bytes goes as JSON."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\nConnection: close\r\n\r\n" + raw


class HttpProvider:
    """Answers each request with the next of ``answers``, the last one for ever."""

    def __init__(self, *answers: bytes | str) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.url = ""
        self.flooded = 0
        self._serving: set[asyncio.Task[object]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; gives the address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self.url
        finally:
            server.close()
            await server.wait_closed()
            if self._serving:
                await asyncio.wait(self._serving, timeout=10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            method, target, _ = line.split(" ")
            headers = {k.lower(): v for k, _, v in (h.partition(": ") for h in rest)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append(Asked(method, target, headers, body))
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await self._say(said, reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._serving.discard(task)

    async def _say(
        self, said: bytes | str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if said == HANG:
            await reader.read()
        elif said == FLOOD:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while self.flooded < FLOODED:
                writer.write(b"x" * 10_000)
                self.flooded += 10_000
                await writer.drain()
        elif isinstance(said, bytes):
            writer.write(said)
            await writer.drain()


def page(address: str, **more: object) -> Message:
    """A page of an incubator that is too warm, to A."""
    fields: dict[str, object] = {
        "id": "page-7",
        "kind": "page",
        "person": "A",
        "subject": "CRITICAL inc1.temperature 38.50 °C",
        "text": "CRITICAL inc1.temperature 38.50 °C\n\nDo now: close the door & wait\n\n"
        "Acknowledge (opens a page with a button):\nhttps://lab.example/ack/t0ken\n",
        "link": "https://lab.example/ack/t0ken",
        "severity": "critical",
        "rule": "inc1-temp-high",
        "occurrence": 3,
        **more,
    }
    return Message(address=address, **fields)  # type: ignore[arg-type] # of the caller

"""A real SMTP server on loopback, and what it does with mail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


class Postbox:
    """Answers each mail as ``answers`` says, then ``250``; keeps those it took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        self.refused_recipients: dict[str, str] = {}
        self.seconds = 0.0
        self.drops = 0
        self.asked = 0
        self.goodbye = True

    async def reach(self, count: int, *, within_s: float = 20.0) -> None:
        """Wait until it took ``count`` mails."""
        await until(lambda: len(self.mails) >= count, within_s=within_s)

    async def handle_RCPT(  # noqa: N802 # the name aiosmtpd looks for
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(  # noqa: N802 # the name aiosmtpd looks for
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        if not self.goodbye:
            await asyncio.Event().wait()
        return "221 Bye"

    async def handle_DATA(  # noqa: N802 # the name aiosmtpd looks for
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.drops:
            self.drops -= 1
            _cut(server)
            return "250 nobody hears it"
        if self.answers:
            answer = self.answers.pop(0)
            if not answer.startswith("250"):
                return answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
        return "250 taken"


@asynccontextmanager
async def serving(postbox: Postbox) -> AsyncIterator[int]:
    """The port of a server that hands its mail to ``postbox``."""
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(SMTP(postbox, hostname="test", enable_SMTPUTF8=True))
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in sessions:
            _cut(one)
        await until(lambda: all(_ended(one) for one in sessions))


def _cut(session: SMTP) -> None:
    if isinstance(session.transport, asyncio.Transport):
        session.transport.abort()


def _ended(session: SMTP) -> bool:
    return session._handler_coroutine is None or session._handler_coroutine.done()


async def until(condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 # any condition, also one without an event
            await asyncio.sleep(0.005)

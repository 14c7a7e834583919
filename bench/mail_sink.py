"""``python -m bench.mail_sink``: a mail server in a process of its own, for benchmarks.

Listens on 127.0.0.1, prints its port, takes every mail at once and forgets it, and ends when
its standard input does, saying how many there were.
"""

import asyncio
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Takes all mail."""

    def __init__(self) -> None:
        """Begin with none."""
        self.taken = 0

    async def handle_DATA(  # noqa: N802 # the name aiosmtpd looks for
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        """Count it."""
        self.taken += 1
        return "250 taken"


async def run() -> None:
    """Serve until standard input ends."""
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(sink, hostname="sink", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    print(sink.taken, flush=True)


if __name__ == "__main__":
    asyncio.run(run())

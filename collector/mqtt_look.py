"""Looks at what a broker keeps, once, and leaves nothing behind there."""

import asyncio
import time
from collections.abc import Sequence

from collector.mqtt_link import Link, Message
from collector.mqtt_settings import BrokerSettings
from storage.wall import wall_ms

MOST_MESSAGES = 5_000
MOST_BYTES = 16 * 1024 * 1024


async def retained(
    settings: BrokerSettings, topics: Sequence[str], *, quiet_s: float, most_s: float
) -> tuple[list[Message], dict[str, str]]:
    """The messages that the broker keeps at ``topics``, and the topics that it refuses, with why.

    Nothing says which is the last one: what has come when none came for ``quiet_s`` is all, or
    what has come by ``most_s``.

    Raises:
        LinkError: the broker cannot be reached, refuses, or the connection ended.
    """
    found: list[Message] = []
    size = 0
    news = asyncio.Event()

    def take(link: Link, message: Message) -> None:
        nonlocal size
        link.acknowledge(message)
        if len(found) < MOST_MESSAGES and size < MOST_BYTES and message.retained:
            found.append(message)
            size += len(message.payload)
        news.set()

    async with Link(settings, take, wall_ms) as link:
        ends_s = time.monotonic() + most_s
        refused = await link.subscribe(topics)
        while (left_s := ends_s - time.monotonic()) > 0:
            news.clear()
            try:
                async with asyncio.timeout(min(quiet_s, left_s)):
                    await news.wait()
            except TimeoutError:
                break
        # It fails where the connection broke: what came may then not be all.
        await link.unsubscribe(topics)
    return found, refused

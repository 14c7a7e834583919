"""Providers that do what the story says; else they take and deliver every message at once."""

import asyncio
from collections.abc import Callable

from alerts.notify.notifier import (
    Message,
    PermanentError,
    QuotaError,
    Sent,
    TemporaryError,
)
from alerts.rehearse.story import Doing, Provider


class Instruction:
    """How many messages are still to be treated so."""

    def __init__(self, asked: Provider) -> None:
        self.asked = asked
        self.left = asked.times

    def fits(self, channel: str, person: str) -> bool:
        """Whether it is meant for a message to ``person`` on ``channel``, and not used up."""
        asked = self.asked
        return self.left > 0 and asked.channel in {"", channel} and asked.person in {"", person}


class Providers:
    """All channels. ``hand`` notes a hand-over and gives the row of the outbox behind it.

    ``undelivered`` is called with the row of a message that was taken and then came back.
    """

    def __init__(self, hand: Callable[[Message], int], undelivered: Callable[[int], None]) -> None:
        self._hand = hand
        self._undelivered = undelivered
        self._instructions: list[Instruction] = []

    def instruct(self, asked: Provider) -> None:
        """Do so from now on, after what was asked for earlier is used up."""
        self._instructions.append(Instruction(asked))

    async def send(self, channel: str, message: Message) -> Sent:
        """Take a message, or fail as the story says.

        Raises:
            TemporaryError, PermanentError, QuotaError: as it was told to.
        """
        row = self._hand(message)
        doing = self._doing(channel, message.person)
        match doing:
            case "error":
                raise TemporaryError("the story says: temporary error")
            case "refuse":
                raise PermanentError("the story says: refused")
            case "quota":
                raise QuotaError("the story says: quota used up")
            case "hang":
                await asyncio.Event().wait()
            case "undelivered":
                self._undelivered(row)
        return Sent(provider_id=f"story-{row}", delivered=doing == "deliver")

    def _doing(self, channel: str, person: str) -> Doing:
        for instruction in self._instructions:
            if instruction.fits(channel, person):
                instruction.left -= 1
                return instruction.asked.does
        return "deliver"


class Channel:
    """One of them, as the outbox knows it."""

    def __init__(self, name: str, providers: Providers) -> None:
        self._name = name
        self._providers = providers

    async def send(self, message: Message) -> Sent:
        """Hand ``message`` over."""
        return await self._providers.send(self._name, message)

"""What the outbox asks of a channel: hand one message over, or say whether to try again."""

from typing import Protocol, runtime_checkable

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person, ready to be handed over.

    ``id`` names the row of the outbox, the same for each attempt, so that a provider which
    recognises repeats can drop them. ``kind`` is one of ``alerts.notice.Notice``. ``link`` lets
    the person acknowledge: whoever has it can, so it is sent and never logged or kept.
    """

    id: str
    kind: str
    person: str
    address: str
    subject: str
    text: str
    html: str = ""
    link: str = ""
    severity: str = ""
    rule: str = ""
    occurrence: int | None = None
    may_repeat: bool = False

    @property
    def asks(self) -> bool:
        """Whether somebody is to act: it rings as loud as the channel can.

        The list of a hand-over stands for pages, and a drill has to take their way.
        """
        return self.kind in {"page", "handover", "drill"}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The provider took the message. ``delivered`` says that this was also the receipt."""

    provider_id: str = ""
    delivered: bool = False


class SendError(Exception):
    """A message was not handed over; the text says why and what to look at."""


class TemporaryError(SendError):
    """Trying again helps. ``retry_after_s`` is what the provider asked for, in seconds.

    ``perhaps_taken``: it was cut off before it said whether it took the message.
    """

    def __init__(
        self, reason: str, *, retry_after_s: float | None = None, perhaps_taken: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.perhaps_taken = perhaps_taken


class PermanentError(SendError):
    """Trying again on this channel cannot help: wrong address, refused sender, bad secret."""


class QuotaError(PermanentError):
    """The provider's quota or credit is used up: nothing can be sent on this channel."""


class Notifier(Protocol):
    """One channel."""

    async def send(self, message: Message) -> Sent:
        """Hand ``message`` over, within a bounded time.

        Raises:
            TemporaryError: not now.
            PermanentError: not on this channel.
        """
        ...


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider that is asked says of a message it took.

    ``delivered`` is None while nobody knows. ``acknowledged_by`` is the address of who acknowledged
    with the provider, ``acknowledged_at`` when, in epoch ms; None where nobody did.
    ``over``: nothing more will be heard of it.
    """

    delivered: bool | None = None
    acknowledged_by: str = ""
    acknowledged_at: int | None = None
    over: bool = False


@runtime_checkable
class Receipts(Protocol):
    """What a channel can do beside, where its provider must be asked what became of a message."""

    async def poll(self, provider_id: str) -> Word:
        """Ask, within a bounded time.

        Raises:
            TemporaryError: no answer now.
            PermanentError: the provider knows no such message.
        """
        ...

    async def cancel(self, provider_id: str) -> None:
        """Stop what the provider still repeats; errors as of ``poll``."""
        ...

"""Table A6: what becomes of one message to one person on one channel. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Delivery(StrEnum):
    """Where a row of the outbox stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Event(StrEnum):
    """What can happen to a row. The first nine are the columns of A6.

    ``replaced``: a newer page of the same alarm to the same person stands in the outbox.
    ``outlived``: a notice that pages nobody is past its use. ``bundled``: a summary carries the
    page; from here on what happens to the one happens to the other. ``no answer yet``: the attempt
    is under way for longer than somebody can wait who has another channel.
    """

    CLAIM = "claim"
    ACCEPT = "provider accepts"
    RECEIPT = "receipt delivered"
    TEMPORARY = "temporary error"
    PERMANENT = "permanent error"
    LEASE_OVER = "lease over"
    NO_RECEIPT = "no receipt in time"
    ACKED = "alarm acked"
    QUOTA = "quota gone"
    REPLACED = "replaced"
    OUTLIVED = "outlived"
    BUNDLED = "bundled"
    SLOW = "no answer yet"


class Act(StrEnum):
    """What is to be done beside the change of state."""

    NONE = "-"
    REFUSE = "refuse"
    LEASE = "lease"
    KEEP_ID = "keep the provider's id"
    BACK_OFF = "back off"
    MARK = "mark may repeat"
    NOTE = "finish, then note"
    NEXT_CHANNEL = "next channel"
    NEXT_WAY = "next channel or person, and say so"
    CORRECT = "corrected"


class Step(NamedTuple):
    """One cell: the state that follows, and what is to be done."""

    to: Delivery
    act: Act = Act.NONE


_CHANGES: Mapping[Delivery, Mapping[Event, Step]] = {
    Delivery.QUEUED: {
        Event.CLAIM: Step(Delivery.CLAIMED, Act.LEASE),
        Event.ACKED: Step(Delivery.CANCELLED),
        Event.QUOTA: Step(Delivery.FAILED, Act.NEXT_WAY),
        Event.REPLACED: Step(Delivery.CANCELLED),
        Event.OUTLIVED: Step(Delivery.EXPIRED),
    },
    Delivery.CLAIMED: {
        Event.CLAIM: Step(Delivery.CLAIMED, Act.REFUSE),
        Event.ACCEPT: Step(Delivery.ACCEPTED, Act.KEEP_ID),
        Event.RECEIPT: Step(Delivery.DELIVERED),
        Event.TEMPORARY: Step(Delivery.QUEUED, Act.BACK_OFF),
        Event.PERMANENT: Step(Delivery.FAILED, Act.NEXT_WAY),
        Event.LEASE_OVER: Step(Delivery.UNKNOWN),
        Event.ACKED: Step(Delivery.CLAIMED, Act.NOTE),
        Event.QUOTA: Step(Delivery.FAILED, Act.NEXT_WAY),
        Event.SLOW: Step(Delivery.CLAIMED, Act.NEXT_CHANNEL),
    },
    # The second half of "lease over": nobody knows whether it was sent, so it is sent again.
    Delivery.UNKNOWN: {
        Event.LEASE_OVER: Step(Delivery.QUEUED, Act.MARK),
        Event.RECEIPT: Step(Delivery.DELIVERED),
        Event.ACKED: Step(Delivery.CANCELLED),
    },
    Delivery.ACCEPTED: {
        Event.RECEIPT: Step(Delivery.DELIVERED),
        Event.PERMANENT: Step(Delivery.FAILED, Act.NEXT_WAY),
        Event.NO_RECEIPT: Step(Delivery.ACCEPTED, Act.NEXT_CHANNEL),
    },
    Delivery.FAILED: {
        Event.RECEIPT: Step(Delivery.DELIVERED, Act.CORRECT),
        Event.QUOTA: Step(Delivery.FAILED, Act.NEXT_WAY),
    },
    Delivery.DELIVERED: {},
    Delivery.CANCELLED: {},
    Delivery.EXPIRED: {},
}

TABLE: Mapping[tuple[Delivery, Event], Step] = MappingProxyType(
    {
        (state, event): _CHANGES[state].get(event, Step(state))
        for state in Delivery
        for event in Event
    }
)


def advance(state: Delivery, event: Event, *, tries: int = 0, max_tries: int = 0) -> Step:
    """The cell for ``event`` in ``state``.

    ``tries`` counts the attempts made, this one included; a temporary error of the last of
    ``max_tries`` is as good as a permanent one.
    """
    if event is Event.TEMPORARY and tries >= max_tries:
        event = Event.PERMANENT
    return TABLE[state, event]


def back_off_ms(tries: int) -> int:
    """Milliseconds until the next attempt after ``tries`` failed ones: 1, 2, 4 … 30 s."""
    return min(1_000 << min(max(0, tries - 1), 5), 30_000)

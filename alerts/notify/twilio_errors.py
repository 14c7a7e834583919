"""What Twilio's error codes ask of the sender (twilio.com/docs/api/errors). Pure."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from alerts.notify.http import Answer, refusal, retry_after_s
from alerts.notify.notifier import PermanentError, QuotaError, SendError, TemporaryError


class Reaction(Enum):
    """What the sender does about it: again, the next way, or no more on this channel."""

    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    QUOTA = "quota"


class Meaning(NamedTuple):
    """What a code asks for, and words that say what to do."""

    reaction: Reaction
    words: str


_AGAIN, _NEVER, _NONE_LEFT = Reaction.TEMPORARY, Reaction.PERMANENT, Reaction.QUOTA
MEANINGS: Mapping[int, Meaning] = MappingProxyType(
    {
        10001: Meaning(_NONE_LEFT, "the account is not active; look at its billing"),
        10004: Meaning(_AGAIN, "too many calls at once"),
        14107: Meaning(_AGAIN, "too many messages to one number within 30 s"),
        20003: Meaning(_NEVER, "refused to log in; check account_sid and auth_token of [twilio]"),
        20429: Meaning(_AGAIN, "too many requests at once"),
        21210: Meaning(_NEVER, "the calling number is not one of the account; check [twilio]"),
        21211: Meaning(_NEVER, "the person's number is none; correct it in the site's file"),
        21214: Meaning(_NEVER, "the person's number cannot be called"),
        21215: Meaning(_NEVER, "calls to that country are not permitted to the account"),
        21408: Meaning(_NEVER, "messages to that country are not permitted to the account"),
        21606: Meaning(_NEVER, "the sender cannot send messages to that number; check [twilio]"),
        21608: Meaning(_NEVER, "a trial account reaches verified numbers only"),
        21610: Meaning(
            _NEVER, "the person replied STOP; START from their phone lets them in again"
        ),
        21611: Meaning(_AGAIN, "the sender's queue is full"),
        21612: Meaning(_NEVER, "there is no route to that number from this sender"),
        21614: Meaning(_NEVER, "the person's number is not a mobile one"),
        30001: Meaning(_AGAIN, "the queue is full"),
        30002: Meaning(_NONE_LEFT, "the account is suspended; look at its billing"),
        30003: Meaning(_NEVER, "the phone is off or out of reach"),
        30004: Meaning(_NEVER, "the person or the carrier blocks such messages"),
        30005: Meaning(_NEVER, "the number is unknown or not in service"),
        30006: Meaning(_NEVER, "the number is a landline, or its carrier cannot be reached"),
        30007: Meaning(_NEVER, "a carrier filtered the message out"),
        30008: Meaning(_NEVER, "the carrier gives no reason"),
        30450: Meaning(
            _NEVER, "held by fraud protection for up to 30 min; put it on the safe list"
        ),
        60728: Meaning(_NONE_LEFT, "the hourly limit of messages is used up"),
        63017: Meaning(_AGAIN, "too many messages a second"),
        63038: Meaning(_NONE_LEFT, "the daily limit of messages is used up"),
    }
)


def explained(code: int | None) -> str:
    """A code with what it means, for a person; empty for none."""
    if code is None:
        return ""
    known = MEANINGS.get(code)
    return f"{code} {known.words}" if known else f"{code}, see twilio.com/docs/api/errors/{code}"


def error(answer: Answer, code: int | None, reason: str) -> SendError:
    """What a refusal asks for: by Twilio's code where it is known, else by the status."""
    known = None if code is None else MEANINGS.get(code)
    match known.reaction if known else None:
        case Reaction.TEMPORARY:
            return TemporaryError(reason, retry_after_s=retry_after_s(answer))
        case Reaction.PERMANENT:
            return PermanentError(reason)
        case Reaction.QUOTA:
            return QuotaError(reason)
        case None:
            return refusal(answer, reason)

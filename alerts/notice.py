"""What a message is about."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from alerts.transition import What


class Notice(StrEnum):
    """Kinds of messages. A page, and a summary of pages, ask for somebody.

    The others go to who was paged.
    """

    PAGE = "page"
    SUMMARY = "summary"
    NEWS = "news"
    CORRECTION = "correction"
    ALL_CLEAR = "all_clear"
    CLOSED = "closed"


ASKING = frozenset({Notice.PAGE, Notice.SUMMARY})
CLOSING = frozenset({Notice.ALL_CLEAR, Notice.CLOSED})

NOTICE_OF: Mapping[What, Notice] = MappingProxyType(
    {
        What.QUEUED: Notice.PAGE,
        What.NOTICE: Notice.NEWS,
        What.CORRECTION: Notice.CORRECTION,
        What.ALL_CLEAR: Notice.ALL_CLEAR,
        What.CLOSED: Notice.CLOSED,
    }
)

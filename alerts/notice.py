"""What a message is about."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from alerts.transition import What


class Notice(StrEnum):
    """Kinds of messages. A page, and a summary of pages, ask for somebody.

    Others go to who was paged for that alarm. Those from ``handover`` on stand for themselves: the
    list of a change of shift, what quiet hours held back, a drill, and word about the alarm system.
    """

    PAGE = "page"
    SUMMARY = "summary"
    NEWS = "news"
    CORRECTION = "correction"
    ALL_CLEAR = "all_clear"
    CLOSED = "closed"
    HANDOVER = "handover"
    DIGEST = "digest"
    DRILL = "drill"
    SYSTEM = "system"


ASKING = frozenset({Notice.PAGE, Notice.SUMMARY})
CLOSING = frozenset({Notice.ALL_CLEAR, Notice.CLOSED})

LISTS = frozenset({Notice.HANDOVER, Notice.DIGEST})
"""One message for several alarms; with it the person was paged for those that are open."""

URGENT = LISTS | {Notice.PAGE}
"""What goes by the person's next channel when one does not take it, or gives no receipt."""

ALONE = LISTS | {Notice.DRILL, Notice.SYSTEM}
"""What does not need an earlier page."""

NOTICE_OF: Mapping[What, Notice] = MappingProxyType(
    {
        What.QUEUED: Notice.PAGE,
        What.NOTICE: Notice.NEWS,
        What.CORRECTION: Notice.CORRECTION,
        What.ALL_CLEAR: Notice.ALL_CLEAR,
        What.CLOSED: Notice.CLOSED,
        What.HANDOVER: Notice.HANDOVER,
        What.DRILL: Notice.DRILL,
        What.SYSTEM: Notice.SYSTEM,
    }
)

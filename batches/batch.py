"""A batch: one culture, from the day it is opened to the day it is closed."""

import re

import msgspec

_ID = re.compile(r"[A-Z][A-Z0-9]{0,15}-[0-9]{4}-[0-9]{4,6}")


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, when it was done, and why.

    ``at`` is epoch milliseconds, UTC; None means now. A reason must be given for what was done
    longer ago than ``batches.placement.PROMPT_MS``, and for every correction.
    """

    by: str
    at: int | None = None
    reason: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the ledger knows it now. ``row`` is the entry that says so.

    Times are epoch milliseconds, UTC; ``closed_at`` is None while it is open.
    """

    row: int
    id: str
    product: str
    protocol: str
    opened_at: int
    opened_by: str
    reason: str
    closed_at: int | None = None
    closed_by: str | None = None
    closed_why: str | None = None
    closure: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the culture may still be placed and moved."""
        return self.closed_at is None


def check_id(text: str) -> str:
    """``text``, if it is formed like a batch id: ``B-2026-0001``, with any short prefix.

    Raises:
        ValueError: it is not.
    """
    if not _ID.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a batch id; write a prefix, the year and a number: B-2026-0001"
        )
    return text

"""How patient the outbox is."""

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the outbox waits for what, in milliseconds, and how often it tries.

    ``answer_ms`` is how long an attempt may be without an answer before the person's next channel
    is tried beside it, and ``channel_ms`` how long one channel is tried in all where the person
    has another. ``bundle_ms`` is how long further pages to somebody who was just paged wait for
    each other, to go as one message; 0 sends each by itself. ``skew_ms`` is how far apart the
    clocks of two senders on one store may be; 0 for one that has the store for itself.
    """

    lease_ms: int = 30_000
    answer_ms: int = 10_000
    channel_ms: int = 20_000
    receipt_ms: int = 60_000
    again_ms: int = 60_000
    outlived_ms: int = 24 * 3_600_000
    max_tries: int = 5
    bundle_ms: int = 0
    skew_ms: int = 30_000

    @property
    def longest_ms(self) -> int:
        """No row is due later than this; one that is was dated by a clock that was wrong."""
        return max(self.lease_ms, self.again_ms, self.bundle_ms, 60_000) + self.skew_ms

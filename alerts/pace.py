"""How patient the outbox is."""

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the outbox waits for what, in milliseconds, and how often it tries.

    ``bundle_ms`` is how long further pages to somebody who was just paged wait for each other,
    to go as one message; 0 sends each by itself.
    """

    lease_ms: int = 30_000
    receipt_ms: int = 60_000
    again_ms: int = 60_000
    outlived_ms: int = 24 * 3_600_000
    max_tries: int = 5
    bundle_ms: int = 0

    @property
    def longest_ms(self) -> int:
        """No row is due later than this; one that is was dated by a clock that was wrong."""
        return max(self.lease_ms, self.again_ms, self.bundle_ms, 60_000)

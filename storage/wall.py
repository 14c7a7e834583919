"""The wall clock, as times of readings and of acts are kept."""

import time


def wall_ms() -> int:
    """Epoch milliseconds, UTC."""
    return time.time_ns() // 1_000_000

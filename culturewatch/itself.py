"""The system as one of its own devices: what it is called, and which version it is."""

from importlib.metadata import version as installed

DEVICE = "culturewatch"
"""The id under which it is watched; no other device may have it."""

NAME = "culturewatch itself"
PERIOD_MS = 10_000


def version() -> str:
    """The version that is installed."""
    return installed("culturewatch")

"""The system as one of its own devices: what it is called."""

DEVICE = "culturewatch"
"""The id under which it is watched; no other device may have it."""

NAME = "culturewatch itself"
PERIOD_MS = 10_000

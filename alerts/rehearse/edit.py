"""What a story may write as the new value of a rule's field."""

import msgspec

from alerts.rule import Rule
from devices import duration
from devices.duration import Duration

_LEAST = {"id": "rule", "channel": "device.key", "kind": "high"}
"""Without these there is no rule."""


def misfit(name: str, value: object) -> str:
    """Why ``value`` can be the field ``name`` of no rule; empty if it can.

    Empty text takes a value away.
    """
    if value == "":
        return ""
    try:
        msgspec.convert({**_LEAST, name: value}, Rule, strict=False, dec_hook=_span)
    except (msgspec.MsgspecError, ValueError) as error:
        return str(error).partition(" - at ")[0]
    return ""


def _span(_kind: type, value: object) -> Duration:
    """The only type of a rule's fields that msgspec does not know is the span."""
    if isinstance(value, str):
        return duration.parse(value)
    raise ValueError(f"a span of time is written as text, such as '90s'; got {value!r}")

"""Parts of the state as older versions wrote them, in the shape of this one.

Fields that were added at the end of a part need nothing: they have their defaults.
"""

import msgspec

from alerts.engine.overlay import BARE, Shade

_ALARM, _OVERLAY = 2, 18
"""Where the alarm stands in the part of a rule, and what keeps it quiet in the alarm."""


def rule_part(data: bytes) -> bytes:
    """The part of a rule. Before alarms could be shelved the overlay was a word, always ``none``.

    What is no such part is given back as it is.
    """
    try:
        part = msgspec.msgpack.decode(data)
        if part[_ALARM][_OVERLAY] != Shade.NONE.value:
            return data
    except (msgspec.MsgspecError, LookupError, TypeError):
        return data
    part[_ALARM][_OVERLAY] = msgspec.to_builtins(BARE)
    return msgspec.msgpack.encode(part)

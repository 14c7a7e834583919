"""Which alarms one acknowledgement for all of them means. Pure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from alerts.engine.view import AlarmView

UNACKNOWLEDGED = frozenset({"U", "R", "LU"})


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Of which devices, and of which severity; empty means any."""

    devices: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As people read it."""
        of = f"of {' and '.join(self.devices)}" if self.devices else "of the whole site"
        return f"{of}, {' or '.join(self.severities)}" if self.severities else of

    def covers(self, alarm: "AlarmView") -> bool:
        """Whether the alarm waits for somebody and is meant."""
        return (
            alarm.state in UNACKNOWLEDGED
            and (not self.devices or alarm.channel.partition(".")[0] in self.devices)
            and (not self.severities or alarm.worst in self.severities)
        )


def meant(alarms: Iterable["AlarmView"], scope: Scope) -> dict[str, dict[str, str]]:
    """By rule what its acknowledgement covers: the occurrence and severity that are shown now.

    An alarm that begins, or grows worse, while somebody types is not among them: it refuses.
    """
    return {
        alarm.rule: {"occurrence": str(alarm.occurrence), "severity": alarm.worst}
        for alarm in alarms
        if scope.covers(alarm)
    }

"""How a running core says how it is: one small file beside the data, written each second."""

import os
from pathlib import Path

import msgspec

from collector.mqtt_settings import MqttStats
from collector.poll import EndpointStats
from collector.rounds import TalkLinkStats
from storage.influx import ForwarderStatus
from storage.stats import JournalStats

NAME = "status.json"


class ClockStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The core's clock. ``unsure``: it was set a moment ago, and readings are marked.

    ``error_us`` is the most by which the kernel knows it to be wrong (adjtimex(2), maxerror);
    negative where no time server sets it, None where that cannot be told.
    """

    error_us: int | None
    unsure: bool


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The core at ``at`` (epoch ms). Counts are since ``started``.

    ``lines`` are the links to devices that speak text. ``alarm_cursor`` is the entry up to which
    alarms are judged, ``refused`` how many scans the journal could not take. ``troubles`` are the
    newest lines about the system itself.
    """

    at: int
    started: int
    pid: int
    version: str
    configuration: str
    journal: JournalStats
    modbus: tuple[EndpointStats, ...]
    lines: tuple[TalkLinkStats, ...] = ()
    http: tuple[TalkLinkStats, ...] = ()
    mqtt: dict[str, MqttStats]
    forwarding: ForwarderStatus | None
    alarm_cursor: int
    refused: int
    troubles: tuple[str, ...]
    clock: ClockStatus | None = None

    @property
    def received(self) -> int:
        """Messages, lines and answered polls."""
        polls = sum(d.polls - d.unanswered for e in self.modbus for d in e.devices)
        talk = sum(d.answered for link in (*self.lines, *self.http) for d in link.devices)
        return polls + talk + sum(broker.messages for broker in self.mqtt.values())


def write(folder: Path, status: RunStatus) -> None:
    """Put ``status`` in place of the one before, whole or not at all.

    Raises:
        OSError: the folder does not take it.
    """
    fresh = folder / f"{NAME}.new"
    fresh.write_bytes(msgspec.json.encode(status))
    fresh.replace(folder / NAME)


def read(folder: Path) -> RunStatus | None:
    """What the core last said; None when it never ran there, or cannot be understood."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=RunStatus)
    except (OSError, msgspec.MsgspecError):
        return None


def is_alive(status: RunStatus) -> bool:
    """Whether the process that wrote it is still there."""
    if status.pid <= 0:
        # To the system these are groups of processes.
        return False
    try:
        os.kill(status.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True

"""What the collection over one MQTT broker is told, and what it tells of itself."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from devices.profile import Profile
from devices.scan import Layout

WINDOW = 2_000
"""With fewer under way the disk is waited for, with more little is won (``bench.mqtt``)."""
MOST_WINDOW = 65_535
"""As many messages as MQTT has packet ids for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What proves the broker to us, and us to the broker, as PEM files.

    ``ca`` is the authority that signed the broker's certificate; None: those the machine trusts.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """One broker. ``password`` is the secret itself and is never printed.

    ``client_id`` must stay the same over restarts: the broker keeps under it what is not yet
    acknowledged. ``window`` is the most messages that are taken in and not yet acknowledged.
    Where the connection is not ``lasting``, the broker keeps nothing, and sends what it retains.

    Raises:
        ValueError: the client id is empty, or the window is none.
    """

    id: str
    host: str
    client_id: str
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    window: int = WINDOW
    tls: TlsFiles | None = None
    lasting: bool = True

    def __post_init__(self) -> None:
        if not self.client_id:
            raise ValueError(f"broker {self.id}: without a client id the broker keeps nothing")
        if not 1 <= self.window <= MOST_WINDOW:
            raise ValueError(
                f"broker {self.id}: window {self.window} is outside 1 to {MOST_WINDOW}"
            )

    @property
    def address(self) -> str:
        """Where the broker is, as people write it."""
        return f"{self.host}:{self.port}"


class Subscription(msgspec.Struct, frozen=True):
    """What is expected at one address: a device, and a message each ``period_ms``.

    The address is the device's topic, with ``#`` and a probe's Id where it is one of several
    (``devices.dialects.address``).
    """

    layout: Layout
    profile: Profile
    period_ms: int


class MqttStats(msgspec.Struct, frozen=True, kw_only=True):
    """What has been seen since the start.

    ``unacknowledged`` messages are taken in and not yet stored. ``repeats`` are messages that
    may have been stored before and carry nothing to tell. Of ``misdated`` ones the device's own
    stamp was rejected: missing, before 2000, or far ahead. ``last_message_ms`` is, for each
    device heard, the epoch millisecond at which its last message came.
    """

    connected: bool
    connects: int
    messages: int
    bytes: int
    stored: int
    duplicates: int
    conflicts: int
    repeats: int
    poison: int
    absent: int
    unacknowledged: int
    waiting_for_journal: bool
    refused_topics: tuple[str, ...]
    last_message_ms: dict[str, int]
    misdated: int = 0

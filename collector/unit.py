"""What the poller remembers of one Modbus device."""

import logging
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from collector import breaker
from collector.address import Address
from collector.schedule import Beat
from devices.codec import Decoder
from devices.duration import Duration
from devices.plan import Block, Plan, plan, split
from devices.profile import Profile
from devices.scan import Layout
from devices.transport import Modbus

log = logging.getLogger(__name__)

RETRY_REFUSED_S = 600.0
"""How long a refused read is left out; a device that was starting up may give it later."""
NEVER_S = float("inf")
SILENCES = 3
"""How often in a row a block may stay unanswered, where others are, before it is parted."""


class ModbusDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device to poll: unit ``unit`` at ``address``, once every ``period``.

    Raises:
        ValueError: the profile is not a Modbus one, or the layout is not the profile's.
    """

    layout: Layout
    profile: Profile
    address: Address
    unit: int
    period: Duration

    def __post_init__(self) -> None:
        keys = tuple(channel.key for channel in self.profile.channels)
        if self.profile.modbus is None or keys != self.layout.keys:
            raise ValueError(f"{self.layout.device}: is not laid out as {self.profile.model}")
        if self.period <= 0:
            raise ValueError(f"{self.layout.device}: a period of {self.period} is none")

    @property
    def modbus(self) -> Modbus:
        """How the model wants to be read."""
        assert self.profile.modbus is not None  # noqa: S101 # held by __post_init__
        return self.profile.modbus


class DeviceStats(msgspec.Struct, frozen=True, kw_only=True):
    """How the polling of one device went since the start.

    ``polls`` are ticks taken, ``on_time`` those answered whole before the next tick, ``missed``
    ticks skipped because the one before took too long, ``unanswered`` polls to which the unit
    said nothing, ``refused_blocks`` reads it refuses at present. ``round_trip_ms`` is that of
    the last poll that was answered, from the first request to the last answer.
    """

    device: str
    endpoint: str
    unit: int
    is_answering: bool
    is_probed: bool
    polls: int
    on_time: int
    missed: int
    unanswered: int
    refused_blocks: int
    round_trip_ms: float


class Unit:
    """A device, what it was found to refuse, and how it has been answering."""

    __slots__ = (
        "_retry_s",
        "_silences",
        "beat",
        "blocks",
        "breaker",
        "decoder",
        "device",
        "hurried_s",
        "introduce_s",
        "is_answering",
        "is_told_lost",
        "is_told_shy",
        "on_time",
        "polls",
        "refused",
        "round_trip_s",
        "timeout_s",
        "unanswered",
    )

    def __init__(self, device: ModbusDevice, beat: Beat) -> None:
        self.device = device
        self.beat = beat
        self.timeout_s = device.modbus.timeout.seconds
        self.blocks: tuple[Block, ...] = _planned(device.profile).blocks
        self.decoder = _compiled(device.profile, self.blocks)
        self.refused: tuple[Block, ...] = ()
        self.breaker = breaker.HEALTHY
        self.is_answering = False
        self.hurried_s = NEVER_S
        self.is_told_lost = False
        self.is_told_shy = False
        self.introduce_s = 0.0 if device.modbus.identity else NEVER_S
        self.polls = 0
        self.on_time = 0
        self.unanswered = 0
        self.round_trip_s = 0.0
        self._retry_s = NEVER_S
        self._silences: dict[Block, int] = {}

    @property
    def wanted_s(self) -> float:
        """Since when, or from when on, the unit is to be polled."""
        return min(self.beat.due_s, self.hurried_s)

    def adopt(self, blocks: Sequence[Block], refused: Sequence[Block], now_s: float) -> None:
        """From now on read ``blocks`` and leave ``refused`` out for a while."""
        self.blocks = tuple(blocks)
        self.refused += tuple(refused)
        self.decoder = _compiled(self.device.profile, self.blocks)
        if refused:
            self._retry_s = now_s + RETRY_REFUSED_S

    def postpone(self, silent: Block, now_s: float) -> tuple[Block, ...]:
        """Ask for ``silent`` last, as the unit left only it unanswered; gives what is left out.

        Some devices say nothing where they should refuse: after three times in a row it is
        parted, and what cannot be parted is left out for a while.
        """
        self._silences[silent] = self._silences.get(silent, 0) + 1
        self.ask_last(silent)
        if self._silences[silent] < SILENCES:
            return ()
        del self._silences[silent]
        halves = split(silent)
        refused = () if halves else (silent,)
        self.adopt((*self.blocks[:-1], *halves), refused, now_s)
        return refused

    def returned(self) -> None:
        """Note that it, or the link to it, was away: another may have been put in its place."""
        if self.device.modbus.identity:
            self.introduce_s = 0.0

    def tell_shy(self, why: str) -> None:
        """Say once that the device does not say who it is: an exchange would go unnoticed."""
        if not self.is_told_shy:
            log.warning("%s does not say who it is: %s", self.device.layout.device, why)
        self.is_told_shy = True

    def answered(self) -> None:
        """Note that every block was answered: a silence after this is a first one again."""
        self._silences.clear()

    def ask_last(self, silent: Block) -> None:
        """Put ``silent`` behind the other blocks."""
        self.blocks = (*(block for block in self.blocks if block != silent), silent)
        self.decoder = _compiled(self.device.profile, self.blocks)

    def reconsider(self, now_s: float) -> None:
        """When its time has come, try again what the device refused."""
        if now_s >= self._retry_s:
            self._retry_s = NEVER_S
            self.refused = ()
            self.adopt(_planned(self.device.profile).blocks, (), now_s)

    def stats(self, endpoint: str) -> DeviceStats:
        """A snapshot of the counters."""
        return DeviceStats(
            device=self.device.layout.device,
            endpoint=endpoint,
            unit=self.device.unit,
            is_answering=self.is_answering,
            is_probed=self.breaker.is_open,
            polls=self.polls,
            on_time=self.on_time,
            missed=self.beat.missed,
            unanswered=self.unanswered,
            refused_blocks=len(self.refused),
            round_trip_ms=self.round_trip_s * 1000,
        )


# A thousand devices of one model share one plan and one decoder.
@lru_cache(maxsize=1024)
def _planned(profile: Profile) -> Plan:
    return plan(profile)


@lru_cache(maxsize=1024)
def _compiled(profile: Profile, blocks: tuple[Block, ...]) -> Decoder:
    return Decoder(profile, blocks)

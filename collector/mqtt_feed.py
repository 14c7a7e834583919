"""One device: what its messages say, when that was so, and by what a repeat is recognised."""

import hashlib
from collections import deque
from collections.abc import Iterable

import msgspec

from collector.mqtt_link import Message
from collector.mqtt_settings import Subscription
from devices.decoded import Decoded
from devices.dialects.reader import Reader
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.waiting import MessageKey

EARLIEST_MS = 946_684_800_000
"""2000-01-01. A device whose clock shows less was never set."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01. No clock that works shows more."""
AHEAD_MS = 600_000
"""How far a device's clock may be ahead of ours."""
LATE_MS = 60_000
"""How much older than two periods a live reading may be; what is older was buffered."""
_RECENT = 64
_NUDGE_MS = 60_000

_UNSURE = bytes.maketrans(bytes([Quality.GOOD]), bytes([Quality.CLOCK_UNSURE]))
_STALE = bytes.maketrans(
    bytes(quality for quality in Quality if quality.has_value),
    bytes([Quality.STALE] * sum(quality.has_value for quality in Quality)),
)


class Intake(msgspec.Struct, frozen=True):
    """A message as it goes to the journal.

    ``by_sequence`` says that the key has no stamp of the device: after a restart of the device
    the same key may stand for another reading. ``stamp_fault`` is why the device's stamp
    could not be used, or empty. ``gone``: it is word that the device does not speak.
    """

    scan: Scan
    key: MessageKey | None
    by_sequence: bool
    stamp_fault: str
    gone: bool = False


class Feed:
    """The messages of one device, in the order in which they come.

    A reading is taken to be of the time that the device stamps on it. Where the stamp is
    missing, unusable, before 2000 or more than 10 minutes ahead, it is of its arrival and marked
    clock unsure. Where the profile knows no stamp, it is of its arrival, and marked clock unsure
    if the broker may have kept it while we were away. A message that the broker retains and
    that says no time is stale. A stamp older than two periods and a minute was buffered.
    """

    def __init__(
        self, address: str, subscription: Subscription, reader: Reader | None = None
    ) -> None:
        """Without ``reader``, the device's messages are read elsewhere, and given to ``give``."""
        self._address = address
        self.layout = subscription.layout
        self._period_ms = subscription.period_ms
        self._reader = reader
        self._parts: dict[tuple[int, ...], Layout] = {}
        mqtt = subscription.profile.mqtt
        self._stamps = mqtt is not None and mqtt.stamp is not None
        self._last_at = 0
        self._came_s = 0.0
        self._is_draining = False
        self._run = ""
        self._recent: deque[bytes] = deque(maxlen=_RECENT)
        self._before: set[bytes] = set()

    @property
    def device(self) -> str:
        """Who speaks here."""
        return self.layout.device

    def resume(self, now_s: float) -> None:
        """Note a new connection on which the broker first sends what it kept for us."""
        self._is_draining = True
        self._came_s = now_s
        self._before = set(self._recent)

    def restart(self, key: MessageKey, received: int) -> None:
        """Note that the device counts anew: the message that came at ``received`` shows it."""
        # Messages already on their way to the journal carry the old count's marks, and show
        # the same restart once more.
        if key.mark.startswith(f"{self._run}#"):
            self._run = str(received)

    def take(
        self, message: Message, *, now_s: float, clock_unsure: bool, tail: str = ""
    ) -> tuple[Intake, ...]:
        """What a message on the topic called ``tail`` says.

        Raises:
            PoisonError: nothing can be read in it.
        """
        assert self._reader is not None  # noqa: S101 # else nobody routes a message here
        said = self._reader.read(tail, message.payload)
        return self.give(said, message, now_s=now_s, clock_unsure=clock_unsure)

    def give(
        self, said: Iterable[Decoded], message: Message, *, now_s: float, clock_unsure: bool
    ) -> tuple[Intake, ...]:
        """What was read in a message, as it goes to the journal."""
        self._note_arrival(now_s)
        return tuple([self._intake(one, message, clock_unsure=clock_unsure) for one in said])

    def _intake(self, decoded: Decoded, message: Message, *, clock_unsure: bool) -> Intake:
        fault = decoded.stamp_fault or _implausible(
            decoded.stamp, message.received, clock_unsure=clock_unsure
        )
        stamp = None if fault else decoded.stamp
        digest = decoded.digest or hashlib.sha256(message.payload).digest()
        mark = self._mark(stamp, decoded.sequence)
        repeat = not mark and not decoded.gone and self._is_repeat(message)
        scan = self._scan(decoded, message, stamp, repeat=repeat, clock_unsure=clock_unsure)
        key = MessageKey(self._key_topic(decoded.said), mark, digest) if mark else None
        return Intake(scan, key, key is not None and stamp is None, fault, decoded.gone)

    def _key_topic(self, said: tuple[int, ...] | None) -> str:
        if said is None:
            return self._address
        return f"{self._address} {','.join(self._layout(said).keys)}"

    def _layout(self, said: tuple[int, ...] | None) -> Layout:
        whole = self.layout
        if said is None or len(said) == len(whole.keys):
            return whole
        part = self._parts.get(said)
        if part is None:
            keys, quantities = whole.keys, whole.quantities
            part = self._parts[said] = Layout(
                whole.device, tuple(keys[n] for n in said), tuple(quantities[n] for n in said)
            )
        return part

    def _note_arrival(self, now_s: float) -> None:
        # What the broker kept comes in a rush; a pause is the end of it.
        if self._is_draining and (now_s - self._came_s) * 2000 >= self._period_ms:
            self._is_draining = False
        self._came_s = now_s

    def _mark(self, stamp: int | None, sequence: int | None) -> str:
        if stamp is None:
            return "" if sequence is None else f"{self._run}#{sequence}"
        return str(stamp) if sequence is None else f"{stamp}#{sequence}"

    def _is_repeat(self, message: Message) -> bool:
        digest = hashlib.sha256(message.payload).digest()
        self._recent.append(digest)
        # Not every broker says that it sends something again.
        return message.again or (self._is_draining and digest in self._before)

    def _scan(
        self,
        decoded: Decoded,
        message: Message,
        stamp: int | None,
        *,
        repeat: bool,
        clock_unsure: bool,
    ) -> Scan:
        values, qualities, source = decoded.values, decoded.qualities, Source.LIVE
        if decoded.past:
            source = Source.BACKFILL
        if stamp is not None:
            at = stamp
            late = message.received - at > 2 * self._period_ms + LATE_MS
            if late and not clock_unsure:
                source = Source.BACKFILL
        else:
            at = self._arrival(message.received)
            if message.retained:
                qualities = qualities.translate(_STALE)
                values = (None,) * len(values)
        promised = self._stamps or bool(decoded.stamp_fault)
        if clock_unsure or (stamp is None and (promised or self._is_draining)):
            qualities = qualities.translate(_UNSURE)
        if decoded.test:
            source = Source.TEST
        return Scan(
            self._layout(decoded.said), at, message.received, values, qualities, source, repeat
        )

    def _arrival(self, received: int) -> int:
        # Two readings must not have one time; a clock that was set back is followed.
        at = received
        if received <= self._last_at < received + _NUDGE_MS:
            at = self._last_at + 1
        self._last_at = at
        return at


def _implausible(stamp: int | None, received: int, *, clock_unsure: bool) -> str:
    if stamp is None:
        return ""
    if stamp < EARLIEST_MS:
        return "its clock shows a time before the year 2000"
    if stamp >= LATEST_MS:
        return "its clock shows a time after the year 2100"
    if stamp > received + AHEAD_MS and not clock_unsure:
        return "its clock is more than 10 minutes ahead of ours"
    return ""

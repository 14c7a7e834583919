"""What devices of the home speak over MQTT: Zigbee2MQTT, Shelly of generation 2, Tasmota."""

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from devices.decoded import Decoded, PoisonError
from devices.json_codec import JsonCodec, iso8601, parsed
from devices.profile import Profile
from devices.quality import Quality

LAST_SEEN = "last_seen"
_FAHRENHEIT = 9 / 5, 32.0


def gone(profile: Profile) -> tuple[Decoded, ...]:
    """The word that a device does not speak."""
    count = len(profile.channels)
    return (Decoded((None,) * count, bytes([Quality.NO_ANSWER]) * count, gone=True),)


class Zigbee2MqttReader:
    """Reads a device behind Zigbee2MQTT: its state, its availability, the bridge's own state.

    Zigbee2MQTT publishes what it remembers, also when it has just been started. When a device
    really spoke is in ``last_seen``, which ``advanced.last_seen`` there switches on, as ISO 8601
    or in milliseconds; without it nobody knows how old a value is (Zigbee2MQTT documentation,
    MQTT topics and messages; device availability; settings).
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._codec = JsonCodec(profile)

    def read(self, tail: str, payload: bytes) -> tuple[Decoded, ...]:
        """What a message on the device's topic, its ``availability`` or the bridge's says.

        Raises:
            PoisonError: nothing can be read in it.
        """
        if tail:
            return gone(self._profile) if _state(payload) == "offline" else ()
        document = parsed(payload)
        stamp, fault = _last_seen(document.get(LAST_SEEN))
        said = self._codec.decode_document(document)
        return (replace(said, stamp=stamp, stamp_fault=fault),)


def _state(payload: bytes) -> str:
    if payload.startswith(b"{"):
        state = parsed(payload).get("state")
        return state if isinstance(state, str) else ""
    # Before version 2 the word stood alone.
    return payload.decode(errors="replace")


def _last_seen(raw: object) -> tuple[int | None, str]:
    if raw is None:
        return None, f"{LAST_SEEN} is missing; set advanced.last_seen in Zigbee2MQTT"
    if type(raw) is int:
        return raw, ""
    try:
        return iso8601(raw), ""
    except (TypeError, ValueError, OverflowError) as error:
        return None, f"{LAST_SEEN}: {error}"


class ShellyReader:
    """Reads a Shelly of generation 2 or later: its notifications, and whether it is online.

    ``NotifyStatus`` speaks of what has changed, and of nothing else; ``NotifyFullStatus`` of all.
    Where a component lists errors, its numbers are no measurements (Shelly API documentation,
    generation 2: RPC notifications, MQTT). A device that sleeps is offline most of the time.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._codec = JsonCodec(profile)
        self._sleeps = profile.mqtt is not None and profile.mqtt.sleeps

    def read(self, tail: str, payload: bytes) -> tuple[Decoded, ...]:
        """What a message on ``events/rpc`` or ``online`` says.

        Raises:
            PoisonError: nothing can be read in it.
        """
        if tail == "online":
            is_gone = payload == b"false" and not self._sleeps
            return gone(self._profile) if is_gone else ()
        document = parsed(payload)
        method, params = document.get("method"), document.get("params")
        # It may be anything, and what cannot be hashed is in no set.
        if method not in ("NotifyStatus", "NotifyFullStatus"):
            return ()
        if not isinstance(params, dict):
            raise PoisonError(f"{method} without params")
        said = self._codec.decode_document(_without_errors(params))
        return (said,) if method == "NotifyFullStatus" else _only_said(said)


def _without_errors(params: dict[str, object]) -> dict[str, object]:
    return {
        name: dict.fromkeys(part) if isinstance(part, dict) and part.get("errors") else part
        for name, part in params.items()
    }


def _only_said(whole: Decoded) -> tuple[Decoded, ...]:
    said = tuple(n for n, code in enumerate(whole.qualities) if code != Quality.NO_ANSWER)
    if not said:
        return ()
    values = tuple(whole.values[n] for n in said)
    return (
        replace(whole, values=values, qualities=bytes(whole.qualities[n] for n in said), said=said),
    )


class TasmotaReader:
    """Reads one probe of a device with Tasmota: the one whose ``Id`` is ``sensor``.

    Names such as ``DS18B20-2`` change their probe when one is added, so they count for nothing.
    ``Time`` has no zone: it tells messages apart, and is no time of a reading. Temperatures are
    in ``TempUnit``; without it they are not known (Tasmota documentation: MQTT, DS18x20).
    """

    def __init__(self, profile: Profile, sensor: str) -> None:
        self._profile = profile
        self._sensor = sensor.casefold()
        self._units = {"C": JsonCodec(profile), "F": JsonCodec(_in_fahrenheit(profile))}

    def read(self, tail: str, payload: bytes) -> tuple[Decoded, ...]:
        """What a message on ``SENSOR`` or ``LWT`` says.

        Raises:
            PoisonError: nothing can be read in it.
        """
        if tail == "LWT":
            return gone(self._profile) if payload == b"Offline" else ()
        document = parsed(payload)
        probe = next(self._probes(document), None)
        if probe is None:
            return gone(self._profile)
        unit = document.get("TempUnit")
        if not isinstance(unit, str) or unit not in self._units:
            raise PoisonError(f"TempUnit {unit!r:.20} is neither C nor F")
        stamp, sequence = _local_time(document.get("Time"))
        said = self._units[unit].decode_document(probe)
        return (replace(said, stamp=stamp, sequence=sequence),)

    def _probes(self, document: dict[str, object]) -> Iterator[dict[str, object]]:
        for part in document.values():
            name = part.get("Id") if isinstance(part, dict) else None
            if isinstance(part, dict) and isinstance(name, str) and name.casefold() == self._sensor:
                yield part


def _in_fahrenheit(profile: Profile) -> Profile:
    factor, offset = _FAHRENHEIT
    return replace(
        profile,
        channels=tuple(
            replace(
                channel,
                unit="degF",
                range=(channel.range[0] * factor + offset, channel.range[1] * factor + offset),
                faults=tuple(
                    replace(fault, raw=fault.raw * factor + offset)
                    if isinstance(fault.raw, float)
                    else fault
                    for fault in channel.faults
                ),
            )
            if channel.unit == "degC"
            else channel
            for channel in profile.channels
        ),
    )


def _local_time(raw: object) -> tuple[int | None, int | None]:
    try:
        at = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        at = None
    if at is None:
        return None, None
    if at.tzinfo is not None:
        return round(at.timestamp() * 1000), None
    return None, round(at.replace(tzinfo=UTC).timestamp())
